"""Exports: views of the record as JSON Lines or Parquet, row by row.

Rows leave as they are read, so that memory does not grow with the project. Parquet
needs its footer, so it goes through a file that is closed before it is sent.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from django.db import connection, transaction

from annotation.errors import InvalidInput, NotFound
from annotation.models import Project
from annotation.projections.columns import as_json, schema_of
from annotation.projections.parquet import ParquetRows
from annotation.projections.query import ViewQuery
from annotation.projections.trl import Shape, shapes_of, trl_schema, written
from annotation.projections.views import VIEWS
from annotation.services.answers import Tally, stream_rows
from annotation.services.feedback_rows import (
    as_text,
    feedback_schema,
    stream_feedback,
)
from annotation.services.neutral_rows import stream_neutral
from annotation.services.prompt_rows import PromptRow, stream_prompts

Format = Literal["jsonl", "parquet"]
PIECE_CHARACTERS = 256 * 2**10
# The views, prompts without answers, and the record itself in two forms.
EXPORTS = (*VIEWS, "prompts", "neutral", "feedback")


@dataclass(frozen=True)
class Export:
    """What to export and in which shape.

    query: None: all splits for the shape `rows`; TRL's shapes, which say nothing of
        the split, hold training prompts alone.
    margins: whether TRL's shapes of pairs have a margin column (0 where none given).
    """

    project: Project
    view: str = "pairs"
    shape: Shape = "rows"
    query: ViewQuery | None = None
    margins: bool = False
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        if self.view not in EXPORTS:
            raise NotFound(
                "There is no such view to export.",
                expected="one of " + ", ".join(EXPORTS),
                found=repr(self.view),
                fix="Choose one of them.",
            )
        if self.shape not in shapes_of(self.view):
            raise InvalidInput(
                f"The view {self.view} has no such shape.",
                expected="one of " + ", ".join(shapes_of(self.view)),
                found=repr(self.shape),
                fix="Choose one of them.",
            )
        if self.query is not None:
            self.query.check_view(self.view)
        if self.margins and (self.view != "pairs" or self.shape == "rows"):
            raise InvalidInput(
                "Only TRL's shapes of pairs have a margin column of their own.",
                expected="the view pairs in the shape trl or trl-conversational",
                found=f"{self.view} in the shape {self.shape}",
                fix="Leave margins out, or choose that view and shape.",
            )

    @property
    def name(self) -> str:
        shape = "" if self.shape == "rows" else f"-{self.shape}"
        return f"{self.project.slug}-{self.view}{shape}"

    @property
    def chosen(self) -> ViewQuery:
        """The filter, with what it is by default for the shape."""
        if self.query is not None:
            return self.query
        splits = {} if self.shape == "rows" else {"splits": ["train"]}
        return ViewQuery.model_validate(splits)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as JSON values, all of one moment."""
        with _one_moment():
            if self.view in ("feedback", "neutral"):
                whole = stream_feedback if self.view == "feedback" else stream_neutral
                yield from whole(self.project)
                return
            for row in self._view_rows():
                if self.shape == "rows":
                    yield as_json(row)
                    continue
                found = written(
                    self.view,
                    self.shape,
                    row,
                    self.tally.dropped,
                    margins=self.margins,
                )
                if found is not None:
                    yield found

    def _view_rows(self) -> Iterator[Any]:
        if self.view == "prompts":
            return stream_prompts(self.project, self.chosen, self.tally.dropped)
        return stream_rows(self.project, self.view, self.chosen, self.tally)

    def jsonl(self) -> Iterator[bytes]:
        """Yield the rows as JSON Lines, several at a time."""
        rows = self.rows()
        encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        lines: list[str] = []
        size = 0
        for row in rows:
            lines.append(encode(row))
            size += len(lines[-1])
            if size > PIECE_CHARACTERS:
                yield ("\n".join(lines) + "\n").encode()
                lines, size = [], 0
        if lines:
            yield ("\n".join(lines) + "\n").encode()

    def write_parquet(self, path: Path) -> int:
        """Write the rows to a Parquet file; return how many.

        Raises:
            InvalidInput: for the view neutral, whose rows differ in their fields.
        """
        if self.view == "neutral":
            raise InvalidInput(
                "Rows of the view neutral differ in their fields: no Parquet.",
                expected="jsonl",
                found="parquet",
                fix="Export it as JSON Lines.",
            )
        with ParquetRows(path, self._schema()) as file:
            for row in self.rows():
                file.add(as_text(row) if self.view == "feedback" else row)
        return file.count

    def _schema(self) -> Any:
        if self.view == "feedback":
            return feedback_schema()
        if self.shape != "rows":
            return trl_schema(self.view, self.shape, margins=self.margins)
        return schema_of(PromptRow if self.view == "prompts" else VIEWS[self.view].row)


@contextmanager
def _one_moment() -> Iterator[None]:
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
                )
        yield
