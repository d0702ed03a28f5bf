"""Actors and answers of records into the database; a repeat adds nothing."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from annotation.hashing import content_hash
from annotation.models import Actor, Assignment, Feedback, Project, ProtocolVersion
from annotation.services.importing.copying import copy_rows, reserve_ids
from annotation.services.importing.ledger import Ledger, holder
from annotation.services.importing.records import (
    ActorKey,
    Answer,
    Counts,
    Record,
    RowError,
    Written,
)


class Answers:
    """Adds what was said to one project; remembers its actors between chunks."""

    def __init__(self, project: Project, protocol: ProtocolVersion) -> None:
        self.project = project
        self.protocol = protocol
        self.known: dict[ActorKey, int] = {}

    def learn_actors(self, records: list[Record], counts: Counts) -> None:
        wanted = {
            answer.actor: answer.actor
            for item in records
            for answer in item.answers
            if answer.actor not in self.known
        }
        if not wanted:
            return
        self._find_actors(wanted)
        fresh = [key for key in wanted if key not in self.known]
        Actor.objects.bulk_create(
            (self._actor(key) for key in fresh), ignore_conflicts=True
        )
        counts.actors += len(fresh)
        if fresh:
            self._find_actors(wanted)

    def _find_actors(self, wanted: Iterable[ActorKey]) -> None:
        rows = Actor.objects.filter(
            project=self.project,
            user__isnull=True,
            external_id__in={key.external_id for key in wanted},
        ).values_list("kind", "source", "external_id", "id")
        for kind, source, external_id, pk in rows:
            self.known[ActorKey(kind, source, external_id)] = pk

    def _actor(self, key: ActorKey) -> Actor:
        details = key.details
        return Actor(
            kind=key.kind,
            name=str(details.get("name") or key.external_id)[:200],
            project=self.project,
            source=key.source,
            external_id=key.external_id,
            pool=str(details.get("pool") or "")[:60],
            groups=details.get("groups") or {},
            model=details.get("model") or {},
        )

    def write(
        self,
        records: list[Record],
        done: Written,
        ids: list[dict[UUID, UUID]],
        positions: Mapping[int, list[UUID]],
    ) -> None:
        asked = [
            (item, answer, tasks[0], mine)
            for item, tasks, mine in zip(records, done.tasks, ids, strict=True)
            if tasks
            for answer in item.answers
        ]
        if not asked:
            return
        ledger = Ledger(self.project, {task for _, _, task, _ in asked})
        ledger.learn_exported(answer.feedback_id for _, answer, _, _ in asked)
        now = timezone.now()
        free = iter(reserve_ids(Assignment, len(asked)))
        assignments: list[dict[str, Any]] = []
        feedback: list[dict[str, Any]] = []
        for item, answer, task, mine in asked:
            actor = self.known[answer.actor]
            names = {str(ref): str(pk) for ref, pk in mine.items()}
            judgments = _with_ids(answer.judgments, names)
            address = content_hash(judgments)
            try:
                if set(positions[task]) != set(mine.values()):
                    raise RowError(
                        "task.key", "the key of these completions", item.settings.key
                    )
                known = ledger.knows(task, actor, answer, address)
            except RowError as error:
                done.problems.append(error.as_json(item.line))
                done.counts.bad_rows += 1
                continue
            if known:
                done.counts.known_answers += 1
                continue
            assignment, corrects = ledger.corrected(actor, answer)
            if assignment is None:
                assignment = next(free)
                shown = [mine[ref] for ref in answer.presented]
                assignments.append(
                    {
                        **self._assignment(answer, now),
                        "id": assignment,
                        "task_id": task,
                        "actor_id": actor,
                        "presentation": ledger.place(task, actor, answer),
                        "order": [positions[task].index(pk) for pk in shown],
                    }
                )
            if not judgments:
                done.counts.abstained += 1
                continue
            pk = uuid.uuid4()
            feedback.append(
                {
                    "id": pk,
                    "client_id": answer.client_id,
                    "assignment_id": assignment,
                    "project_id": self.project.pk,
                    "actor_id": actor,
                    "judgments": judgments,
                    "active_ms": answer.active_ms,
                    "protocol_id": self.protocol.pk,
                    "content_hash": address,
                    "late": answer.late,
                    "supersedes_id": corrects,
                    "created_at": answer.at or now,
                }
            )
            ledger.remember(task, actor, answer, (assignment, pk), address)
        copy_rows(Assignment, assignments)
        copy_rows(Feedback, feedback)
        done.counts.answers += len(feedback)

    def _assignment(self, answer: Answer, now: datetime) -> dict[str, Any]:
        state = Assignment.State
        at = answer.at or now
        return {
            "project_id": self.project.pk,
            "origin": Assignment.Origin.IMPORT.value,
            "state": (state.ANSWERED if answer.judgments else state.ABSTAINED).value,
            "counted": False,
            "holder": holder(answer),
            "leased_at": at,
            "expires_at": at,
            "ended_at": at,
            "raw_text": answer.raw_text,
        }


def _with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    """Return judgments with the refs of sides replaced by the database's ids."""
    if isinstance(value, str):
        return ids.get(value, value)
    if isinstance(value, list):
        return [_with_ids(item, ids) for item in value]
    if isinstance(value, dict):
        return {key: _with_ids(item, ids) for key, item in value.items()}
    return value
