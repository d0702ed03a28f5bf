"""TRL rows about one completion: unpaired preference, examples, stepwise supervision.

    {"prompt", "completion", "label"?}      good or bad; without label an example
    {"messages": [...]}                     an example: the last turns of the assistant
    {"prompt", "completions": [text], "labels": [bool]}     steps

The label belongs to one actor, named by the option `annotator` and scoped to the
source. An example is a demonstration to imitate.
"""

from collections.abc import Mapping
from typing import Any

from annotation.hashing import content_hash
from annotation.projections.demonstrations import DEMONSTRATION
from annotation.protocols.steps import steps_of
from annotation.services.importing import checks
from annotation.services.importing.layouts import common
from annotation.services.importing.layouts.parts.labels import SIGNAL
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


def fits(has: set[str], row: Mapping[str, Any]) -> bool:
    """Return whether a row is one of these."""
    if {"prompt", "completions", "labels"} <= has:
        return isinstance(row["labels"], list) and all(
            isinstance(label, bool) for label in row["labels"]
        )
    return {"prompt", "completion"} <= has or (
        "messages" in has and "prompt" not in has
    )


def read(row: Mapping[str, Any], options: ImportOptions) -> Record:
    """Read one row.

    Raises:
        RowError: naming the field that cannot be used.
    """
    messages, side = _contents(row)
    source = common.source_of(row, options.source)
    row_id = checks.name(row.get("id"), "id", 300)
    judgments = _judgments(row, side)
    named = row_id or content_hash([messages, common.address(side), row.get("label")])
    annotator = checks.name(row.get("annotator"), "annotator") or options.annotator
    answer = Answer(
        actor=ActorKey("human", source, annotator),
        client_id=common.client_id(source, named, "trl", "human", annotator, 0),
        judgments=judgments,
        presented=[side.ref],
    )
    return Record(
        messages=messages,
        sides=[side],
        tasks=[[side.ref]],
        answers=[answer],
        context=checks.context(row),
        metadata=common.metadata_of(row),
        group=common.group_of(row),
        split=checks.split(row.get("split")),
        source=source,
        external_id=row_id,
        settings=TaskSettings(scores=common.origin_of(row, ("id", "tags"))),
    )


def _contents(row: Mapping[str, Any]) -> tuple[list[Message], Side]:
    if row.get("prompt") is None:
        turns = checks.messages(row.get("messages"), "messages", last="assistant")
        start = len(turns)
        while start and turns[start - 1]["role"] == "assistant":
            start -= 1
        if not start:
            raise RowError("messages", "a turn before the assistant's", turns[0])
        return turns[:start], Side(turns[start:])
    prompt = checks.prompt(row["prompt"])
    if row.get("completion") is not None:
        return prompt, common.side(row["completion"], "completion")
    steps = [
        checks.text(step, f"completions[{place}]", empty=False)
        for place, step in enumerate(checks.items(row["completions"], "completions"))
    ]
    for joined in ("\n", "\n\n"):
        side = Side([{"role": "assistant", "content": joined.join(steps)}])
        if steps_of(side.messages) == [step.strip() for step in steps]:
            return prompt, side
    raise RowError("completions", "steps of one line or one paragraph each", steps)


def _judgments(row: Mapping[str, Any], side: Side) -> list[dict[str, Any]]:
    about = {"completion": str(side.ref)}
    if row.get("completions") is not None:
        labels = checks.items(row.get("labels"), "labels")
        if len(labels) != len(row["completions"]):
            raise RowError("labels", "a label for each completion", len(labels))
        return [
            {
                "kind": "step",
                **about,
                "index": index,
                "label": "correct" if label else "incorrect",
            }
            for index, label in enumerate(labels)
        ]
    label = row.get("label")
    if label is None:
        target = str(side.ref)
        return [{"kind": "choose", "target": target, "category": DEMONSTRATION}]
    if not isinstance(label, bool):
        raise RowError("label", "true or false", label)
    value = 1.0 if label else -1.0
    return [{"kind": "reaction", **about, "signal": SIGNAL, "value": value}]
