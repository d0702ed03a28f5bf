"""Records into the database, many at a time; what is there already stays as it is.

Everything has a content address, so a chunk is a few bulk statements: find what is
there, add the rest. An advisory lock per project keeps two imports from drawing
different splits for one prompt group, and the same answer from two places.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from annotation.hashing import (
    completion_hash,
    content_hash,
    group_key,
    prompt_hash,
    split_of_group,
    task_key,
)
from annotation.models import (
    Actor,
    Assignment,
    Completion,
    Feedback,
    Project,
    Prompt,
    ProtocolVersion,
    Task,
    TaskCompletion,
)
from annotation.services.importing.copying import copy_rows, reserve_ids
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import (
    ActorKey,
    Answer,
    Counts,
    Record,
    RowError,
    shorten,
)

LOCK_SPACE = 7101  # the first half of the advisory lock's key: imports


@dataclass
class Written:
    """What became of a chunk. Tasks are ids in the order of records and their sets."""

    counts: Counts = field(default_factory=Counts)
    problems: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    tasks: list[list[int]] = field(default_factory=list)


class Writer:
    """Writes records into one project; remembers its actors between chunks."""

    def __init__(self, project: Project, options: ImportOptions | None = None) -> None:
        self.project = project
        self.options = options or ImportOptions()
        self.protocol: ProtocolVersion = project.protocol
        self._actors: dict[ActorKey, int] = {}

    def write(self, records: list[Record]) -> Written:
        """Add what is new, in one transaction."""
        known_actors = dict(self._actors)
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_advisory_xact_lock(%s, %s)",
                        [LOCK_SPACE, self.project.pk % 2**31],
                    )
                return self._write(records)
        except BaseException:
            self._actors = known_actors
            raise

    def _write(self, records: list[Record]) -> Written:
        done = Written()
        prompts = self._prompts(records, done)
        done.prompts = [pk for pk, _ in prompts]
        ids, hashes = self._completions(records, done.prompts, done.counts)
        done.tasks, positions = self._tasks(records, prompts, ids, hashes, done.counts)
        self._learn_actors(records, done.counts)
        self._answers(records, done, ids, positions)
        return done

    # Prompts

    def _prompts(self, records: list[Record], done: Written) -> list[tuple[int, str]]:
        """Return (id, content hash) of each record's prompt."""
        hashes = [prompt_hash(item.messages, item.context) for item in records]
        groups = [
            item.group
            if item.group_is_key and item.group
            else group_key(item.messages, item.group)
            for item in records
        ]
        rows = Prompt.objects.filter(project=self.project)
        found = rows.filter(content_hash__in=set(hashes))
        known = {
            row[0]: row for row in found.values_list("content_hash", "id", "split")
        }
        fresh_groups = {
            group
            for group, address in zip(groups, hashes, strict=True)
            if address not in known
        }
        splits = dict(
            rows.filter(group_key__in=fresh_groups)
            .values_list("group_key", "split")
            .distinct()
        )
        new: dict[str, Prompt] = {}
        for item, address, group in zip(records, hashes, groups, strict=True):
            if address in known:
                split = known[address][2]
            elif address in new:
                split = new[address].split
            else:
                split = splits.setdefault(group, item.split or self._drawn(group))
                new[address] = Prompt(
                    project=self.project,
                    messages=item.messages,
                    context=item.context,
                    metadata=dict(item.metadata),
                    content_hash=address,
                    group_key=group,
                    split=split,
                    source=item.source,
                    external_id=item.external_id,
                )
            if item.split and item.split != split:
                done.problems.append(
                    {
                        **RowError(
                            "split",
                            f"{split!r}, which its prompt group has; kept there",
                            item.split,
                        ).as_json(item.line),
                        "warning": True,
                    }
                )
                done.counts.warnings += 1
        Prompt.objects.bulk_create(new.values(), ignore_conflicts=True)
        done.counts.prompts += len(new)
        ids = {address: row[1] for address, row in known.items()}
        ids.update(
            rows.filter(content_hash__in=list(new)).values_list("content_hash", "id")
        )
        return [(ids[address], address) for address in hashes]

    def _drawn(self, group: str) -> str:
        return split_of_group(
            group,
            validation=self.project.validation_share,
            test=self.project.test_share,
        )

    # Completions

    def _completions(
        self, records: list[Record], prompts: list[int], counts: Counts
    ) -> tuple[list[dict[UUID, UUID]], dict[UUID, str]]:
        """Return each record's ids by ref, and the content hash of each id."""
        wanted: dict[tuple[int, str], Completion] = {}
        addresses: list[dict[UUID, tuple[int, str]]] = []
        taken = set(
            Completion.objects.filter(
                pk__in=[side.ref for item in records for side in item.sides]
            ).values_list("pk", flat=True)
        )
        for item, prompt in zip(records, prompts, strict=True):
            mine: dict[UUID, tuple[int, str]] = {}
            for side in item.sides:
                key = (prompt, completion_hash(side.messages, side.trace))
                mine[side.ref] = key
                if key not in wanted:
                    pk = uuid.uuid4() if side.ref in taken else side.ref
                    taken.add(pk)
                    wanted[key] = Completion(
                        id=pk,
                        prompt_id=prompt,
                        messages=side.messages,
                        generator=side.generator,
                        model_version=side.model_version,
                        sampling=dict(side.sampling),
                        trace=side.trace,
                        content_hash=key[1],
                    )
            addresses.append(mine)
        known = self._known_completions(wanted)
        fresh = [row for key, row in wanted.items() if key not in known]
        Completion.objects.bulk_create(fresh, ignore_conflicts=True)
        counts.completions += len(fresh)
        if fresh:
            known = self._known_completions(wanted)
        ids = [{ref: known[key] for ref, key in mine.items()} for mine in addresses]
        return ids, {pk: key[1] for key, pk in known.items()}

    @staticmethod
    def _known_completions(
        wanted: Mapping[tuple[int, str], object],
    ) -> dict[tuple[int, str], UUID]:
        rows = Completion.objects.filter(
            prompt_id__in={prompt for prompt, _ in wanted},
            content_hash__in={address for _, address in wanted},
        ).values_list("prompt_id", "content_hash", "id")
        return {(prompt, address): pk for prompt, address, pk in rows}

    # Tasks

    def _tasks(
        self,
        records: list[Record],
        prompts: list[tuple[int, str]],
        ids: list[dict[UUID, UUID]],
        hashes: Mapping[UUID, str],
        counts: Counts,
    ) -> tuple[list[list[int]], dict[int, list[UUID]]]:
        """Return each record's task ids, and each task's completions by position."""
        new: dict[str, tuple[Task, list[UUID]]] = {}
        keys: list[list[str]] = []
        for item, (prompt, address), mine in zip(records, prompts, ids, strict=True):
            item_keys = []
            for refs in item.tasks:
                places = [mine[ref] for ref in refs]
                key = item.settings.key or task_key(
                    address, [hashes[pk] for pk in places]
                )
                item_keys.append(key)
                new.setdefault(key, (self._task(item, prompt, key), places))
            keys.append(item_keys)
        rows = Task.objects.filter(project=self.project)
        known = dict(rows.filter(key__in=list(new)).values_list("key", "id"))
        fresh = {key: pair for key, pair in new.items() if key not in known}
        Task.objects.bulk_create(
            (task for task, _ in fresh.values()), ignore_conflicts=True
        )
        counts.tasks += len(fresh)
        known.update(rows.filter(key__in=list(fresh)).values_list("key", "id"))
        TaskCompletion.objects.bulk_create(
            (
                TaskCompletion(task_id=known[key], completion_id=pk, position=place)
                for key, (_, places) in fresh.items()
                for place, pk in enumerate(places)
            ),
            ignore_conflicts=True,
        )
        positions: dict[int, list[UUID]] = defaultdict(list)
        slots = TaskCompletion.objects.filter(task_id__in=known.values())
        for task, pk in slots.order_by("task_id", "position").values_list(
            "task_id", "completion_id"
        ):
            positions[task].append(pk)
        return [[known[key] for key in mine_keys] for mine_keys in keys], positions

    def _task(self, item: Record, prompt: int, key: str) -> Task:
        settings = item.settings
        default_state = Task.State.CLOSED if self.options.closed else Task.State.OPEN
        return Task(
            project=self.project,
            prompt_id=prompt,
            protocol=self.protocol,
            round=settings.round,
            route=settings.route,
            priority=settings.priority,
            reason=settings.reason,
            scores=dict(settings.scores),
            overlap=settings.overlap or self.options.overlap or self.project.overlap,
            state=settings.state or default_state,
            is_control=settings.is_control,
            control_answer=settings.control_answer,
            verified_pool=settings.verified_pool,
            key=key,
        )

    # Actors

    def _learn_actors(self, records: list[Record], counts: Counts) -> None:
        wanted = {
            answer.actor: answer.actor
            for item in records
            for answer in item.answers
            if answer.actor not in self._actors
        }
        if not wanted:
            return
        self._find_actors(wanted)
        fresh = [key for key in wanted if key not in self._actors]
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
            self._actors[ActorKey(kind, source, external_id)] = pk

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

    # Answers

    def _answers(
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
            actor = self._actors[answer.actor]
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


def holder(answer: Answer) -> str:
    """Return what marks an imported assignment, so that a repeat finds it."""
    return f"import:{answer.client_id}"


class Ledger:
    """The answers that stand already for a chunk's tasks, and those just added."""

    def __init__(self, project: Project, tasks: set[int]) -> None:
        self.project = project
        self.used: dict[tuple[int, int], set[int]] = defaultdict(set)
        self.held: dict[tuple[int, int, str], str | None] = {}
        self.exported: set[UUID] = set()
        self.first: dict[tuple[int, UUID], tuple[int, UUID]] = {}
        rows = Assignment.objects.filter(task_id__in=tasks).values_list(
            "task_id",
            "actor_id",
            "presentation",
            "holder",
            "feedback__content_hash",
            "feedback__client_id",
        )
        for task, actor, presentation, mark, address, client in rows:
            self.used[task, actor].add(presentation)
            mark = f"import:{client}" if client else mark
            self.held[task, actor, mark] = address

    def learn_exported(self, ids: Iterable[UUID | None]) -> None:
        wanted = {pk for pk in ids if pk}
        if wanted:
            rows = Feedback.objects.filter(project=self.project, pk__in=wanted)
            self.exported = set(rows.values_list("pk", flat=True))

    def knows(self, task: int, actor: int, answer: Answer, address: str) -> bool:
        """Return whether this answer stands already.

        Raises:
            RowError: when another one stands under its name.
        """
        if answer.feedback_id in self.exported:
            return True
        key = (task, actor, holder(answer))
        if key not in self.held:
            return False
        stands = self.held[key]
        if stands and answer.judgments and stands != address:
            raise RowError(
                "labels",
                "the same answer as imported before under this row's id and "
                "annotator (a changed answer needs an id of its own)",
                shorten(answer.judgments),
            )
        return True

    def place(self, task: int, actor: int, answer: Answer) -> int:
        """Return a free presentation, and take it: the one given if it is free."""
        used = self.used[task, actor]
        place = answer.presentation
        while place in used:
            place += 1
        used.add(place)
        return place

    def remember(
        self, task: int, actor: int, answer: Answer, ids: tuple[int, UUID], address: str
    ) -> None:
        self.held[task, actor, holder(answer)] = address
        self.first[actor, answer.client_id] = ids

    def corrected(self, actor: int, answer: Answer) -> tuple[int | None, UUID | None]:
        """Return the assignment and the feedback that an answer corrects, if any."""
        if answer.supersedes is None:
            return None, None
        key = (actor, answer.supersedes)
        if key not in self.first:
            rows = Feedback.objects.filter(actor_id=actor, client_id=answer.supersedes)
            row = rows.values_list("assignment_id", "pk").first()
            if row is None:
                return None, None
            self.first[key] = row
        return self.first[key]


def _with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    """Return judgments with the refs of sides replaced by the database's ids."""
    if isinstance(value, str):
        return ids.get(value, value)
    if isinstance(value, list):
        return [_with_ids(item, ids) for item in value]
    if isinstance(value, dict):
        return {key: _with_ids(item, ids) for key, item in value.items()}
    return value
