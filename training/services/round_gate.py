"""The promotion gate: the new policy replaces the old one only if it wins.

On held-out prompts, which no model learned from. The reward model or people say which
of the two policies' answers is better; a sequential test, or one look at 200 prompts,
gives a verdict, which may be that the evidence is insufficient: the old policy stays.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any
from uuid import UUID

from annotation.models import Assignment, Feedback, Task
from annotation.services.tasks import NewTask, create_tasks
from training.models import Round, TrainingRun
from training.services.round_common import State, Wait, report
from training.services.round_sampling import NEW, OLD, await_samples, by_prompt
from training.services.round_settings import RoundSettings
from training.services.scoring import scores_of

GATE_PRIORITY = 7
Pair = tuple[UUID, UUID]


def gate(found: Round, settings: RoundSettings) -> None:
    """Test the new policy against the old one; keep the verdict.

    Raises:
        Wait: while people are asked and have not said enough.
    """
    if settings.gate != "off":
        if settings.gate_judge == "people":
            _listen(found, settings)
        else:
            scores = scores_of(found.runs.get(kind=TrainingRun.Kind.SCORE))
            wins = wins_by_score(*_sides(found), scores)
            decide(found, settings, wins, final=True)
    found.state = State.SELECTING


def open_gate(found: Round, settings: RoundSettings) -> None:
    """Ask people about the two policies, where they are the judges.

    A step before they are waited for: what a step makes goes back when it waits.
    """
    if settings.gate != "off" and settings.gate_judge == "people":
        report(found, gate={"tasks": _make_tasks(found, *_sides(found))})


def _sides(found: Round) -> tuple[dict[int, list[UUID]], dict[int, list[UUID]]]:
    """Return the old and the new policy's answers to held-out prompts."""
    samples = await_samples(found)
    old, new = (by_prompt(samples, which, held_out=True) for which in (OLD, NEW))
    return old, new


def wins_by_score(
    old: Mapping[int, Sequence[UUID]],
    new: Mapping[int, Sequence[UUID]],
    scores: Mapping[UUID, float],
) -> list[float]:
    """Return each prompt's share of comparisons that the new policy wins.

    Every answer of one policy meets every answer of the other; equal scores count
    half. Who writes nothing loses. Prompts that one policy did not reach are left out.
    """
    wins = []
    for prompt in sorted(old.keys() & new.keys()):
        ours, theirs = new[prompt], old[prompt]
        if not ours or not theirs:
            wins.append(0.5 + 0.5 * (bool(ours) - bool(theirs)))
            continue
        wins.append(
            fmean(
                0.5 + 0.5 * ((scores[a] > scores[b]) - (scores[a] < scores[b]))
                for a in ours
                for b in theirs
            )
        )
    return wins


def decide(
    found: Round, settings: RoundSettings, wins: Sequence[float], *, final: bool
) -> bool:
    """Keep what the observations say so far; return True if it is a decision.

    Args:
        final: there will be no more observations.
    """
    from training.services.round_sequential import look

    tested = look(
        settings.gate,
        wins,
        alpha=settings.gate_alpha,
        least=settings.gate_win_rate,
        final=final,
    )
    decided = final or tested.verdict != "insufficient evidence"
    report(
        found,
        gate={
            **found.report.get("gate", {}),
            **tested.as_dict(),
            "judge": settings.gate_judge,
            "alpha": settings.gate_alpha,
            "least": settings.gate_win_rate,
            "observations": len(wins),
            "promoted": tested.verdict == "better",
            "decided": decided,
        },
    )
    return decided


# people


def _listen(found: Round, settings: RoundSettings) -> None:
    """Look at the answers that have come; end the asking once they decide."""
    tasks: dict[str, Any] = found.report["gate"]["tasks"]
    wins = wins_by_people(tasks)
    if decide(found, settings, wins, final=len(wins) >= len(tasks)):
        Task.objects.filter(
            pk__in=[int(pk) for pk in tasks], state=Task.State.OPEN, leased=0, counted=0
        ).update(state=Task.State.CLOSED)
        return
    raise Wait(
        f"the promotion gate waits for people: {len(wins)} of at most {len(tasks)} "
        "comparisons answered",
        "report",
    )


def _make_tasks(
    found: Round, old: Mapping[int, Sequence[UUID]], new: Mapping[int, Sequence[UUID]]
) -> dict[str, str]:
    """Ask about one answer of each policy, one person a prompt.

    The first ones that differ; a prompt to which both say the same is not asked about.
    """
    pairs: list[Pair] = []
    for prompt in sorted(old.keys() & new.keys()):
        both = zip(new[prompt], old[prompt], strict=False)
        pairs += [pair for pair in both if pair[0] != pair[1]][:1]
    made = create_tasks(
        project=found.project,
        tasks=[
            NewTask(
                completions=(ours, theirs),
                priority=GATE_PRIORITY,
                reason="promotion gate: the new policy against the old one",
                scores={"gate": found.number},
            )
            for ours, theirs in pairs
        ],
        round=found.number,
        overlap=1,
    )
    return {
        str(pk): str(ours)
        for pk, (ours, _) in zip(made.ids, pairs, strict=True)
        if pk is not None
    }


def wins_by_people(tasks: Mapping[str, str]) -> list[float]:
    """Return what people said, in the order they said it, a task once.

    Args:
        tasks: by id, which completion is the new policy's.
    """
    answers = (
        Feedback.objects.filter(
            assignment__task__in=[int(pk) for pk in tasks], superseded_by__isnull=True
        )
        .exclude(assignment__origin=Assignment.Origin.JUDGE)
        .order_by("created_at", "pk")
        .values_list("assignment__task_id", "judgments")
    )
    wins: dict[int, float] = {}
    for task, judgments in answers:
        won = _won(judgments, tasks[str(task)])
        if won is not None:
            wins.setdefault(task, won)
    return list(wins.values())


def _won(judgments: Sequence[Mapping[str, Any]], ours: str) -> float | None:
    """Return what a comparison says of one side; both bad and unsure count half."""
    for judgment in judgments:
        if judgment["kind"] == "compare":
            outcome = judgment["outcome"]
            if outcome in ("a", "b"):
                return float(judgment[outcome] == ours)
            return 0.5
    return None
