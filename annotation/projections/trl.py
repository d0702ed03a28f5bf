"""Views in TRL's formats, standard and conversational.

Conversational rows are exact. Standard rows are texts: a prompt of one user message
is its content and a completion of one assistant turn likewise; longer chats become a
transcript, which cannot always be read back. TRL joins prompt and completion as they
are. Stepwise supervision has the standard form alone.

Source: TRL's dataset formats.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from annotation.projections.demonstrations import DemonstrationRow
from annotation.projections.judge import JudgeRow
from annotation.projections.pair_rows import PairRow
from annotation.projections.rows import Dropped, Messages
from annotation.projections.steps import StepRow, verdicts
from annotation.projections.unary import UnaryRow

Shape = Literal["rows", "trl", "trl-conversational"]
Written = dict[str, Any] | None
NAMES = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


@dataclass(frozen=True)
class Format:
    """One of TRL's formats: its columns, and how a row of a view becomes one.

    texts: columns that are a text or, in conversational form, messages.
    others: further columns and their kind.
    write: makes the columns, with texts as messages; None leaves the row out, counted.
    """

    name: str
    texts: tuple[str, ...]
    write: Callable[[Any, Dropped], Written]
    others: Mapping[str, Literal["bool", "float", "texts", "bools"]] | None = None
    shapes: tuple[Shape, ...] = ("trl", "trl-conversational")


def prompt_text(messages: Messages) -> str:
    """Return a prompt as text: one user message as it is, more as a transcript."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return f"{_transcript(messages)}\n\nAssistant: "


def completion_text(messages: Messages) -> str:
    """Return a completion as text; its first turn goes on where the prompt ends."""
    first, rest = messages[0]["content"], messages[1:]
    return f"{first}\n\n{_transcript(rest)}" if rest else first


def _transcript(messages: Messages) -> str:
    return "\n\n".join(
        f"{NAMES.get(item['role'], item['role'])}: {item['content']}"
        for item in messages
    )


def _preference(row: PairRow, dropped: Dropped) -> Written:
    if row.is_tie:  # a winner and a loser: a tie is neither
        dropped["tie"] += 1
        return None
    return {"prompt": row.prompt, "chosen": row.chosen, "rejected": row.rejected}


def _unpaired(row: UnaryRow, dropped: Dropped) -> Written:
    if row.label is None:
        dropped["neither good nor bad"] += 1
        return None
    if row.exposed is False:
        dropped["not shown to whom reacted"] += 1
        return None
    return {"prompt": row.prompt, "completion": row.completion, "label": row.label}


def _demonstration(row: DemonstrationRow, dropped: Dropped) -> Written:
    return {"prompt": row.prompt, "completion": row.completion}


def _judge(row: JudgeRow, dropped: Dropped) -> Written:
    answer = [{"role": "assistant", "content": row.target}]
    return {"prompt": row.messages, "completion": answer}


def _stepwise(row: StepRow, dropped: Dropped) -> Written:
    labels = verdicts(row)
    if not labels:
        dropped["no step known to be right or wrong"] += 1
        return None
    steps = row.steps[: len(labels)]
    return {"prompt": row.prompt, "completions": steps, "labels": labels}


def _prompt_only(row: Any, dropped: Dropped) -> Written:
    return {"prompt": row.prompt}


FORMATS: Mapping[str, Format] = {
    "pairs": Format("preference", ("prompt", "chosen", "rejected"), _preference),
    "unary": Format(
        "unpaired preference", ("prompt", "completion"), _unpaired, {"label": "bool"}
    ),
    "demonstrations": Format(
        "prompt-completion", ("prompt", "completion"), _demonstration
    ),
    "judge": Format("prompt-completion", ("prompt", "completion"), _judge),
    "steps": Format(
        "stepwise supervision",
        ("prompt",),
        _stepwise,
        {"completions": "texts", "labels": "bools"},
        ("trl",),
    ),
    "prompts": Format("prompt-only", ("prompt",), _prompt_only),
}


def written(
    view: str, shape: Shape, row: Any, dropped: Dropped, *, margins: bool = False
) -> Written:
    """Return a row of a view in TRL's format; None where the format cannot say it.

    Args:
        margins: a margin column for reward training, 0 where none was given.
    """
    form = FORMATS[view]
    found = form.write(row, dropped)
    if found is None:
        return None
    for name in form.texts:
        if shape == "trl-conversational":
            found[name] = [
                {"role": turn["role"], "content": turn["content"]}
                for turn in found[name]
            ]
        elif name == "prompt":
            found[name] = prompt_text(found[name])
        else:
            found[name] = completion_text(found[name])
    return found | ({"margin": row.margin or 0.0} if margins else {})


def trl_schema(view: str, shape: Shape, *, margins: bool = False) -> Any:
    """Return the Arrow schema of a view in one of TRL's shapes."""
    import pyarrow as pa

    chat = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    kinds = {
        "bool": pa.bool_(),
        "float": pa.float64(),
        "texts": pa.list_(pa.string()),
        "bools": pa.list_(pa.bool_()),
    }
    form = FORMATS[view]
    columns = [(name, pa.string() if shape == "trl" else chat) for name in form.texts]
    columns += [(name, kinds[kind]) for name, kind in (form.others or {}).items()]
    return pa.schema(columns + ([("margin", pa.float64())] if margins else []))


def shapes_of(view: str) -> tuple[Shape, ...]:
    """Return the shapes that a view may be exported in."""
    form = FORMATS.get(view)
    return ("rows", *(form.shapes if form else ()))
