"""Labels for another look: kept, turned round, left out, or asked about again.

Every decided label of a snapshot is held against three opinions that owe it nothing:
reward models that never met its prompt, a head that learned from the verified pool
alone, and judges that are not its giver. The record is not edited: a new snapshot names
its parent, and what needs another look goes back to people.

Source: Liu et al. 2025, Skywork-Reward-V2, section 3.2 (stage 2, with recycling).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from annotation.errors import InvalidInput
from annotation.models import Actor, Feedback, Project, TaskCompletion
from annotation.services.judge_opinions import actor_opinions
from training.models import ModelVersion, Snapshot
from training.services.curation_heads import Floats, fit, projection, sigmoid
from training.services.curation_pools import Fate, Verdict, fate, merge
from training.services.curation_snapshots import (
    Row,
    ask_people,
    decided_rows,
    derive,
    restated,
)
from training.services.curation_votes import WIDTH, VoteSettings, strength
from training.services.promoting import base_model
from workers.curation.features import Features
from workers.curation.verified import VerifiedPair, verified_pairs
from workers.curation.votes import ENCODER

LEAST_AGREEMENT = 1.0
"""Of what a judge said in its two orders: both of them."""
REASON = "asked again: models contradict its label"


@dataclass(frozen=True)
class Recycled:
    """What became of the labels.

    Attributes:
        fates: how many were kept, turned round, left out, or are to be asked again.
        asked_again: tasks that have one more slot for a person now.
    """

    snapshot: str
    fates: dict[str, int]
    asked_again: int


def recycle(
    snapshot: Snapshot,
    *,
    settings: VoteSettings | None = None,
    encoder: str = ENCODER,
    ask: int = 0,
) -> Recycled:
    """Derive a snapshot of the labels that stand, and ask about the doubtful ones.

    Args:
        ask: at most so many tasks are asked about again, the most doubted first.

    Raises:
        InvalidInput: without a verified pool, or for a snapshot that cannot be used.
    """
    told = settings or VoteSettings()
    table, places = decided_rows(snapshot)
    known = verified_pairs(snapshot.project)
    if not known:
        raise InvalidInput(
            "There is nothing to hold the labels against.",
            expected="a verified pool with pairs that people decided",
            found="none",
            fix="Set some apart first: Curation, verify; or "
            "manage.py curate verify --project SLUG --share 0.1",
        )
    rows = table.to_pylist()
    decided = [rows[place] for place in places]
    version = base_model(project=None, source=encoder, role=ModelVersion.Role.ENCODER)
    features = Features(version)
    gaps = features.gaps(decided)
    votes = strength(gaps, [str(row["group"]) for row in decided], told)
    by_pool = of_the_pool(features, known, gaps, ridge=told.ridge)
    judged = verdicts(snapshot.project, decided)
    fates = [
        fate(1.0, model=model, verified_model=pool, judged=verdict)
        for model, pool, verdict in zip(
            votes.probability.tolist(), by_pool.tolist(), judged, strict=True
        )
    ]
    counts: dict[str, int] = dict(sorted(Counter(fates).items()))
    made = derive(
        snapshot,
        restated(rows, places, votes, "columns", fates),
        table.schema,
        {"use": "recycle", "encoder": encoder, "fates": counts, **asdict(told)},
    )
    again = _most_doubted(decided, fates, votes.mean)[:ask]
    return Recycled(str(made.pk), counts, ask_people(again, REASON))


def of_the_pool(
    features: Features, known: Sequence[VerifiedPair], gaps: Floats, *, ridge: float
) -> Floats:
    """Return the probability of each label by what the verified pool teaches, (N,)."""
    better = features.of([(pair.prompt, pair.better) for pair in known])
    past = better - features.of([(pair.prompt, pair.worse) for pair in known])
    narrow = projection(np.concatenate([gaps, past]), WIDTH)
    return sigmoid(narrow(gaps) @ fit(narrow(past), ridge=ridge))


def verdicts(project: Project, rows: Sequence[Row]) -> list[Verdict | None]:
    """Return what judges say of each label, that it is right; not its own giver."""
    tasks = sorted({int(row["task"]) for row in rows})
    firsts = dict(
        TaskCompletion.objects.filter(task__in=tasks, position=0).values_list(
            "task", "completion"
        )
    )
    givers = _givers(rows)
    said: dict[int, dict[int, list[float]]] = defaultdict(dict)
    models = Actor.objects.filter(project=project, kind=Actor.Kind.MODEL)
    for actor in models.order_by("pk"):
        for task, opinion in actor_opinions(actor, tasks).items():
            both = [p for p in (opinion.forth, opinion.back) if p is not None]
            said[task][actor.pk] = both
    found = []
    for row, given in zip(rows, givers, strict=True):
        task = int(row["task"])
        is_first = str(firsts.get(task)) == str(row["chosen_id"])
        answers = [
            [p if is_first else 1 - p for p in both]
            for actor, both in said[task].items()
            if actor not in given
        ]
        found.append(merge(answers, least=LEAST_AGREEMENT))
    return found


def _givers(rows: Sequence[Row]) -> list[set[int]]:
    """Return who gave each label."""
    sources = [{str(source["feedback"]) for source in row["src"]} for row in rows]
    answers = Feedback.objects.filter(pk__in=set().union(*sources))
    actors = {str(pk): actor for pk, actor in answers.values_list("pk", "actor")}
    return [{actors[pk] for pk in each if pk in actors} for each in sources]


def _most_doubted(
    rows: Sequence[Row], fates: Sequence[Fate], strengths: Floats
) -> list[int]:
    """Return the tasks that are to be asked again, those least stood behind first."""
    order = np.argsort(strengths, kind="stable")
    again = [int(rows[n]["task"]) for n in order if fates[n] == "relabel"]
    return list(dict.fromkeys(again))
