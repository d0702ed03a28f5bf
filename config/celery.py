"""The Celery application: queues `default`, `judge` and `gpu`.

Tasks are in `workers/tasks/`; beat's timetable is beside them in `workers/apps.py`.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("hone")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"])
