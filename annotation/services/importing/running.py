"""One import from file to record: read, check, write in chunks, report."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.utils import timezone

from annotation.errors import HoneError, InvalidInput, InvalidJudgments
from annotation.judgments import completions_of, dump_judgments, parse_judgments
from annotation.models import Import, Project
from annotation.services.importing.layouts import read_row
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.origins import rest_of
from annotation.services.importing.readers import Row, read_rows
from annotation.services.importing.records import Counts, Problems, Record, RowError
from annotation.services.importing.writing import Writer

CHUNK_ROWS = 500
CHUNK_BYTES = 16 * 2**20
log = logging.getLogger(__name__)
Progress = Callable[[int], object]


class StrictStop(Exception):
    """A bad row ended a strict import; its transaction goes back."""


def import_file(
    *,
    project: Project,
    path: Path,
    name: str = "",
    options: ImportOptions | None = None,
    user: AbstractBaseUser | None = None,
    kept: Import | None = None,
    progress: Progress | None = None,
) -> Import:
    """Read a file into a project; return the row that says what became of it.

    Rows that cannot be used are counted and the first are kept in `errors`; the rest
    goes in, 500 rows a transaction. Under `strict` one bad row leaves nothing behind.
    A repeated import adds nothing.

    Args:
        kept: an Import row made before (a queued upload), to be filled.
        progress: called with the number of rows read since the last call.

    Raises:
        InvalidInput: when nothing of the file can be read. The row says so, too.
    """
    options = options or ImportOptions()
    name = (name or path.name).encode("utf-8", "replace").decode()[:300]
    row = kept or Import.objects.create(
        project=project,
        name=name,
        layout=options.layout,
        strict=options.strict,
        created_by_id=user.pk if user is not None else None,
    )
    reading = Reading(row, options, progress or (lambda rows: None))
    try:
        if options.strict:
            try:
                with transaction.atomic():
                    reading.run(read_rows(path, name))
            except StrictStop:
                reading.undo()
        else:
            reading.run(read_rows(path, name))
    except HoneError as error:
        reading.problems.extend([_as_problem(error)])
        reading.finish(Import.State.FAILED)
        raise
    except Exception as error:
        reading.problems.extend([_broken(error)])
        if not isinstance(error, OperationalError | InterfaceError):
            reading.finish(Import.State.FAILED)
        raise
    failed = options.strict and reading.counts.bad_rows
    reading.finish(Import.State.FAILED if failed else Import.State.DONE)
    return row


class Reading:
    """The state of one import while it runs."""

    def __init__(self, row: Import, options: ImportOptions, progress: Progress) -> None:
        self.row = row
        self.options = options
        self.progress = progress
        self.writer = Writer(row.project, options)
        self.counts = Counts()
        self.problems = Problems()
        self.layouts: set[str] = set()

    def run(self, rows: Iterator[tuple[int, Row]]) -> None:
        self.options = self.options.fitted(self.row.project.protocol)
        chunk: list[Record] = []
        size = 0
        for line, given in rows:
            self.counts.rows += 1
            try:
                if isinstance(given, RowError):
                    raise given
                layout, record = read_row(given, self.options)
                self.layouts.add(layout)
                record = with_rest(replace(checked(record), line=line), given)
            except RowError as error:
                self._bad(line, error)
                continue
            except RecursionError:
                self._bad(line, RowError("", "values nested less deeply", "too deep"))
                continue
            chunk.append(record)
            size += _weight(record)
            if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
                self._flush(chunk)
                chunk, size = [], 0
        self._flush(chunk)

    def _bad(self, line: int, error: RowError) -> None:
        self.counts.bad_rows += 1
        self.problems.extend([error.as_json(line)])
        if self.options.strict:
            raise StrictStop

    def _flush(self, chunk: list[Record]) -> None:
        if not chunk:
            return
        try:
            self._write(chunk)
        except (OperationalError, InterfaceError):
            raise  # the server is gone: no row is to blame
        except DatabaseError as error:
            if len(chunk) == 1:
                found = str(error).splitlines()[0]
                refused = RowError("", "a row that the database accepts", found)
                self._bad(chunk[0].line, refused)
                return
            log.warning("a chunk of %s rows was refused: %s", len(chunk), error)
            for record in chunk:  # find the row to blame; the others go in
                self._flush([record])
        else:
            self.progress(len(chunk))

    def _write(self, chunk: list[Record]) -> None:
        done = self.writer.write(chunk)
        self.counts.add(done.counts)
        self.problems.extend(done.problems)
        if self.options.strict and done.counts.bad_rows:
            raise StrictStop

    def undo(self) -> None:
        """Forget what was added: the transaction went back."""
        kept = Counts(rows=self.counts.rows, bad_rows=self.counts.bad_rows)
        self.counts = kept

    def finish(self, state: str) -> None:
        row = self.row
        if self.layouts:
            row.layout = "+".join(sorted(self.layouts))[:20]
        row.state = state
        row.counts = asdict(self.counts)
        row.errors = self.problems.kept
        row.finished_at = timezone.now()
        row.save(update_fields=["layout", "state", "counts", "errors", "finished_at"])


def _weight(record: Record) -> int:
    sides = [record.messages, *(side.messages for side in record.sides)]
    return sum(len(turn["content"]) for messages in sides for turn in messages)


def checked(record: Record) -> Record:
    """Return a record whose judgments are canonical and name its completions only.

    Raises:
        RowError: naming the judgment that cannot be used.
    """
    answers = []
    for answer in record.answers:
        asked = set(record.tasks[0]) if record.tasks else set()
        if not answer.judgments:
            answers.append(answer)
            continue
        try:
            judgments = parse_judgments(answer.judgments)
        except InvalidJudgments as error:
            first = error.fields[0]
            field = f"judgments.{first['path']}"
            raise RowError(field, first["message"], first["value"]) from error
        for place, judgment in enumerate(judgments):
            if unknown := completions_of(judgment) - asked:
                raise RowError(
                    f"judgments[{place}]",
                    "completions of this row's task",
                    f"unknown completion {_first(unknown)}",
                )
        answers.append(replace(answer, judgments=dump_judgments(judgments)))
    return replace(record, answers=answers)


def with_rest(record: Record, row: Mapping[str, Any]) -> Record:
    """Return a record with what its row says beyond it, if it can be written again."""
    return replace(record, rest=rest_of(record, row)) if record.form else record


def _first(ids: set[UUID]) -> str:
    return str(min(ids))


def _as_problem(error: HoneError) -> dict[str, object]:
    return {
        "line": 0,
        "field": "",
        "expected": error.expected or "",
        "value": error.found or "",
        "message": str(error),
    }


def _broken(error: Exception) -> dict[str, object]:
    return {
        "line": 0,
        "field": "",
        "expected": "an import that runs to its end",
        "value": f"{type(error).__name__}: {error}"[:300],
    }


def nothing_read(row: Import) -> InvalidInput | None:
    """Return the error to tell when no row of a file could be used, if so."""
    if row.counts.get("rows", 0) > row.counts.get("bad_rows", 0):
        return None
    return InvalidInput(
        f"No row of {row.name} could be read.",
        expected="rows in a layout of docs/data.md",
        found=f"{row.counts.get('rows', 0)} rows, all bad",
        fix="Mend the rows named above and import the file again.",
    )
