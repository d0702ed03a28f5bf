"""The advantage pipeline: one row of the algebra, from rewards to experience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

import torch
from torch import Tensor

from training.engine.online import baselines, combine, duels, select, transforms
from training.engine.online.answers import with_given
from training.engine.online.directions import along
from training.engine.online.scored import Scored
from training.engine.online.weighing import (
    CriticSettings,
    Shaping,
    shape,
    with_critic,
)
from training.engine.ppo.experience import Experience
from training.engine.ppo.kl import Estimator, kl_estimate
from training.engine.ppo.masked import of_all_processes
from training.engine.registry.online_rows import OnlineRow


@dataclass(frozen=True)
class PipelineSettings:
    """The numbers of a row.

    Attributes:
        weights: of the sources, for ``sum`` and the sums after other pieces.
        steepness: k of ``par``.
        quantile: of the reference's rewards, for ``lsc``.
        variance_penalty: lambda of ``mean_less_variance``.
        keep: share of the old mean in running means of groups.
        thresholds: of the sources, for ``constrained``.
        equality: whether thresholds are to be met exactly.
        dual_rate: step size of the multipliers.
        success: the score from which a completion is right.
        weight: of prompts that are temporarily uninformative.
        kept_share: of an update's completions, for ``spread``.
        token_share: of a completion's tokens that are learned from.
        beta: of the preference loss of a duel.
        accepted: candidates of each prompt that rejection sampling keeps.
        rejection_beta: its temperature.
        inflation: how many half-widths of a confidence interval a constrained reward
            must clear its threshold by.
        confidence: of that interval's bound.
        shaping, critic: see there.
        seed: what random choices are drawn from, with the update's number.
    """

    weights: tuple[float, ...]
    steepness: float = 1.0
    quantile: float = 0.85
    variance_penalty: float = 1.0
    keep: float = 0.9
    thresholds: tuple[float, ...] = ()
    equality: bool = False
    dual_rate: float = 0.01
    success: float = 0.5
    weight: float = 0.1
    kept_share: float = 0.5
    token_share: float = 1.0
    beta: float = 0.1
    accepted: int = 8
    rejection_beta: float = 0.5
    inflation: float = 0.0
    confidence: float = 0.9
    shaping: Shaping = field(default_factory=Shaping)
    critic: CriticSettings = field(default_factory=CriticSettings)
    seed: int = 0


References = Callable[[Scored], Tensor]
"""Returns the rewards of the reference's completions, (N, M, K)."""


