"""The steps of a round: each looks whether it can be done, does it, or says why not.

A step runs inside `rounds.advance`'s transaction with the round's row locked. It
changes the round in memory, makes the rows of the next state and returns; or it
raises `Wait` with a reason in words, or `Failure`.
"""

from annotation.models import Assignment, Completion, Feedback
from config.dispatch import enqueue
from training.engine.registry import Preset, get
from training.models import ModelVersion, Round, Snapshot, TrainingRun
from training.services.curation_verified import set_apart
from training.services.freezing import create_snapshot
from training.services.launching import DEFAULT_PRESETS
from training.services.promoting import start_model
from training.services.round_budget import share
from training.services.round_common import (
    Failure,
    State,
    Step,
    Wait,
    count,
    launch_run,
    model_of,
    no_worker,
    succeeded,
)
from training.services.round_gate import gate, open_gate
from training.services.round_opening import open_queue
from training.services.round_sampling import await_samples, launch_samples
from training.services.round_selecting import select
from training.services.round_settings import RoundSettings, policy_kind
from training.services.selection import STRATEGIES

FREEZE = "workers.freeze_snapshot"


def collect(found: Round, settings: RoundSettings) -> None:
    """Wait for labels; then a snapshot of all there is, to be frozen."""
    needed = int(found.counts.get("labels_needed", settings.min_labels))
    labels = new_labels(found, at_most=needed)
    if labels < needed:
        changed = ("counts",) if found.counts.get("labels") != labels else ()
        count(found, labels=labels)
        missing = needed - labels
        raise Wait(f"waiting for {missing} more label{'s' * (missing != 1)}", *changed)
    count(found, labels=new_labels(found))
    if settings.verified_share:
        kept = set_apart(
            project=found.project, share=settings.verified_share, seed=settings.seed
        )
        count(found, verified=kept.verified)
    found.snapshot = create_snapshot(
        project=found.project,
        name=f"Round {found.number}",
        query=settings.snapshot,
    )
    found.state = State.FREEZING
    enqueue(FREEZE, str(found.snapshot.pk))


def new_labels(found: Round, *, at_most: int | None = None) -> int:
    """Return how many answers of people came since the last round's snapshot.

    Imported labels are people's too; a judge's are not, or the loop would feed itself.
    Nor are answers that never train: the gate's, and those of the verified pool.
    """
    labels = (
        Feedback.objects.filter(project=found.project, superseded_by__isnull=True)
        .exclude(assignment__origin=Assignment.Origin.JUDGE)
        .exclude(assignment__task__scores__has_key="gate")
        .exclude(assignment__task__verified_pool=True)
    )
    earlier = Round.objects.filter(
        project=found.project, number__lt=found.number, snapshot__isnull=False
    ).order_by("-number")
    if (last := earlier.select_related("snapshot").first()) and last.snapshot:
        labels = labels.filter(created_at__gt=last.snapshot.created_at)
    return labels.order_by()[:at_most].count()


def freeze(found: Round, settings: RoundSettings) -> None:
    """Wait for the snapshot; then train the reward model on it."""
    snapshot = _ready_snapshot(found)
    counts = snapshot.manifest.get("counts", {})
    pairs = int(counts.get("train", snapshot.rows))
    pairs -= int(snapshot.manifest.get("ties", {}).get("train", 0))
    if pairs < settings.min_pairs:
        # Ties, flags and held-out prompts teach nothing: ask for more labels.
        missing = settings.min_pairs - pairs
        count(found, labels_needed=new_labels(found) + missing, pairs=pairs)
        found.snapshot = None
        found.state = State.COLLECTING
        return
    count(found, pairs=pairs)
    found.reward_run = launch_run(
        found,
        kind="reward",
        name="reward model",
        preset=settings.reward.preset,
        model=start_model(
            found.project, settings.reward_base, ModelVersion.Role.ENCODER
        ),
        snapshot=snapshot,
        params=settings.reward.params,
        lora=settings.reward.lora.model_dump() if settings.reward.lora else None,
        limits=settings.limits(settings.reward, share(found, settings, "reward")),
        seed=settings.seed,
    )
    found.state = State.TRAINING_REWARD


def _ready_snapshot(found: Round) -> Snapshot:
    snapshot = found.snapshot
    assert snapshot is not None  # collect made it
    if snapshot.state == Snapshot.State.FAILED:
        raise Failure(
            {"message": "The round's snapshot failed.", **(snapshot.error or {})}
        )
    if snapshot.state != Snapshot.State.READY:
        raise Wait("waiting for its snapshot to be frozen" + no_worker("default"))
    return snapshot


def train_reward(found: Round, settings: RoundSettings) -> None:
    """Wait for the reward model; then train the policy from the one that came in."""
    found.reward_model = model_of(found.reward_run, "the reward model")
    kind = policy_kind(settings.policy)
    # A method that samples needs the reward model to score what it writes.
    judged = "reward_model" in {p.name for p in _preset_of(settings, kind).params}
    found.policy_run = launch_run(
        found,
        kind=kind,
        name="policy",
        preset=settings.policy.preset,
        model=found.policy_in,
        reference=found.policy_in,
        snapshot=found.snapshot,
        params=settings.policy.params,
        lora=settings.policy.lora.model_dump() if settings.policy.lora else None,
        limits=settings.limits(settings.policy, share(found, settings, "policy")),
        inputs={"reward_model": str(found.reward_model.pk)} if judged else {},
        seed=settings.seed,
    )
    found.state = State.TRAINING_POLICY


def _preset_of(settings: RoundSettings, kind: str) -> Preset:
    return get(settings.policy.preset or DEFAULT_PRESETS[kind])


def train_policy(found: Round, settings: RoundSettings) -> None:
    """Wait for the policy; then let it and the one before answer prompts."""
    found.policy_out = model_of(found.policy_run, "the policy")
    launch_samples(found, settings)
    found.state = State.GENERATING


def generate(found: Round, settings: RoundSettings) -> None:
    """Wait for all policies' completions; then score them all."""
    ids = {str(each.completion) for each in await_samples(found) if each.completion}
    features = STRATEGIES[settings.strategy].features
    if features:
        ids |= _learned_from(found, settings)
    launch_run(
        found,
        kind="score",
        name="scores",
        model=found.reward_model,
        params={"features": features},
        inputs={"completion_ids": sorted(ids)},
    )
    found.state = State.SCORING


def _learned_from(found: Round, settings: RoundSettings) -> set[str]:
    """Return the completions whose features the strategy's heads learn from."""
    from training.services.round_pool import learned_pairs

    assert found.snapshot is not None
    pairs = learned_pairs(found.snapshot, seed=settings.seed)
    ids = {each for chosen, rejected, *_ in pairs for each in (chosen, rejected)}
    # A snapshot may hold rows whose completions a project's purge has taken since.
    known = Completion.objects.filter(prompt__project=found.project_id, pk__in=ids)
    return {str(pk) for pk in known.values_list("pk", flat=True)}


def score(found: Round, settings: RoundSettings) -> None:
    """Wait for the scores; then open the gate's questions."""
    succeeded(found.runs.get(kind=TrainingRun.Kind.SCORE), "the scores")
    open_gate(found, settings)
    found.state = State.GATING


STEPS: dict[State, Step] = {
    State.COLLECTING: collect,
    State.FREEZING: freeze,
    State.TRAINING_REWARD: train_reward,
    State.TRAINING_POLICY: train_policy,
    State.GENERATING: generate,
    State.SCORING: score,
    State.GATING: gate,
    State.SELECTING: select,
    State.ROUTING: open_queue,
}
