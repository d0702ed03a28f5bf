"""Routing plans: a message wakes a worker, which claims the row by its state.

The jobs are imported late: only the process that decides pays for the libraries.
"""

from config.celery import app
from workers.tasks.beside import replies_beside


@app.task(name="workers.predict_routing")
@replies_beside()
def predict_routing(plan_id: int) -> None:
    """Predict what each budget would reach."""
    from workers.routing import jobs

    jobs.predict(plan_id)


@app.task(name="workers.apply_routing")
@replies_beside()
def apply_routing(plan_id: int) -> None:
    """Set the routes of a plan's tasks."""
    from workers.routing import jobs

    jobs.apply(plan_id)


@app.task(name="workers.measure_routing")
@replies_beside()
def measure_routing(plan_id: int) -> None:
    """Measure what an applied plan came to."""
    from workers.routing import jobs

    jobs.measure(plan_id)
