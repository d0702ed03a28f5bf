"""One iteration of curation: look near what the reward model gets wrong, and judge it.

Verified pairs that the reward model gets wrong lead to their nearest unlabelled
neighbours; a judge sees each with the most similar verified pairs as examples, in both
orders; what it says twice alike is silver, the rest goes to people.

Source: Liu et al. 2025, Skywork-Reward-V2, section 3.1, stage 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet

from annotation.errors import InvalidInput
from annotation.models import Feedback, Judge, Project, Prompt, Task
from training.models import ModelVersion
from training.services.curation_heads import Floats, sigmoid
from training.services.curation_pools import merge, retrieve, shots
from training.services.promoting import base_model
from training.services.routing import PINNED
from workers.curation.features import Features
from workers.curation.verified import Turns, VerifiedPair, verified_pairs
from workers.judges.asking import ask
from workers.judges.loading import load

ENCODER = "wheel:minilm"
BATCH = 32
Score = Callable[[Sequence[tuple[Turns, Turns]]], Floats]


@dataclass(frozen=True)
class CurationSettings:
    """How an iteration works.

    Attributes:
        examples: verified pairs shown with each question.
        least_agreement: the share of the judge's answers that must agree; with two
            orders, 1 means both.
        most: at most so many pairs are asked about.
        escalate: send what the judge leaves open to people.
    """

    examples: int = 3
    least_agreement: float = 1.0
    most: int = 200
    escalate: bool = True


@dataclass(frozen=True)
class Iteration:
    """What an iteration did.

    Attributes:
        verified: pairs of the verified pool; accuracy is the reward model's on them.
        unlabelled: pairs that nobody has answered, of which some were retrieved.
        consistent: those the judge said twice alike, now silver.
        to_people: those it left open.
    """

    verified: int
    accuracy: float
    unlabelled: int
    retrieved: int
    consistent: int
    to_people: int


def iterate(
    *,
    project: Project,
    reward_model: ModelVersion,
    judge: Judge,
    settings: CurationSettings | None = None,
    encoder: str = ENCODER,
    score: Score | None = None,
) -> Iteration:
    """Run one iteration; running it again finds what is left.

    Args:
        score: rewards of (prompt, completion), in place of the model's own.

    Raises:
        InvalidInput: when the verified pool is empty.
        Conflict: when the judge is stopped or at work.
    """
    told = settings or CurationSettings()
    known = verified_pairs(project)
    if not known:
        raise InvalidInput(
            "There is nothing to steer by.",
            expected="a verified pool with pairs that people decided",
            found="none",
            fix="Set some apart first: Curation, verify; or "
            "manage.py curate verify --project SLUG --share 0.1",
        )
    rewards = score or scorer(reward_model)
    gaps = rewards([(pair.prompt, pair.better) for pair in known]) - rewards(
        [(pair.prompt, pair.worse) for pair in known]
    )
    features = Features(
        base_model(project=None, source=encoder, role=ModelVersion.Role.ENCODER)
    )
    tasks = list(unlabelled(project, known))
    near = _about(features, [(p.prompt, p.better, p.worse) for p in known])
    pool = _about(features, [_ends(task) for task in tasks])
    places = retrieve(sigmoid(gaps), near, pool)[: told.most]
    chosen = [tasks[place] for place in places]
    if chosen:
        examples = shots(pool[places], near, count=told.examples)
        for task, rows in zip(chosen, examples, strict=True):
            _mark(task, [known[row].task for row in rows])
    opinions = ask(judge, [task.pk for task in chosen]) if chosen else {}
    consistent, torn = 0, []
    for pk, opinion in opinions.items():
        said = [each for each in (opinion.forth, opinion.back) if each is not None]
        verdict = merge([said], least=told.least_agreement)
        if verdict is not None and verdict.consistent:
            consistent += 1
        else:
            torn.append(pk)
    if told.escalate:
        _to_people(torn)
    return Iteration(
        verified=len(known),
        accuracy=float(np.mean(gaps > 0)),
        unlabelled=len(tasks),
        retrieved=len(chosen),
        consistent=consistent,
        to_people=len(torn) if told.escalate else 0,
    )


def unlabelled(project: Project, known: Sequence[VerifiedPair]) -> QuerySet[Task]:
    """Return pairs that nobody has answered, of prompts the pool does not hold."""
    answered = Feedback.objects.filter(assignment__task=OuterRef("pk"))
    return (
        Task.objects.filter(
            ~Exists(answered),
            project=project,
            is_control=False,
            verified_pool=False,
            leased=0,
            prompt__split=Prompt.Split.TRAIN,
        )
        .exclude(prompt__in={pair.prompt_id for pair in known})
        # What a gate or a watch asks stays with people.
        .exclude(scores__has_any_keys=[PINNED, "gate"])
        .exclude(slots__position__gte=2)
        .filter(slots__position=1)
        .select_related("prompt")
        .prefetch_related("slots__completion")
        .order_by("pk")
    )


def _ends(task: Task) -> tuple[Turns, Turns, Turns]:
    first, second = (slot.completion.messages for slot in task.slots.all())
    return task.prompt.messages, first, second


def _about(features: Features, pairs: Sequence[tuple[Turns, Turns, Turns]]) -> Floats:
    """Return what pairs are about, whichever side is better, shape (N, F)."""
    one = features.of([(prompt, first) for prompt, first, _ in pairs])
    other = features.of([(prompt, second) for prompt, _, second in pairs])
    return (one + other) / 2


def _mark(task: Task, examples: Sequence[int]) -> None:
    """Say why a task is asked about and what a judge is shown with it."""
    task.scores = {**task.scores, "curation": {"examples": list(examples)}}
    task.reason = "near what the reward model gets wrong on verified pairs"
    task.route = Task.Route.AI
    task.overlap = 1
    task.state = Task.State.OPEN
    task.save(update_fields=["scores", "reason", "route", "overlap", "state"])


def _to_people(tasks: Sequence[int]) -> None:
    """Let people settle what a judge leaves open."""
    for task in Task.objects.filter(pk__in=tasks):
        task.route = Task.Route.HUMAN
        task.overlap = task.counted + task.leased + 1
        task.reason = "a judge contradicted itself near a reward model's errors"
        task.save(update_fields=["route", "overlap", "reason"])


def scorer(version: ModelVersion) -> Score:
    """Return a function that scores (prompt, completion) with a reward model."""
    loaded: Any = None

    def score(texts: Sequence[tuple[Turns, Turns]]) -> Floats:
        nonlocal loaded
        from training.engine.tasks.score import score_completions, trained_length

        if loaded is None:
            loaded = load(version, "load_reward")
        rewards, _ = score_completions(
            loaded,
            [[dict(turn) for turn in prompt] for prompt, _ in texts],
            [[dict(turn) for turn in completion] for _, completion in texts],
            max_length=trained_length(loaded),
            batch_size=BATCH,
        )
        return np.array(rewards)

    return score
