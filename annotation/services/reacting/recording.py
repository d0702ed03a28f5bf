"""Reactions as the records that an import writes, each in a closed task of its own."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from annotation.hashing import completion_hash, prompt_hash, task_key
from annotation.judgments import Reaction
from annotation.models import Completion, Project
from annotation.services.importing import (
    ActorKey,
    Answer,
    Record,
    RowError,
    Side,
    TaskSettings,
    checks,
)
from annotation.services.reacting.rows import STORED, ReactionRow, Rows, Taken, bad_row


def records_of(
    project: Project, source: str, read: Rows, done: Taken
) -> dict[int, Record]:
    """Return the rows as records; say of each that cannot be kept why."""
    wanted = {row.completion_id for row, _ in read.values() if row.completion_id}
    known = {
        row.pk: row
        for row in Completion.objects.filter(
            prompt__project=project, pk__in=wanted
        ).select_related("prompt")
    }
    records: dict[int, Record] = {}
    for index, (row, client) in read.items():
        try:
            records[index] = _record(row, client, source, known)
        except RowError as error:
            why = f"should be {error.expected}"
            done.bad.append(bad_row(index, row, error.field, why, error.value))
    return records


def _record(
    row: ReactionRow, client: UUID, source: str, known: Mapping[UUID, Completion]
) -> Record:
    messages, context, side = _shown(row, known)
    judgment = Reaction.model_validate(
        {
            "completion": side.ref,
            **{name: getattr(row, name) for name in STORED},
        }
    )
    key = task_key(
        prompt_hash(messages, context),
        [completion_hash(side.messages, side.trace)],
        kind="reactions",
    )
    answer = Answer(
        actor=ActorKey("end_user", source, row.user, {"pool": "end users"}),
        client_id=client,
        judgments=[
            {"kind": "reaction"}
            | judgment.model_dump(mode="json", exclude_defaults=True)
        ],
        presented=[side.ref],
        at=row.at,
    )
    return Record(
        messages=messages,
        context=context,
        sides=[side],
        tasks=[[side.ref]],
        answers=[answer],
        source=source,
        settings=TaskSettings(reason="shown to end users", key=key),
    )


def _shown(
    row: ReactionRow, known: Mapping[UUID, Completion]
) -> tuple[list[dict[str, str]], Any, Side]:
    """Return the prompt's messages and context, and the completion.

    Raises:
        RowError: for a completion that the project lacks, or texts it cannot keep.
    """
    if row.completion_id is not None:
        found = known.get(row.completion_id)
        if found is None:
            expected = "a completion of this project"
            raise RowError("completion_id", expected, str(row.completion_id))
        side = Side(found.messages, trace=found.trace)
        return found.prompt.messages, found.prompt.context, side
    if isinstance(row.completion, str):
        text = checks.text(row.completion, "completion", empty=False)
        turns = [{"role": "assistant", "content": text}]
    else:
        turns = checks.messages(row.completion, "completion")
    return checks.prompt(row.prompt), None, Side(turns, generator=row.generator)
