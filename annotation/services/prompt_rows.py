"""The view `prompts`: prompts that may be trained on, with no completion or answer.

Prompts of control tasks and of the verified pool are never among them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import Project, Prompt, Task
from annotation.projections.query import ViewQuery
from annotation.projections.rows import Messages
from annotation.services.answers import CHUNK


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """One prompt."""

    prompt_id: str
    prompt: Messages
    group: str
    split: str
    source: str


def kept_from_training() -> QuerySet[Task]:
    """Return the tasks that keep their prompt, of an outer query, from training."""
    return Task.objects.filter(prompt=OuterRef("pk")).filter(
        Q(is_control=True) | Q(verified_pool=True)
    )


def stream_prompts(
    project: Project, query: ViewQuery, dropped: Counter[str]
) -> Iterator[PromptRow]:
    """Yield a project's prompts of the splits and sources asked for, by id."""
    chosen = Q(project=project, split__in=query.splits)
    if query.sources is not None:
        chosen &= Q(source__in=query.sources)
    rows = (
        Prompt.objects.filter(chosen)
        .annotate(kept=Exists(kept_from_training()))
        .order_by("pk")
    )
    for row in rows.iterator(chunk_size=CHUNK):
        if row.kept:
            dropped["control task or verified pool"] += 1
            continue
        yield PromptRow(
            prompt_id=str(row.pk),
            prompt=row.messages,
            group=row.group_key,
            split=row.split,
            source=row.source,
        )