@dataclass(frozen=True)
class Pipeline:
    """Weighs completions by a row and its numbers; `OnlineLoop` calls it."""

    row: OnlineRow
    settings: PipelineSettings
    references: References | None = None
    parts: Callable[[Scored], Tensor] | None = None
    """Returns what tokens earn for the parts that end there, (N, T)."""

    def __call__(self, scored: Scored) -> Experience:
        """Return an update's experience."""
        scores = shape(self.scores(scored), scored, self.settings.shaping)
        if self.row.duel != "none":
            return self._duelled(scores, scored)
        if self.row.baseline == "critic":
            # What is left out is not part of the buffer: it whitens nothing either.
            weights = self._selected(scores, scores, scored)
            rows = _rows(weights)
            kept = scored if len(rows) == len(weights) else scored.select(rows)
            experience = with_critic(
                kept,
                scores[rows],
                self.settings.critic,
                placed=None if self.parts is None else self.parts(kept),
            )
            weights = weights[rows]
        else:
            weighed_down = self.row.select == "temporary"
            advantages = self.group_advantages(scores, scored)
            weights = self._selected(scores, advantages, scored)
            # A prompt that is weighed down stays in the update, whatever its weight.
            rows = _rows(torch.ones_like(weights) if weighed_down else weights)
            experience = _experience(scored, self._placed(advantages, scored))
            if self.row.tie_where == "rewarded":
                rewarded = (scores >= self.settings.success).to(scores)
                experience = replace(experience, tied=rewarded)
                scored.told["selected/tied"] = float(rewarded.mean())
            if len(rows) < len(weights):
                experience, weights = experience.select(rows), weights[rows]
        scored.told["selected/share"] = len(rows) / len(scores)
        return replace(experience, advantages=experience.advantages * weights[:, None])

    def scores(self, scored: Scored) -> Tensor:
        """Return one score a completion, transformed and combined, (N,)."""
        return self._combined(self._transformed(scored), scored)

    def _duelled(self, scores: Tensor, scored: Scored) -> Experience:
        """Return an update whose gradient is that of a preference loss."""
        numbers, groups = self.settings, scored.groups
        gaps = scored.old_logprobs - scored.reference_logprobs
        ratios = (gaps * scored.sequences.tokens).sum(1)
        if self.row.duel == "squared":
            advantages = duels.squared(scores, ratios, groups, numbers.beta)
        else:
            if self.row.select == "rejection":
                kept = self._selected(scores, scores, scored)
                pairs = duels.neighbours(scores, groups, kept)
            else:
                pairs = duels.extremes(scores, groups)
            loss = duels.logistic if self.row.duel == "logistic" else duels.hinge
            advantages = loss(pairs, ratios, numbers.beta)
            scored.told["selected/pairs"] = float(len(pairs))
        rows = _rows((advantages != 0).to(advantages))
        scored.told["selected/share"] = len(rows) / len(scores)
        experience = _experience(scored, self._placed(advantages, scored)).select(rows)
        # The learner divides by the completions of its step.
        return replace(experience, advantages=experience.advantages * len(rows))

    # --- the pieces --------------------------------------------------------------

    def _transformed(self, scored: Scored) -> Tensor:
        rewards = scored.rewards
        if self.row.transform == "none":
            return rewards
        columns = list(rewards.T)
        if self.row.transform == "win_rate":
            made = [transforms.win_rate(c, scored.groups) for c in columns]
            return torch.stack(made, 1)
        references = scored.opponents
        if references is None:
            assert self.references is not None
            references = self.references(scored)  # (N, M, K)
        for k, column in enumerate(columns):
            if self.row.transform == "gap":
                columns[k] = transforms.gap(column, references[..., k])
            elif self.row.transform == "par":
                columns[k] = transforms.preference_as_reward(
                    column, references[..., k], self.settings.steepness
                )
            else:
                centre = transforms.reference_quantile(
                    references[..., k], self.settings.quantile
                )
                columns[k] = transforms.log_sigmoid_centred(column, centre)
        return torch.stack(columns, 1)

    def _combined(self, rewards: Tensor, scored: Scored) -> Tensor:
        how, numbers = self.row.combine, self.settings
        weights = torch.tensor(numbers.weights, device=rewards.device)
        if how == "sum":
            return combine.weighted(rewards, weights)
        if how == "normalise_then_sum":
            scaled = combine.normalised_in_groups(
                rewards, scored.groups, baselines.EPSILON
            )
            return combine.weighted(scaled, weights)
        if how == "worst_group":
            worst = combine.WorstGroup(numbers.keep, self._memory(scored, "means"))
            scores = worst(rewards)
            scored.state.memory["means"] = worst.means
            return scores
        if how == "directed":
            return along(rewards * weights, scored.rollouts)
        if how == "constrained":
            return self._constrained(rewards, scored)
        if how == "product":
            # Sources with weight 0 do not add to the score; they are its gates.
            gates = [k for k, w in enumerate(numbers.weights) if w == 0]
            scale = torch.where(weights == 0, torch.ones_like(weights), weights)
            return combine.product(rewards * scale, gates)
        return combine.ensemble(rewards, how, numbers.variance_penalty)

    def _constrained(self, rewards: Tensor, scored: Scored) -> Tensor:
        mixed = combine.Constrained(
            self.settings.thresholds,
            equality=self.settings.equality,
            rate=self.settings.dual_rate,
            raw=self._memory(scored, "raw"),
            inflation=self.settings.inflation,
            confidence=self.settings.confidence,
        )
        scores = mixed(rewards)
        scored.kl_coef *= mixed.tie()
        for k, value in enumerate(mixed.multipliers().tolist()):
            scored.told[f"multipliers/{k}"] = value
        mixed.observe(rewards)
        scored.state.memory["raw"] = mixed.raw.tolist()
        return scores

    def _memory(self, scored: Scored, name: str) -> list[float]:
        return scored.state.memory.get(name, [])

    def group_advantages(self, scores: Tensor, scored: Scored) -> Tensor:
        """Return one advantage a completion, (N,): baseline, then normaliser."""
        groups = scored.groups
        values = scores
        if self.row.kl_place == "reward":
            # The penalty of a whole completion, as one number beside its score.
            estimator = cast(Estimator, self.row.kl_estimator)
            kl = kl_estimate(scored.old_logprobs, scored.reference_logprobs, estimator)
            values = scores - scored.kl_coef * (kl * scored.sequences.tokens).sum(1)
            scored.told["objective/reward"] = float(values.mean())
        advantages = against(self.row.baseline, values, groups)
        if self.row.normaliser == "std":
            return baselines.by_group(advantages, values, groups)
        if self.row.normaliser == "batch":
            return baselines.by_batch(advantages)
        if self.row.normaliser == "beta":
            return advantages * baselines.beta_weights(values, groups)
        if self.row.normaliser == "skew":
            return baselines.by_skew(values, groups)
        return advantages

    def _placed(self, advantages: Tensor, scored: Scored) -> Tensor:
        """Return each token's advantage: its completion's, where the token counts."""
        tokens = scored.sequences.tokens
        spread = advantages[:, None] * tokens
        if self.row.prompts == "completed":
            spread = with_given(spread, tokens, scored.rollouts)
        if self.settings.token_share >= 1:
            return spread
        told = select.telling_tokens(
            spread, scored.entropy, tokens, self.settings.token_share
        )
        return spread * told

    def _selected(self, scores: Tensor, advantages: Tensor, scored: Scored) -> Tensor:
        how, numbers = self.row.select, self.settings
        if how == "all":
            return torch.ones_like(scores)
        if how == "informative":
            return select.informative(scores, scored.groups)
        if how == "temporary":
            return select.temporarily_uninformative(
                scores,
                scored.sequences.lengths,
                scored.groups,
                success=numbers.success,
                weight=numbers.weight,
            )
        if how == "spread":
            count = max(round(numbers.kept_share * len(scores)), 2)
            return select.most_spread(advantages, count)
        seed = f"{numbers.seed}/{scored.state.step}"
        if how == "rejection":
            return select.by_rejection(
                scores,
                scored.groups,
                beta=numbers.rejection_beta,
                wanted=numbers.accepted,
                seed=seed,
            )
        return select.filtered(scores, scored.groups, how, seed=seed)


def against(baseline: str, values: Tensor, groups: Tensor) -> Tensor:
    """Return values less what they are compared with, (N,)."""
    if baseline == "group":
        return values - baselines.group_mean(values, groups)
    if baseline == "leave_one_out":
        return values - baselines.leave_one_out(values, groups)
    if baseline == "partner":
        return baselines.partner_gap(values, groups)
    if baseline == "unit":
        return torch.ones_like(values)
    if baseline == "even":
        return values - 0.5
    return values


def _experience(scored: Scored, advantages: Tensor) -> Experience:
    """Return experience without a critic, from advantages of tokens, (N, T)."""
    return Experience(
        sequences=scored.sequences,
        old_logprobs=scored.old_logprobs,
        reference_logprobs=scored.reference_logprobs,
        advantages=advantages,
        states=scored.sequences.tokens,
        weights=scored.weights,
    )


def _rows(weights: Tensor) -> Tensor:
    """Return the completions that count; where none does in any process, all of them.

    They then have weight 0: the update changes nothing but what a penalty in the loss
    asks for.
    """
    rows = (weights > 0).nonzero()[:, 0]
    if sum(of_all_processes([float(len(rows))])):
        return rows
    return torch.arange(len(weights), device=weights.device)
