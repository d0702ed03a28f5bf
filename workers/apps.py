from django.apps import AppConfig
from django.conf import settings


class WorkersConfig(AppConfig):
    """The workers' side: tasks, judges, launchers; and beat's timetable."""

    name = "workers"

    def ready(self) -> None:
        from config.celery import app
        from workers import presence  # noqa: F401  (its signals tell who is alive)

        every = float(settings.UPKEEP_SECONDS)
        # A message that nobody took in time is worth nothing: the next one asks the
        # same. So a stopped worker comes back to a few messages, not to a heap.
        app.conf.beat_schedule = {
            name: {
                "task": f"workers.{name}",
                "schedule": every,
                "options": {"queue": "default", "expires": 3 * every},
            }
            for name in ("upkeep", "expire_leases")
        }
