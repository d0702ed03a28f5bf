"""The reward sources of a run, from its specification; refusing what cannot work."""

from __future__ import annotations

from training.engine.context import RunContext
from training.engine.errors import FixableError
from training.engine.models import Loaded, load_policy, load_reward
from training.engine.online.cooper import LearningReward
from training.engine.online.feedback import AGENTS
from training.engine.online.mapped import MAPPING, MappedReward
from training.engine.online.mapping import load_mapping
from training.engine.online.parts import JudgesParts, SegmentReward
from training.engine.online.rewards import (
    Earned,
    LikelihoodRatio,
    ModelReward,
    RewardSource,
    Verdict,
    rule,
)
from training.engine.online.users import USER
from training.engine.registry.fits import ANOTHER_JUDGE, SCORES_ALONE, needs_more
from training.engine.registry.online_rows import OnlineRow
from training.engine.rewards.model import RewardModel
from training.engine.spec import ModelPart
from training.engine.tasks.score import trained_length

RATIO = ("better", "worse")
"""Names of the two models whose log-ratio is a reward."""

_POLICIES = (*RATIO, MAPPING, *AGENTS, USER)
"""Names of models that write; other names are reward models."""


def reward_model(context: RunContext) -> Loaded | None:
    """Return the first reward model, from ``models.reward`` or the setting."""
    spec = context.spec
    part = spec.models.get("reward")
    if part is None and context.params.get("reward_model"):
        part = ModelPart(source=context.text("reward_model"), dtype=spec.model.dtype)
    if part is None:
        return None
    return load_reward(part, seed=spec.seed, is_trained=True)


def reward_sources(
    context: RunContext, row: OnlineRow, policy: Loaded, reward: Loaded | None
) -> list[RewardSource]:
    """Return where rewards come from: reward models by name, then rules.

    Raises:
        FixableError: if there is none, or one lacks what it needs.
    """
    spec = context.spec
    models = {"reward": reward} if reward is not None else {}
    for name, part in spec.models.items():
        if name not in ("reward", *_POLICIES):
            models[name] = load_reward(part, seed=spec.seed, is_trained=True)
    sources: list[RewardSource] = [
        _of_model(context, row, name, loaded) for name, loaded in models.items()
    ]
    if set(RATIO) <= spec.models.keys():
        better, worse = (
            load_policy(spec.models[name], seed=spec.seed) for name in RATIO
        )
        for loaded in (better, worse):
            require_vocabulary(loaded, policy, "models.better")
        size = context.integer("sampling_batch_size")
        sources.append(LikelihoodRatio(better, worse, batch_size=size))
    if MAPPING in spec.models:
        mapping = load_mapping(
            spec.models[MAPPING], f"models.{MAPPING}", seed=spec.seed
        )
        size = context.integer("sampling_batch_size")
        reading = str(context.params.get("reading", "aligned"))
        sources.append(MappedReward(mapping, reading, batch_size=size))
    if row.prompts == "judged":
        sources.append(Verdict())
    if row.prompts == "answered":
        sources.append(Earned())
    if row.prompts == "profiled":
        sources.append(Earned("profile"))
    if row.prompts == "completed":
        sources.append(Earned("answer"))
    name = context.text("rule")
    if name == "contains" and not context.text("rule_words").strip(" ,"):
        raise FixableError(
            "The rule has nothing to look for.",
            expected="words with commas between them as params.rule_words",
            found="none",
            fix="Give the words, or choose another rule.",
            field="params.rule_words",
        )
    if name != "none":
        sources.append(
            rule(name, context.text("rule_words"), context.integer("rule_target"))
        )
    if not sources:
        raise FixableError(
            "Nothing says which completions are good.",
            expected="a reward model or a rule",
            found="neither",
            fix="Name a reward model as models.reward (on the platform: choose the "
            "reward model that judges), or set params.rule.",
            field="params.reward_model",
        )
    if row.judge == "learns" and "reward" not in models:
        raise FixableError(
            "There is no reward model that could learn.",
            expected="a model of reward-polar as models.reward",
            found=", ".join(source.name for source in sources),
            fix="Train reward-polar on rows with a reference and name its model.",
            field="models.reward",
        )
    if row.placement == "parts" and not any(
        isinstance(source, JudgesParts) for source in sources
    ):
        raise FixableError(
            "No reward model judges parts of a completion.",
            expected="a model of reward-fine-grained as models.reward or reward_2",
            found=", ".join(source.name for source in sources),
            fix="Train reward-fine-grained on marked spans and name its model.",
            field="models.reward",
        )
    return sources


def _of_model(
    context: RunContext, row: OnlineRow, name: str, loaded: Loaded
) -> RewardSource:
    model = loaded.model
    if row.judge == "learns" and name == "reward":
        return LearningReward(
            loaded,
            max_length=trained_length(loaded),
            batch_size=context.integer("sampling_batch_size"),
            learning_rate=context.number("reward_learning_rate"),
        )
    if isinstance(model, RewardModel):
        refuse_blind(model.description.preset, name, row, context)
    in_parts = isinstance(model, RewardModel) and model.description.head == "tokens"
    kind = SegmentReward if row.placement == "parts" and in_parts else ModelReward
    return kind(
        loaded,
        max_length=trained_length(loaded),
        batch_size=context.integer("sampling_batch_size"),
        name=name,
    )


def refuse_blind(maker: str, name: str, row: OnlineRow, context: RunContext) -> None:
    """Refuse a reward model that could not read all it judges by.

    Raises:
        FixableError: naming the model.
    """
    why = needs_more(maker, row, context.params)
    if why:
        raise FixableError(
            "A reward model cannot judge what the policy writes.",
            expected=SCORES_ALONE,
            found=f"a model of {maker}, which {why}",
            fix=ANOTHER_JUDGE,
            field=f"models.{name}",
        )


def frozen_models(sources: list[RewardSource]) -> list[Loaded]:
    """Return the models that rewards come from and that never learn."""
    found: list[Loaded] = []
    for source in sources:
        if isinstance(source, ModelReward) and not isinstance(source, LearningReward):
            found.append(source.loaded)
        if isinstance(source, MappedReward):
            found.append(source.loaded)
        if isinstance(source, LikelihoodRatio):
            found += source.models
    return found


def require_vocabulary(found: Loaded, policy: Loaded, field: str) -> None:
    """Refuse a frozen model whose tokens are others than the policy's.

    Raises:
        FixableError: naming the field to change.
    """
    if found.tokenizer.get_vocab() == policy.tokenizer.get_vocab():
        return
    raise FixableError(
        "A frozen model has another vocabulary than the policy.",
        expected="the same tokens in both",
        found=f"{len(found.tokenizer)} tokens beside {len(policy.tokenizer)}",
        fix="Take the model that the policy was trained from, or one of its family.",
        field=field,
    )
