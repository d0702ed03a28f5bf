"""Rows in, rows out: imports and exports of a project."""

import os
import tempfile
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from django.contrib.auth.models import AbstractBaseUser
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.http.response import StreamingHttpResponse
from ninja import Query, Router
from ninja.responses import Status
from pydantic import BaseModel, Field

from annotation.api import schemas
from annotation.api.uploads import uploaded
from annotation.errors import InvalidInput, NotFound
from annotation.models import Import
from annotation.permissions import project_for
from annotation.projections.query import Aggregate, Kind, Split, ViewQuery
from annotation.projections.trl import Shape
from annotation.services.cards import card_alone
from annotation.services.exporting import Export
from annotation.services.importing import ImportOptions, nothing_read
from annotation.services.importing.options import Layout, Pairing
from annotation.services.importing.queued import receive

router = Router(tags=["imports and exports"])
FAILURES = dict.fromkeys((400, 401, 403, 404, 413, 422, 503), schemas.Failure)


class BadRow(BaseModel):
    """A row that did not go in, or (warning) went in otherwise than it says."""

    line: int
    field: str
    expected: str
    value: str
    warning: bool = False


class ImportOut(BaseModel):
    id: int
    name: str
    layout: str
    strict: bool
    state: Literal["running", "done", "failed"]
    counts: dict[str, int]
    errors: list[BadRow] = Field(description="The first bad rows.")
    created_at: datetime
    finished_at: datetime | None

    model_config = {"from_attributes": True}


class ImportChoices(BaseModel):
    """How to read the rows; see docs/data.md."""

    layout: Layout = "auto"
    strict: bool = False
    overlap: Annotated[int, Field(ge=1, le=1000)] | None = None
    closed: bool = False
    annotator: Annotated[str, Field(max_length=200)] = "imported"
    source: Annotated[str, Field(max_length=200)] = "imported"
    pairs: Pairing = "all"
    completions: Annotated[int, Field(ge=1, le=12)] | None = None
    name: Annotated[str, Field(max_length=300)] = ""


@router.post(
    "/{slug}/imports",
    response={200: ImportOut, 202: ImportOut, **FAILURES},
    operation_id="import_rows",
    openapi_extra={
        "requestBody": {
            "description": "JSON Lines, the same under gzip, or Parquet: as the body "
            "itself, or as the field `file` of a form.",
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "application/vnd.apache.parquet": {
                    "schema": {"type": "string", "format": "binary"}
                },
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                },
            },
        }
    },
)
def import_rows(
    request: HttpRequest, slug: str, choices: Query[ImportChoices]
) -> Status[Import]:
    """Read a file into the project: 200 when read, 202 when a worker reads it.

    Bad rows are listed in `errors`; the others are in, unless `strict` is set. When
    nothing could be read the answer is 422, its `fields` the first bad rows.
    """
    project = project_for(request.user, slug, "research")
    assert isinstance(request.user, AbstractBaseUser)
    given = choices.model_dump(exclude={"name"})
    name, pieces = uploaded(request)
    row = receive(
        project=project,
        name=choices.name or name,
        pieces=pieces,
        options=ImportOptions(**given),
        user=request.user,
    )
    if row.state == Import.State.RUNNING:
        return Status(202, row)
    problem = nothing_read(row)
    if row.state == Import.State.FAILED or problem:
        raise _refused(row, problem)
    return Status(200, row)


def _refused(row: Import, problem: InvalidInput | None) -> InvalidInput:
    error = problem or InvalidInput(
        "The file has bad rows, so nothing of it was imported.",
        expected="no bad row (strict)",
        found=f"{row.counts.get('bad_rows', 0)} bad row(s)",
        fix="Mend the rows named below, or import without strict.",
    )
    error.fields = [
        {
            "path": f"line {item['line']}"
            + (f", {item['field']}" if item["field"] else ""),
            "message": f"expected {item['expected']}",
            "value": item["value"],
        }
        for item in row.errors
        if not item.get("warning")
    ]
    return error


