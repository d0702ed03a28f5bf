"""The few sentences that some methods put around a prompt; ours."""

from __future__ import annotations

from collections.abc import Sequence

from training.engine.data import Messages, Pair


def with_goal(prompt: Messages, score: float) -> Messages:
    """Return the prompt with the score its answer should earn, in the system turn."""
    return _with_system(prompt, f"Write an answer that would be rated {score:g}.")


def with_shots(
    prompt: Messages, shots: Sequence[tuple[Messages, Messages, Messages]]
) -> Messages:
    """Return the prompt after pairs of (prompt, preferred, other) of one person."""
    if not shots:
        return prompt
    parts = ["The reader has judged answers before. Write one they would prefer."]
    for number, (asked, better, worse) in enumerate(shots, 1):
        parts.append(
            f"Example {number}\nAsked: {_text(asked)}\nPreferred: {_text(better)}\n"
            f"Not preferred: {_text(worse)}"
        )
    return _with_system(prompt, "\n\n".join(parts))


def asking_why(prompt: Messages, first: Messages, second: Messages) -> Messages:
    """Return a prompt that shows two answers and asks which is better, and why."""
    return [
        {
            "role": "user",
            "content": f"Question:\n{_text(prompt)}\n\nAnswer 1:\n{_text(first)}\n\n"
            f"Answer 2:\n{_text(second)}\n\n"
            "Which answer is better, and why?",
        }
    ]


REWRITE = "Write that answer again as it would be preferred."


def rewriting(prompt: Messages, completion: Messages) -> Messages:
    """Return a conversation that asks for its last answer as it would be preferred."""
    return [*prompt, *completion, {"role": "user", "content": REWRITE}]


def rewrites(pair: Pair) -> list[tuple[Messages, Messages]]:
    """Return chosen to chosen, rejected to chosen, and each side to its edit.

    Source: Zhou et al. 2024 (identity and correction mapping); edits as further
    targets are ours.
    """
    ways = [(pair.chosen, pair.chosen), (pair.rejected, pair.chosen)]
    for said, name in (
        (pair.chosen, "chosen_edited"),
        (pair.rejected, "rejected_edited"),
    ):
        if edited := pair.extra.get(name):
            target = [{"role": m["role"], "content": m["content"]} for m in edited]
            ways.append((said, target))
    return [(rewriting(pair.prompt, said), target) for said, target in ways]


def revising(prompt: Messages, *, better: bool) -> Messages:
    """Return the prompt with a request for an answer of high or low quality."""
    wish = (
        "Answer as well as you can: correct, helpful and clear."
        if better
        else "Answer badly on purpose: wrong, unhelpful or unclear."
    )
    return _with_system(prompt, wish)


def _with_system(prompt: Messages, text: str) -> Messages:
    if prompt and prompt[0]["role"] == "system":
        first = prompt[0] | {"content": f"{prompt[0]['content']}\n\n{text}"}
        return [first, *prompt[1:]]
    return [{"role": "system", "content": text}, *prompt]


def _text(messages: Messages) -> str:
    return "\n".join(message["content"] for message in messages)
