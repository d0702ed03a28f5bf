"""A row of the online algebra: which piece stands at each place of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Transform = Literal["none", "par", "lsc", "gap", "win_rate"]
Combine = Literal[
    "sum",
    "normalise_then_sum",
    "mean",
    "minimum",
    "mean_less_variance",
    "worst_group",
    "constrained",
    "product",
    "directed",
]
Baseline = Literal[
    "none", "unit", "even", "group", "leave_one_out", "partner", "critic"
]
Duel = Literal["none", "logistic", "hinge", "squared"]
Normaliser = Literal["none", "std", "batch", "beta", "skew"]
Select = Literal[
    "all",
    "best",
    "best_random",
    "best_worst",
    "resample",
    "informative",
    "temporary",
    "spread",
    "rejection",
]


Prompts = Literal[
    "plain",
    "judged",
    "answered",
    "referenced",
    "completed",
    "directed",
    "feedback",
    "conversation",
    "profiled",
]


@dataclass(frozen=True)
class OnlineRow:
    """Rewards, in order: transformed, combined, compared, scaled, chosen, learned from.

    Attributes:
        transform: of each source's rewards.
        combine: of several sources into one score.
        baseline: what a score is compared with; ``unit`` counts every completion that
            was chosen as 1, whatever its score; ``even`` compares chances to win with
            one half.
        normaliser: what the difference is divided by.
        select: which completions are learned from, and how much each counts.
        surrogate: the clipped ratio, or the plain log-likelihood.
        ratio: of tokens, of whole completions, or their mean a token.
        reduction: how token losses become one number.
        kl_place: the tie to the reference in the reward, the loss, or nowhere.
        kl_estimator: how its divergence is estimated; ``whole``: over all tokens of
            the vocabulary, from the reference to the policy, in the loss alone.
        duel: a preference loss between completions of a prompt, in place of baseline
            and normaliser; an update is then one optimiser step.
        drawn_by: who writes the completions that are learned from.
        opponent: whom transforms compare with: the reference's completions, kept, or
            ones that the policy mixed with the reference draws anew.
        steps: plain, or each update tried once for what the opponents would then be.
        prompts: what is asked: the snapshot's prompts; which of a pair's two
            completions is better, and why; or prompts whose answers are known, as
            often as it takes (answered) or once (referenced); prompts whose known
            answer is put behind what is drawn (completed); or prompts that say how
            much each reward counts (directed); or, beside a frozen agent, what to
            better in its answers (feedback), or answers it may want bettered
            (conversation); or what a person says that a frozen model plays, whose
            profile is known (profiled).
        placement: whether all of a reward stands at a completion's end, or what
            judges parts stands where they end.
        judge: whether the reward model stays as it is, or learns from what the known
            answers say of each update's completions.
        tie_where: which completions a penalty in the loss holds to the reference.
    """

    transform: Transform = "none"
    combine: Combine = "sum"
    baseline: Baseline = "group"
    normaliser: Normaliser = "none"
    select: Select = "all"
    surrogate: Literal["clip", "likelihood"] = "clip"
    ratio: Literal["token", "sequence", "sequence_mean"] = "token"
    reduction: Literal["token_mean", "sequence_mean", "sequence_sum", "constant"] = (
        "token_mean"
    )
    kl_place: Literal["reward", "loss", "none"] = "loss"
    kl_estimator: Literal["k1", "k2", "k3", "whole"] = "k3"
    duel: Duel = "none"
    drawn_by: Literal["policy", "reference"] = "policy"
    opponent: Literal["reference", "mixture"] = "reference"
    steps: Literal["plain", "extragradient"] = "plain"
    tie_where: Literal["all", "rewarded"] = "all"
    prompts: Prompts = "plain"
    judge: Literal["frozen", "learns"] = "frozen"
    placement: Literal["end", "parts"] = "end"

    @property
    def knows_answers(self) -> bool:
        """True if what is asked has known answers, so no other reward is needed."""
        return self.prompts in ("judged", "answered", "completed", "profiled")

    @property
    def is_single_step(self) -> bool:
        """True if an update is one optimiser step on all its completions."""
        return self.duel != "none" or self.steps == "extragradient"