@router.get(
    "/{slug}/imports",
    response={200: list[ImportOut], **FAILURES},
    operation_id="list_imports",
)
def list_imports(request: HttpRequest, slug: str) -> list[Import]:
    """Return the newest imports."""
    project = project_for(request.user, slug, "research")
    return list(project.imports.all()[:50])


@router.get(
    "/{slug}/imports/{int:import_id}",
    response={200: ImportOut, **FAILURES},
    operation_id="get_import",
)
def get_import(request: HttpRequest, slug: str, import_id: int) -> Import:
    """Return what became of a file."""
    project = project_for(request.user, slug, "research")
    row = project.imports.filter(pk=import_id).first()
    if row is None:
        raise NotFound(
            "There is no such import in this project.",
            expected="the id that the upload was answered with",
            found=str(import_id),
            fix="Look it up on the panel's page of imports.",
        )
    return row


class ExportChoices(BaseModel):
    """Which rows to export, in which shape; see docs/data.md."""

    shape: Shape = "rows"
    split: list[Split] | None = Field(
        None, description="Default: all for rows, train alone for TRL's shapes."
    )
    kind: list[Kind] | None = Field(None, description="Kinds of actors.")
    aggregate: Aggregate = "label"
    ties: Literal["keep", "drop"] = "keep"
    margins: bool = Field(False, description="A margin column in TRL's shapes.")
    licence: Annotated[str, Field(max_length=200)] = Field(
        "", description="Of the rows, for the card (md) alone."
    )


@router.get(
    "/{slug}/exports/{view}.{form}",
    response=FAILURES,
    operation_id="export_rows",
    openapi_extra={
        "responses": {
            200: {
                "description": "The rows, as a file.",
                "content": {
                    "application/x-ndjson": {"schema": {"type": "string"}},
                    "application/vnd.apache.parquet": {
                        "schema": {"type": "string", "format": "binary"}
                    },
                    "text/markdown": {"schema": {"type": "string"}},
                },
            }
        }
    },
)
def export_rows(
    request: HttpRequest,
    slug: str,
    view: str,
    form: str,
    choices: Query[ExportChoices],
) -> HttpResponseBase:
    """Stream a view as JSON Lines or Parquet, or its dataset card (md) as Markdown.

    See docs/data.md for the views' names. A card tells what the file of the same
    choices holds: questions, scales, annotators, agreement, what was left out.
    """
    project = project_for(request.user, slug, "observe")
    if form not in ("jsonl", "parquet", "md"):
        raise NotFound(
            "There is no such format to export.",
            expected="jsonl, parquet, or md for the dataset card",
            found=repr(form[:40]),
            fix="Ask for pairs.jsonl or pairs.parquet.",
        )
    default = ["train", "validation", "test"] if choices.shape == "rows" else ["train"]
    asked: dict[str, Any] = {
        "splits": choices.split or default,
        "kinds": choices.kind,
        "aggregate": choices.aggregate,
        "ties": choices.ties,
    }
    export = Export(
        project=project,
        view=view,
        shape=choices.shape,
        query=ViewQuery.model_validate(asked),
        margins=choices.margins,
    )
    response: HttpResponseBase
    if form == "md":
        text = card_alone(export, licence=choices.licence)
        response = HttpResponse(text, content_type="text/markdown; charset=utf-8")
    elif form == "parquet":
        response = FileResponse(
            _parquet(export), content_type="application/vnd.apache.parquet"
        )
    else:
        lines = export.jsonl()
        # The first lines are made here, so that what is wrong is still an answer.
        first = next(lines, b"")
        response = StreamingHttpResponse(
            chain([first], lines), content_type="application/x-ndjson"
        )
    response["Content-Disposition"] = f'attachment; filename="{export.name}.{form}"'
    return response


def _parquet(export: Export) -> Any:
    """Return an open file with the rows; its name is gone already."""
    descriptor, name = tempfile.mkstemp(prefix="hone-export-")
    os.close(descriptor)
    path = Path(name)
    try:
        export.write_parquet(path)
        return open(path, "rb")
    finally:
        path.unlink()
