"""Policies from their own completions: every row of the online algebra on one loop.

Supports any causal language model, full weights or LoRA (the reference is then the
model with its adapters off), rewards from any number of reward models, a rule, or the
log-ratio of two models. Which pieces a method has is its row in the registry; how large
their numbers are is the specification's ``params``. Prompts come from ``data.prompts``
or the snapshot's rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from training.engine import registry
from training.engine.context import RunContext, TaskResult
from training.engine.errors import FixableError
from training.engine.online import setup
from training.engine.online.heldout import safety_check
from training.engine.online.opponents import Opponents
from training.engine.online.parts import JudgesParts, PartRewards
from training.engine.online.pipeline import Pipeline, PipelineSettings
from training.engine.online.references import ReferenceRewards
from training.engine.online.weighing import CriticSettings, KLPlace, Shaping
from training.engine.ppo.gae import ScorePlace
from training.engine.ppo.kl import Estimator
from training.engine.ppo.learner import UpdateSettings
from training.engine.ppo.shaping import MissingEnd
from training.engine.registry.online_rows import OnlineRow


def run(context: RunContext) -> TaskResult:
    """Train a policy; leave ``model/`` and its metrics."""
    row = row_of(context)
    settings = update_settings(context, row)
    parts = setup.assemble(context, row, critic=_critic(context, row))
    names = [source.name for source in parts.sources]
    numbers = pipeline_settings(context, row, names)
    references: ReferenceRewards | Opponents | None = None
    opponents = None
    if row.opponent == "mixture":
        references = opponents = Opponents(
            parts.policy,
            parts.model.policy,
            parts.reference,
            parts.sources,
            parts.drawing,
            float(context.params.get("mixing") or 0.0),
            context.integer("opponent_samples"),
            context.spec.seed,
            parts.accelerator.device,
        )
    elif row.transform in ("par", "lsc", "gap"):
        references = ReferenceRewards(
            parts.policy,
            parts.reference,
            parts.sources,
            parts.drawing,
            context.integer("reference_samples"),
            context.spec.seed,
            parts.accelerator.device,
        )

    parts_of = None
    if row.placement == "parts":
        named = dict(zip(names, numbers.weights, strict=True))
        parts_of = PartRewards(parts.sources, named, parts.policy.tokenizer)
        # What judges parts is not counted again as a whole.
        numbers = replace(
            numbers,
            weights=tuple(
                0.0 if isinstance(source, JudgesParts) else weight
                for source, weight in zip(parts.sources, numbers.weights, strict=True)
            ),
        )

    pipeline = Pipeline(row, numbers, references, parts_of)
    return setup.run(
        context,
        parts,
        combine=pipeline.scores,
        weigh=pipeline,
        settings=settings,
        row=row,
        opponents=opponents,
        afterwards=safety_check(context, names, numbers.thresholds),
    )


def row_of(context: RunContext) -> OnlineRow:
    """Return the method's row, with the choices that its settings leave open."""
    row = registry.get(context.spec.preset).settings
    assert isinstance(row, OnlineRow)
    changes: dict[str, Any] = {
        name: context.params[name]
        for name in ("kl_place", "kl_estimator", "reduction")
        if name in context.params
    }
    return OnlineRow(**{**vars(row), **changes})


def _critic(context: RunContext, row: OnlineRow) -> str:
    return context.text("critic") if row.baseline == "critic" else "none"


def update_settings(context: RunContext, row: OnlineRow) -> UpdateSettings:
    """Return how each update learns.

    Raises:
        FixableError: if settings that are each fine do not go together.
    """
    in_loss = row.kl_place == "loss"
    if in_loss and row.kl_estimator == "k1":
        raise FixableError(
            "The KL penalty would do nothing.",
            expected="k2 or k3 with kl_place 'loss'",
            found="k1, whose gradient is zero on average",
            fix="Set kl_estimator to k2, or kl_place to reward.",
            field="params.kl_estimator",
        )
    _require_samples(context, row)
    buffer = context.integer("prompts_per_update") * context.integer("samples")
    minibatch = buffer if row.is_single_step else context.integer("minibatch")
    if minibatch > buffer:
        raise FixableError(
            "A minibatch is larger than what is sampled for it.",
            expected=f"at most {buffer}, prompts_per_update times samples",
            found=str(minibatch),
            fix="Lower minibatch or raise prompts_per_update.",
            field="params.minibatch",
        )
    optional = context.params.get
    return UpdateSettings(
        epochs=1 if row.is_single_step else context.integer("ppo_epochs"),
        minibatch=minibatch,
        forward=context.integer("batch_size"),
        surrogate=row.surrogate,
        ratio=row.ratio,
        clip_low=float(optional("clip_low") or 0.0),
        clip_high=float(optional("clip_high") or 0.0),
        dual_clip=_maybe(optional("dual_clip")),
        value_clip=_maybe(optional("value_clip")),
        value_coef=float(optional("value_coef") or 0.0),
        entropy_coef=context.number("entropy_coef"),
        kl_coef=context.number("kl_coef") if in_loss else 0.0,
        kl_estimator=row.kl_estimator,
        reduction=row.reduction,
        longest=context.integer("max_new_tokens"),
        stop_kl=_maybe(optional("stop_kl")),
        max_grad_norm=context.number("max_grad_norm"),
    )


