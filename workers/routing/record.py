"""From the record to items: pairs as text, stored features, who said what.

What people said is read here for the pilot alone. `items_for` is given signals that
were computed without a task's own labels, nor its prompt's.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count

from annotation.models import Actor, Project, Task
from annotation.services.judge_opinions import actor_opinions
from training.models.routing import TaskFeatures
from workers.routing.embedding import Encoder
from workers.routing.extractors import (
    VERSIONS,
    Features,
    Vectors,
    by_vectors,
    by_words,
    embed,
    with_judged,
)
from workers.routing.items import Floats, Item
from workers.routing.signals import Signals
from workers.routing.statistics import PairText, Reference

ROWS = 1000


@dataclass(frozen=True)
class Pairs:
    """Tasks of two completions, in id order.

    Attributes:
        tasks: their ids.
        texts: the pairs as text, the slot of position 0 first.
        groups: prompt groups. splits: of their prompts.
        human: mean of what people said, NaN where nobody did.
        judge: mean of what judges said, both orders averaged, NaN likewise.
        flip: how far the judge's orders are apart, NaN where only one was asked.
        reward: log-odds of the first by the reward model that a round asked when it
            chose the pair, before anybody had answered it; NaN where none did.
    """

    tasks: list[int]
    texts: list[PairText]
    groups: list[str]
    splits: list[str]
    human: Floats
    judge: Floats
    flip: Floats
    reward: Floats

    def __len__(self) -> int:
        return len(self.tasks)

    def at(self, places: Sequence[int]) -> "Pairs":
        """Return the pairs at these places alone."""
        rows = list(places)
        return Pairs(
            [self.tasks[n] for n in rows],
            [self.texts[n] for n in rows],
            [self.groups[n] for n in rows],
            [self.splits[n] for n in rows],
            self.human[rows],
            self.judge[rows],
            self.flip[rows],
            self.reward[rows],
        )


def read_pairs(project: Project) -> Pairs:
    """Return the project's tasks of two completions, control tasks and pool apart."""
    rows = (
        Task.objects.filter(project=project, is_control=False, verified_pool=False)
        .annotate(slots_found=Count("slots"))
        .filter(slots_found=2)
        .order_by("pk")
        .select_related("prompt")
        .prefetch_related("slots__completion")
    )
    tasks, texts, groups, splits, odds = [], [], [], [], []
    for task in rows:
        slots = list(task.slots.all())
        first, second = (slot.completion.text for slot in slots)
        odds.append(_odds(task, [str(slot.completion_id) for slot in slots]))
        tasks.append(task.pk)
        texts.append(PairText(_last(task.prompt.messages), first, second))
        groups.append(task.prompt.group_key)
        splits.append(task.prompt.split)
    human, judge, flip = _said(project, tasks)
    reward = np.array(odds, dtype=float)
    return Pairs(tasks, texts, groups, splits, human, judge, flip, reward)


def _odds(task: Task, completions: Sequence[str]) -> float:
    """Return the reward model's log-odds that a round kept beside the pair."""
    rewards = task.scores.get("rewards", {})
    first, second = (rewards.get(each, np.nan) for each in completions)
    return float(first) - float(second)


def _last(messages: Sequence[dict[str, str]]) -> str:
    """Return what the prompt's last message asks."""
    return str(messages[-1].get("content") or "") if messages else ""


