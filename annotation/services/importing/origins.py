"""Rows as they came: which part of the record each became, and what it said besides."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from annotation.hashing import content_hash
from annotation.models import ImportedRow, Project
from annotation.services.importing import checks
from annotation.services.importing.layouts import FORMS
from annotation.services.importing.records import Record, Written
from annotation.services.importing.rest import difference
from annotation.services.importing.told import told_of


def rest_of(record: Record, row: Mapping[str, Any]) -> Any:
    """Return what a row says beyond the record that was read from it.

    Raises:
        RowError: for a value that the database cannot hold.
    """
    made = FORMS[record.form](told_of(record))
    return checks.plain(difference(made, row), "")


def keep_rows(
    project: Project,
    records: list[Record],
    done: Written,
    ids: list[dict[UUID, UUID]],
) -> None:
    """Keep the rows that can be written again; those there already stay."""
    rows = [
        ImportedRow(
            project=project,
            form=record.form,
            source=record.source,
            external_id=record.external_id,
            key=_key(record, prompt, [mine[ref] for ref in record.listed]),
            prompt_id=prompt,
            task_id=tasks[0] if tasks and record.form != "responses" else None,
            completions=[mine[ref] for ref in record.listed],
            answers=[answer.client_id for answer in record.answers],
            notes=record.notes,
            rest=record.rest,
        )
        for record, prompt, tasks, mine in zip(
            records, done.prompts, done.tasks, ids, strict=True
        )
        if record.form
    ]
    ImportedRow.objects.bulk_create(rows, ignore_conflicts=True)


def _key(record: Record, prompt: int, completions: list[UUID]) -> str:
    """Return what makes two rows the same: their id, else what they say."""
    named: Any = record.external_id or [
        prompt,
        sorted(map(str, completions)),
        record.rest,
        [str(answer.client_id) for answer in record.answers],
    ]
    parts = record.notes.get("parts", [])
    return content_hash([record.form, parts, record.source, named])