def _maybe(value: Any) -> float | None:
    return None if value is None else float(value)


def _require_samples(context: RunContext, row: OnlineRow) -> None:
    """Refuse groups that are too small for what their members are compared with."""
    samples = context.integer("samples")
    compared = row.baseline in ("group", "leave_one_out") or row.transform == "win_rate"
    compared = compared or row.duel != "none"
    if row.baseline == "partner" and samples != 2:
        expected = "exactly 2: a completion and its partner"
    elif compared and samples < 2:
        expected = "at least 2: a completion is compared with its group"
    else:
        return
    raise FixableError(
        "The method cannot compare completions.",
        expected=expected,
        found=str(samples),
        fix="Change samples.",
        field="params.samples",
    )


def pipeline_settings(
    context: RunContext, row: OnlineRow, names: list[str]
) -> PipelineSettings:
    """Return the numbers of the pipeline.

    Args:
        names: of the reward sources, in order.

    Raises:
        FixableError: if a number is given for a source that there is not.
    """
    params = context.params
    thresholds: tuple[float, ...] = ()
    if row.combine == "directed" and len(names) != 2:
        raise FixableError(
            "A direction weighs two rewards.",
            expected="two: reward models as models.reward and reward_2, or one and a "
            "rule",
            found=", ".join(names),
            fix="Name another reward model, or choose a rule.",
            field="models.reward_2",
        )
    if row.combine == "constrained":
        found = named_numbers(context, "thresholds", names)
        missing = [name for name in names if name not in found]
        if missing:
            raise FixableError(
                "A reward has no threshold.",
                expected=f"a threshold for each of {', '.join(names)}",
                found=f"none for {', '.join(missing)}",
                fix="Give them as thresholds, such as 'reward=0.5, rule=0.1'.",
                field="params.thresholds",
            )
        thresholds = tuple(found[name] for name in names)
    own = {"reward": "reward_weight", "ratio": "reward_weight"}
    given = named_numbers(context, "source_weights", names)
    models = set(context.spec.models)
    weights = [
        given.get(
            name,
            context.number(own[name])
            if name in own
            else 1.0
            if name in models
            else context.number("rule_weight"),
        )
        for name in names
    ]
    numbers: dict[str, Any] = {
        name: params[name]
        for name in (
            *("steepness", "quantile", "variance_penalty", "keep", "equality"),
            *("dual_rate", "success", "weight", "kept_share", "token_share"),
            *("beta", "accepted", "rejection_beta", "inflation", "confidence"),
        )
        if name in params
    }
    return PipelineSettings(
        weights=tuple(weights),
        thresholds=thresholds,
        shaping=shaping_settings(context),
        critic=critic_settings(context, row),
        seed=context.spec.seed,
        **numbers,
    )


def named_numbers(
    context: RunContext, param: str, names: list[str]
) -> dict[str, float]:
    """Return numbers by name from a text such as ``reward=1, cost=-0.5``.

    Raises:
        FixableError: if it cannot be read, or names what there is not.
    """
    numbers: dict[str, float] = {}
    for part in str(context.params.get(param) or "").split(","):
        if not part.strip():
            continue
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            numbers[name] = float(value)
        except ValueError:
            name = ""
        if name not in names:
            raise FixableError(
                "Numbers of rewards could not be read.",
                expected=f"name=number, names among {', '.join(names)}",
                found=repr(part.strip()),
                fix=f"Correct {param}.",
                field=f"params.{param}",
            )
    return numbers


def critic_settings(context: RunContext, row: OnlineRow) -> CriticSettings:
    """Return how values become advantages; the defaults without a critic."""
    if row.baseline != "critic":
        return CriticSettings()
    return CriticSettings(
        kl_place=cast(KLPlace, row.kl_place),
        kl_estimator=cast(Estimator, row.kl_estimator),
        discount=context.number("discount"),
        trace=context.number("trace"),
        score_place=cast(ScorePlace, context.text("score_place")),
        whiten_rewards=context.flag("whiten_rewards"),
        whiten_advantages=context.flag("whiten_advantages"),
    )


def shaping_settings(context: RunContext) -> Shaping:
    """Return what happens to scores before they become rewards."""
    return Shaping(
        clip=context.optional("score_clip"),
        missing_end=context.optional("missing_end_penalty"),
        missing_end_how=cast(MissingEnd, context.text("missing_end")),
        length_free=context.integer("length_free"),
        length_penalty=context.number("length_penalty"),
    )
