"""What a task shows to the person who answers it: the one shape of every hand-out."""

from collections.abc import Mapping, Sequence
from typing import Any

from annotation.protocols.passages import passages_of
from annotation.protocols.steps import steps_of
from annotation.services.orders import Completion, arrange


def prompt_shown(
    messages: list[dict[str, Any]], context: dict[str, Any] | None
) -> dict[str, Any]:
    """Return a prompt with its context, and the passages read out of it."""
    return {
        "messages": messages,
        "context": context,
        "passages": passages_of(context),
    }


def completions_shown(
    completions: Sequence[Completion],
    order: list[int],
    questions: Sequence[Mapping[str, Any]],
) -> list[Completion]:
    """Return completions as presented, with what the questions need of them.

    What came of a completion is left out unless a question reveals it; its steps are
    cut where a question labels them.

    Args:
        completions: {id, messages, trace, outcome} by position in the task.
        order: positions in the presented order.
        questions: the protocol's, with every field.
    """
    reveals = any(question["reveal"] == "outcome" for question in questions)
    labels_steps = any(question["kind"] == "step" for question in questions)
    return [
        completion
        | {
            "outcome": completion["outcome"] if reveals else None,
            "steps": steps_of(completion["messages"]) if labels_steps else None,
        }
        for completion in arrange(completions, order)
    ]