def _said(project: Project, tasks: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Return what people and judges said of each task, and the judges' flips."""
    place = {task: n for n, task in enumerate(tasks)}
    said: dict[bool, dict[int, list[float]]] = {
        True: defaultdict(list),
        False: defaultdict(list),
    }
    flips: dict[int, list[float]] = defaultdict(list)
    actors = Actor.objects.filter(assignments__project=project).distinct()
    for actor in actors.order_by("pk"):
        is_model = actor.kind in (Actor.Kind.MODEL, Actor.Kind.RULE)
        for task, opinion in actor_opinions(actor, tasks).items():
            if opinion.probability is not None:
                said[is_model][place[task]].append(opinion.probability)
            if is_model and opinion.gap is not None:
                flips[place[task]].append(abs(opinion.gap))
    size = len(tasks)
    return _means(said[False], size), _means(said[True], size), _means(flips, size)


def _means(values: dict[int, list[float]], size: int) -> Floats:
    found = np.full(size, np.nan)
    for place, each in values.items():
        found[place] = sum(each) / len(each)
    return found


def features_of(
    pairs: Pairs,
    encoder: Encoder,
    vectors: Vectors,
    tell: Callable[[str], object] = lambda doing: None,
    reference: Reference | None = None,
) -> list[frozenset[str]]:
    """Return each task's indicators; what is stored in this version is not redone.

    Where a judge has tagged a prompt (`tagging.py`), its tags stand for the others.

    Args:
        reference: what lengths are ranked among; these pairs if None.
    """
    stored = _stored(pairs.tasks)
    found: list[set[str]] = [set() for _ in pairs.tasks]
    reference = reference or Reference.of(pairs.texts)
    for name in ("words", "vectors"):
        missing = [n for n, t in enumerate(pairs.tasks) if (t, name) not in stored]
        if missing:
            tell(f"reading {len(missing):,} pairs: {name}")
            texts = [pairs.texts[n] for n in missing]
            fresh = (
                by_words(texts, reference)
                if name == "words"
                else by_vectors(texts, vectors.at(missing), encoder, vectors.prompts)
            )
            store(name, [pairs.tasks[n] for n in missing], fresh)
            stored |= {
                (pairs.tasks[n], name): features
                for n, features in zip(missing, fresh, strict=True)
            }
        for n, task in enumerate(pairs.tasks):
            found[n] |= stored[task, name].indicators
    nothing = Features()
    return [
        with_judged(frozenset(each), stored.get((task, "judge"), nothing).tags)
        for task, each in zip(pairs.tasks, found, strict=True)
    ]


def _stored(tasks: Sequence[int]) -> dict[tuple[int, str], Features]:
    found = {}
    for row in TaskFeatures.objects.filter(task__in=tasks).iterator(ROWS):
        if row.version == VERSIONS.get(row.extractor):
            found[row.task_id, row.extractor] = Features.from_json(row.values)
    return found


def store(
    name: str,
    tasks: Sequence[int],
    features: Sequence[Features],
    beside: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Keep what an extractor says of tasks, instead of what it said before.

    Args:
        beside: what else is kept with each, if anything.
    """
    TaskFeatures.objects.bulk_create(
        [
            TaskFeatures(
                task_id=task,
                extractor=name,
                version=VERSIONS[name],
                values={**each.as_json(), **more},
            )
            for task, each, more in zip(
                tasks, features, beside or [{}] * len(tasks), strict=True
            )
        ],
        batch_size=ROWS,
        update_conflicts=True,
        unique_fields=["task", "extractor"],
        update_fields=["version", "values", "computed_at"],
    )


def vectors_of(pairs: Pairs, encoder: Encoder) -> Vectors:
    """Return the sentence vectors of all pairs."""
    return embed(pairs.texts, encoder)


def _judged(pairs: Pairs, place: int) -> float:
    """Return a judge's probability; the reward model's where no judge has answered.

    So escalation asks people where the model is unsure, before a judge was paid.
    """
    said, odds = pairs.judge[place], pairs.reward[place]
    return float(0.5 * (1 + np.tanh(odds / 2)) if np.isnan(said) else said)


def items_for(
    pairs: Pairs,
    places: Sequence[int],
    marks: Sequence[frozenset[str]],
    signals: Signals,
    *,
    human_cost: float,
    ai_cost: float,
) -> list[Item]:
    """Return the tasks at these places as items; a judge's answer at hand is free."""
    found = []
    for n in places:
        said = {
            "margin": signals.margin[n],
            "spread": signals.spread[n],
            "votes": signals.votes[n],
            "judge": _judged(pairs, n),
            "reward": pairs.reward[n],
            "flip": pairs.flip[n],
        }
        found.append(
            Item(
                id=pairs.tasks[n],
                indicators=marks[n],
                signals={k: float(v) for k, v in said.items() if not np.isnan(v)},
                human_cost=human_cost,
                ai_cost=ai_cost if np.isnan(pairs.judge[n]) else 0.0,
            )
        )
    return found
