"""Prompts, completions and tasks of records into the database, once each.

Everything has a content address, so a chunk is a few bulk statements: find what is
there, add the rest.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from uuid import UUID

from annotation.hashing import (
    completion_hash,
    group_key,
    prompt_hash,
    split_of_group,
    task_key,
)
from annotation.models import (
    Completion,
    Project,
    Prompt,
    ProtocolVersion,
    Task,
    TaskCompletion,
)
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import Counts, Record, RowError, Written

# Questions that nobody can answer about one completion.
OF_SEVERAL = {"compare", "rank", "best_worst"}


class Content:
    """Adds what records are about to one project."""

    def __init__(
        self, project: Project, protocol: ProtocolVersion, options: ImportOptions
    ) -> None:
        self.project = project
        self.protocol = protocol
        self.options = options
        kinds = {str(question.get("kind")) for question in protocol.questions}
        self.asks_of_one = bool(kinds - OF_SEVERAL)

    def prompts(self, records: list[Record], done: Written) -> list[tuple[int, str]]:
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

    def completions(
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

    def tasks(
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
                new.setdefault(
                    key, (self._task(item, prompt, key, len(places)), places)
                )
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

    def _task(self, item: Record, prompt: int, key: str, size: int) -> Task:
        settings = item.settings
        asked = not self.options.closed and (size > 1 or self.asks_of_one)
        default_state = Task.State.OPEN if asked else Task.State.CLOSED
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
