"""TRL preference rows, standard (texts) and conversational (messages).

    {"prompt", "chosen", "rejected", "margin"?, "score_chosen"?, "score_rejected"?}

Without `prompt`, it is what chosen and rejected have in common at their start. The
label belongs to one actor, named by the option `annotator` and scoped to the source.
Which of the two is shown first is drawn from their contents, never "chosen first".
A whole `margin` from 0 to 100 becomes the strength; scores stay with the task. Rows
about one completion are read by `trl_single`.
"""

from collections.abc import Mapping
from typing import Any

from annotation.hashing import content_hash
from annotation.services.importing import checks
from annotation.services.importing.layouts import common, trl_single
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import (
    ActorKey,
    Answer,
    Message,
    Record,
    RowError,
    Side,
    TaskSettings,
)

KEPT = ("id", "margin", "score_chosen", "score_rejected", "tags")


def fits(has: set[str], row: Mapping[str, Any]) -> bool:
    """Return whether a row is in one of TRL's formats that hold a label."""
    return {"chosen", "rejected"} <= has or trl_single.fits(has, row)


def read(row: Mapping[str, Any], options: ImportOptions) -> Record:
    """Read one row.

    Raises:
        RowError: naming the field that cannot be used.
    """
    if row.get("chosen") is None and row.get("rejected") is None:
        return trl_single.read(row, options)
    prompt, chosen, rejected = _contents(row)
    common.refuse_equal([chosen, rejected], "rejected")
    source = common.source_of(row, options.source)
    row_id = checks.name(row.get("id"), "id", 300)
    named = row_id or content_hash(
        [prompt, common.address(chosen), common.address(rejected)]
    )
    first, second = sorted(
        [chosen, rejected], key=lambda item: content_hash([prompt, item.messages])
    )
    judgment: dict[str, Any] = {
        "kind": "compare",
        "a": str(first.ref),
        "b": str(second.ref),
        "outcome": "a" if first is chosen else "b",
        "question": "overall",
    }
    margin = row.get("margin")
    if margin is not None:
        value = checks.number(margin, "margin", -1e9, 1e9)
        if value == int(value) and 0 < value <= 100:
            judgment["strength"] = int(value)
    annotator = checks.name(row.get("annotator"), "annotator") or options.annotator
    answer = Answer(
        actor=ActorKey("human", source, annotator),
        client_id=common.client_id(source, named, "human", annotator, 0),
        judgments=[judgment],
        presented=[first.ref, second.ref],
    )
    return Record(
        messages=prompt,
        sides=[first, second],
        tasks=[[first.ref, second.ref]],
        answers=[answer],
        context=checks.context(row),
        metadata=common.metadata_of(row),
        group=common.group_of(row),
        split=checks.split(row.get("split")),
        source=source,
        external_id=row_id,
        settings=TaskSettings(scores=common.origin_of(row, KEPT)),
    )


def _contents(row: Mapping[str, Any]) -> tuple[list[Message], Side, Side]:
    chosen, rejected = row.get("chosen"), row.get("rejected")
    texts = isinstance(chosen, str), isinstance(rejected, str)
    if texts[0] != texts[1]:
        raise RowError(
            "rejected", "the same form as chosen: text or messages", rejected
        )
    if isinstance(chosen, str) and isinstance(rejected, str):
        return _standard(row.get("prompt"), chosen, rejected)
    turns = checks.messages(chosen, "chosen"), checks.messages(rejected, "rejected")
    if row.get("prompt") is not None:
        return checks.prompt(row["prompt"]), Side(turns[0]), Side(turns[1])
    shared = 0
    while shared < min(map(len, turns)) and turns[0][shared] == turns[1][shared]:
        shared += 1
    if not shared:
        raise RowError("prompt", "a prompt, or the same first messages", turns[0][:1])
    for name, found in zip(("chosen", "rejected"), turns, strict=True):
        if len(found) == shared:
            raise RowError(name, "a message after the shared ones", found[-1])
    prompt = turns[0][:shared]
    return prompt, Side(turns[0][shared:]), Side(turns[1][shared:])


def _standard(
    prompt: object, chosen: str, rejected: str
) -> tuple[list[Message], Side, Side]:
    if prompt is None:
        shared = 0
        while (
            shared < min(len(chosen), len(rejected))
            and chosen[shared] == rejected[shared]
        ):
            shared += 1
        if shared and chosen[shared - 1] == " ":
            shared -= 1  # as TRL does: the space opens the completion
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
        if not prompt.strip():
            raise RowError("prompt", "a prompt, or texts that start alike", chosen)
    return (
        checks.prompt(prompt),
        common.side(chosen, "chosen"),
        common.side(rejected, "rejected"),
    )
