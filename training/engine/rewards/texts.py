"""What some reward models write around a prompt; the wording is ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.engine.data import Messages
from training.engine.registry.rewards_algebra import Map

PRINCIPLE = "The answer is correct, complete and helpful."
"""The principle that is asked about where none is given."""

YES_NO = ("Yes", "No")
FIRST_SECOND = ("A", "B")


def chat(value: Any) -> Messages:
    """Return messages as plain dictionaries."""
    return [{"role": m["role"], "content": m["content"] or ""} for m in value]


def under(how: Map, prompt: Messages, extra: Mapping[str, Any]) -> Messages:
    """Return the prompt as a method shows it, with what its row says besides.

    Args:
        extra: ``context``, a criterion or profile; ``reference``, another answer.
    """
    if how == "context" and extra.get("context"):
        wish = f"Judge the answer by this alone: {extra['context']}"
        return [{"role": "system", "content": wish}, *prompt]
    if how == "reference" and extra.get("reference"):
        again = f"Answer this once more, in the same manner:\n{text_of(prompt)}"
        return [*prompt, *extra["reference"], {"role": "user", "content": again}]
    return prompt


def asking_principle(
    prompt: Messages, completion: Messages, principle: str
) -> Messages:
    """Return the conversation with a question whether a principle holds in it."""
    question = (
        f"Does your last answer keep to this? {principle}\n"
        f"Reply {YES_NO[0]} or {YES_NO[1]}."
    )
    return [*prompt, *completion, {"role": "user", "content": question}]


def asking_which(prompt: Messages, first: Messages, second: Messages) -> Messages:
    """Return a question which of two answers is better."""
    first_name, second_name = FIRST_SECOND
    return [
        {
            "role": "user",
            "content": f"Question:\n{text_of(prompt)}\n\n"
            f"Answer {first_name}:\n{text_of(first)}\n\n"
            f"Answer {second_name}:\n{text_of(second)}\n\n"
            f"Which answer is better? Reply {first_name} or {second_name}.",
        }
    ]


def weighing_both(
    prompt: Messages, first: Messages, second: Messages, *, graded: bool
) -> Messages:
    """Return a question which answer is better, to be thought over first.

    Args:
        graded: whether the verdict is a strength, not a name.
    """
    first_name, second_name = FIRST_SECOND
    verdict = (
        "a number from -3 (the first is far better) to 3 (the second is), not 0, as "
        "[[-2]]"
        if graded
        else f"[[{first_name}]] or [[{second_name}]]"
    )
    (asked,) = asking_which(prompt, first, second)
    shown, _, _ = asked["content"].rpartition("\n\n")
    wish = (
        "Think about how helpful, correct, coherent, complex, wordy and safe each "
        f"answer is. End with your verdict: {verdict}."
    )
    return [asked | {"content": f"{shown}\n\n{wish}"}]


def text_of(messages: Messages) -> str:
    """Return a conversation's texts, a line each."""
    return "\n".join(message["content"] for message in messages)
