"""Rounds: a message makes one look again whether it can go on."""

from config.celery import app
from training.services import rounds


@app.task(name="workers.advance_round")
def advance_round(round_id: int) -> None:
    """Let a round go on as far as it can without waiting."""
    while rounds.advance(round_id):
        pass
