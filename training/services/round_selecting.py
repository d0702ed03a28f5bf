"""The step that chooses: candidates, their ranking, the watch, the next queue."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from uuid import UUID

from annotation.models import Completion, TaskCompletion
from training.models import Round, TrainingRun
from training.services import selection
from training.services.round_common import State, count, report
from training.services.round_opening import plan_queue
from training.services.round_queue import make_queue
from training.services.round_sampling import (
    EARLIER,
    NEW,
    OLD,
    Sampled,
    await_samples,
    by_prompt,
)
from training.services.round_settings import RoundSettings
from training.services.round_sources import put_forward
from training.services.round_stopping import stop_reason
from training.services.round_watch import Alarm, Output, alarms, tripwires
from training.services.scoring import features_of, scores_of
from training.services.selection import WATCH, Candidate, Choice


def select(found: Round, settings: RoundSettings) -> None:
    """Choose pairs, and have it planned who answers them.

    Where a stop rule holds, nothing more is asked and no round follows.
    """
    samples = await_samples(found)
    run = found.runs.get(kind=TrainingRun.Kind.SCORE)
    scores = scores_of(run)
    old, new = _put_forward(samples, scores, settings, found)
    texts = _texts(old.keys() | new.keys())
    pool = selection.candidates(
        old,
        new,
        scores,
        texts,
        asked=_asked(old.keys() | new.keys()),
        on_policy=settings.on_policy_share is not None,
    )
    watched = watch(found, settings, samples, scores, texts, pool)
    reason = stop_reason(found, settings, pool)
    if reason:
        report(found, stopped=reason)
        count(found, candidates=len(pool), tasks=0)
    else:
        seed = settings.seed + found.number
        # What the watch sends to people is asked about once.
        taken = {(each.candidate.first, each.candidate.second) for each in watched}
        rest = [each for each in pool if (each.first, each.second) not in taken]
        chosen = selection.choose(
            _ranked(found, settings, rest, run, seed),
            pairs=settings.pairs,
            random_share=settings.random_share,
            seed=seed,
            why=settings.strategy,
            on_policy_share=settings.on_policy_share,
        )
        report(
            found,
            selection={
                "strategy": settings.strategy,
                "on_policy": sum(each.candidate.on_policy for each in chosen),
                "shared_beginning": _shared_beginning(chosen, texts),
            },
        )
        made = make_queue(found, settings, [*watched, *chosen])
        count(found, candidates=len(pool), watched=len(watched), **made)
        found.routing_plan = plan_queue(found, settings)
    found.state = State.ROUTING


def _shared_beginning(
    choices: Sequence[Choice], texts: Mapping[UUID, str]
) -> float | None:
    """Return the share of the text of all pairs that need not be read twice.

    Samples drawn as trees share beginnings (the sampling setting `tree`).
    """
    shared = total = 0
    for choice in choices:
        first, second = (
            texts[pk] for pk in (choice.candidate.first, choice.candidate.second)
        )
        pairs = zip(first, second, strict=False)
        shared += sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        total += len(first) + len(second)
    return round(shared / total, 4) if total else None


def _put_forward(
    samples: Sequence[Sampled],
    scores: Mapping[UUID, float],
    settings: RoundSettings,
    found: Round,
) -> tuple[dict[int, list[UUID]], dict[int, list[UUID]]]:
    """Return the completions of (old and earlier, new) policies that may be asked."""
    sides = []
    for policies in ((OLD, EARLIER), (NEW,)):
        forward: dict[int, list[UUID]] = {}
        for policy in policies:
            kept = put_forward(
                settings.sourcing,
                by_prompt(samples, policy),
                scores,
                keep=settings.kept,
                beta=settings.rejection_beta,
                seed=settings.seed + found.number,
            )
            for prompt, completions in kept.items():
                known = forward.setdefault(prompt, [])
                known += [each for each in completions if each not in known]
        sides.append(forward)
    return sides[0], sides[1]


def _texts(prompts: Sequence[int] | set[int]) -> dict[UUID, str]:
    rows = Completion.objects.filter(prompt__in=prompts).only("id", "messages")
    return {row.pk: row.text for row in rows}


def _asked(prompts: set[int]) -> set[frozenset[UUID]]:
    asked: dict[int, set[UUID]] = {}
    slots = TaskCompletion.objects.filter(task__prompt__in=prompts)
    for task, completion in slots.values_list("task", "completion"):
        asked.setdefault(task, set()).add(completion)
    return {frozenset(pair) for pair in asked.values()}


def _ranked(
    found: Round,
    settings: RoundSettings,
    pool: Sequence[Candidate],
    run: TrainingRun,
    seed: int,
) -> list[Candidate]:
    """Return the pool as the strategy ranks it."""
    if settings.strategy == "uncertainty":
        return selection.least_certain_first(pool, seed=seed)
    from training.services.round_pool import learned_pairs, rank

    needs = selection.STRATEGIES[settings.strategy].features
    assert found.snapshot is not None
    return rank(
        settings.strategy,
        pool,
        features_of(run) if needs else {},
        learned_pairs(found.snapshot, seed=settings.seed) if needs else [],
        members=settings.members,
        seed=seed,
        # A prompt is asked about once before any comes twice, so some more are needed.
        wanted=4 * settings.pairs,
    )


def watch(
    found: Round,
    settings: RoundSettings,
    samples: Sequence[Sampled],
    scores: Mapping[UUID, float],
    texts: Mapping[UUID, str],
    pool: Sequence[Candidate],
) -> list[Choice]:
    """Return pairs that people look at because an output is far out; keep the signs.

    Each is shown beside another answer to its prompt, mostly the old policy's.
    """
    outputs = {
        which: [
            Output(
                each.prompt,
                each.completion,
                texts[each.completion],
                scores[each.completion],
                each.tokens,
                each.log_ratio,
            )
            for each in samples
            if each.policy == which
            and not each.held_out
            and each.completion is not None
            and each.completion in scores
        ]
        for which in (OLD, NEW)
    }
    # What both policies wrote is no news.
    known = {each.completion for each in outputs[OLD]}
    fresh = [each for each in outputs[NEW] if each.completion not in known]
    seen = alarms(outputs[OLD], fresh, deviations=settings.watch_deviations)
    partners = {side: each for each in pool for side in (each.first, each.second)}
    choices: list[Choice] = []
    taken: set[frozenset[UUID]] = set()
    kept: list[Alarm] = []
    for alarm in seen:
        pair = partners.get(alarm.output.completion)
        if pair is None or len(choices) >= settings.watch_pairs:
            continue
        if (both := frozenset((pair.first, pair.second))) in taken:
            continue
        taken.add(both)
        kept.append(alarm)
        choices.append(Choice(pair, WATCH, note=alarm.note))
    report(
        found,
        watch={
            "alarms": len(seen),
            "sent_to_people": len(choices),
            "policy": tripwires(outputs[OLD], outputs[NEW]),
            "outputs": [
                {
                    "completion": str(alarm.output.completion),
                    "why": alarm.why,
                    "deviations": round(alarm.deviations, 2),
                    "score": alarm.output.score,
                    "tokens": alarm.output.tokens,
                    "log_ratio": alarm.output.log_ratio,
                }
                for alarm in kept
            ],
        },
    )
    return choices
