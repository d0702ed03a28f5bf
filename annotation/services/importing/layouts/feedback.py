"""Exported feedback (`export --view feedback`): one answer a row, with all around it.

Read back into another project it gives the same prompts, completions, tasks, actors
and answers. Ids of completions are kept where they are free. An answer that stands
in this very project already is left alone.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from annotation.models import Actor, Task
from annotation.services.importing import checks
from annotation.services.importing.layouts import common
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import (
    ActorKey,
    Answer,
    Record,
    RowError,
    Side,
    TaskSettings,
)

NESTED = ("actor", "task", "context", "metadata", "completions", "judgments")


def read(row: Mapping[str, Any], options: ImportOptions) -> Record:
    """Read one row.

    Raises:
        RowError: naming the field that cannot be used.
    """
    row = _unpacked(row)
    given = checks.items(row.get("completions"), "completions")
    sides = [_side(item, f"completions[{place}]") for place, item in enumerate(given)]
    common.refuse_equal(sides, "completions")
    refs = [side.ref for side in sides]
    presented = [
        _uuid(item, f"presented[{place}]")
        for place, item in enumerate(checks.items(row.get("presented"), "presented"))
    ]
    if sorted(presented) != sorted(refs):
        raise RowError("presented", "the ids of all completions", presented)
    return Record(
        messages=checks.prompt(row.get("prompt")),
        sides=sides,
        tasks=[refs],
        answers=[_answer(row, presented, options)],
        context=checks.context({"context": row.get("context")}),
        metadata=checks.plain(_object(row, "metadata"), "metadata"),
        group=checks.name(row.get("group"), "group", 64),
        group_is_key=True,
        split=checks.split(row.get("split")),
        source=checks.name(row.get("source"), "source"),
        external_id=checks.name(row.get("row"), "row", 300),
        settings=_settings(_object(row, "task")),
    )


def _object(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return checks.mapping(row.get(name) or {}, name)


def _unpacked(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its nested objects read: Parquet holds them as JSON texts."""
    found = dict(row)
    for name in NESTED:
        if isinstance(found.get(name), str):
            try:
                found[name] = json.loads(found[name])
            except ValueError as error:
                raise RowError(name, "JSON", found[name]) from error
    return found


def _uuid(value: object, path: str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise RowError(path, "a UUID", value) from error


def _key(value: object) -> str:
    key = checks.name(value, "task.key", 64)
    if key and not re.fullmatch("[0-9a-f]{64}", key):
        raise RowError("task.key", "64 hexadecimal digits", value)
    return key


def _side(value: object, path: str) -> Side:
    item = checks.mapping(value, path)
    return Side(
        checks.messages(item.get("messages"), f"{path}.messages"),
        generator=checks.name(item.get("generator"), f"{path}.generator"),
        sampling=checks.plain(_object(item, "sampling"), f"{path}.sampling"),
        trace=checks.plain(item.get("trace"), f"{path}.trace"),
        ref=_uuid(item.get("id"), f"{path}.id"),
    )


def _answer(
    row: Mapping[str, Any], presented: list[UUID], options: ImportOptions
) -> Answer:
    given = _object(row, "actor")
    kind = checks.one_of(given.get("kind"), "actor.kind", tuple(Actor.Kind.values))
    details = {
        name: checks.plain(given.get(name), f"actor.{name}")
        for name in ("name", "pool", "groups", "model")
        if given.get(name)
    }
    source = checks.name(given.get("source"), "actor.source") or options.source
    corrects = row.get("supersedes")
    at = row.get("at")
    try:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError as error:
        raise RowError("at", "a time in ISO 8601", at) from error
    if moment is not None and (not isinstance(moment, datetime) or not moment.tzinfo):
        raise RowError("at", "a time in ISO 8601 with its zone", at)
    return Answer(
        actor=ActorKey(kind, source, checks.name(given.get("id"), "actor.id"), details),
        client_id=_uuid(row.get("client_id"), "client_id"),
        judgments=checks.items(row.get("judgments"), "judgments"),
        presented=presented,
        presentation=int(
            checks.number(row.get("presentation") or 0, "presentation", 0, 32767)
        ),
        active_ms=int(
            checks.number(row.get("active_ms") or 0, "active_ms", 0, 2**31 - 1)
        ),
        late=row.get("late") is True,
        at=moment,
        supersedes=_uuid(corrects, "supersedes") if corrects else None,
        feedback_id=_uuid(row.get("id"), "id"),
    )


def _settings(task: Mapping[str, Any]) -> TaskSettings:
    overlap = task.get("overlap")
    state = task.get("state")
    routes, states = tuple(Task.Route.values), tuple(Task.State.values)
    return TaskSettings(
        round=int(checks.number(task.get("round") or 0, "task.round", 0, 2**31 - 1)),
        route=checks.one_of(task.get("route") or "human", "task.route", routes),
        priority=int(checks.number(task.get("priority", 5), "task.priority", 0, 9)),
        overlap=int(checks.number(overlap, "task.overlap", 1, 1000))
        if overlap
        else None,
        state=checks.one_of(state, "task.state", states) if state else None,
        reason=checks.name(task.get("reason"), "task.reason"),
        scores=checks.plain(_object(task, "scores"), "task.scores"),
        is_control=task.get("is_control") is True,
        control_answer=checks.plain(task.get("control_answer"), "task.control_answer"),
        verified_pool=task.get("verified_pool") is True,
        key=_key(task.get("key")),
    )
