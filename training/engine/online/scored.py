"""What passes between the parts of the loop: a plan, and an update's completions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from training.engine.online.rollout import Rollout
from training.engine.online.state import LoopState
from training.engine.ppo.experience import Experience, Sequences


@dataclass(frozen=True)
class Plan:
    """How much is done.

    Attributes:
        updates: in all.
        prompts: of one update, on one device.
        samples: completions of each prompt.
        width: the longest completion, in tokens.
        forward: completions of one forward pass.
        importance_cap: the largest weight of a token that another program drew.
        critic_warmup: updates in which the critic alone learns.
        deadline: on the monotonic clock; or None.
        learning_rate, critic_learning_rate: peak step sizes of AdamW.
    """

    updates: int
    prompts: int
    samples: int
    width: int
    forward: int
    learning_rate: float
    critic_learning_rate: float
    importance_cap: float = 2.0
    critic_warmup: int = 0
    deadline: float | None = None


@dataclass
class Scored:
    """An update's completions with what rewards and models say about them.

    Attributes:
        rollouts: the completions.
        sequences: the same as tensors, on the device.
        rewards: one row a completion, one column a source, (N, K).
        groups: which completions answer one prompt, (N,).
        ended: True where the model ended the completion, (N,).
        old_logprobs, reference_logprobs: (N, T).
        entropy: of the policy at every token, (N, T).
        values: (N, T), or None without a critic.
        weights: importance of every token, ours over the sampler's, (N, T).
        kl_coef: the coefficient of the KL penalty in this update.
        state: what is kept between updates; the pipeline may write to it.
        told: further numbers to report, which the pipeline adds to.
        opponents: rewards of what each completion is measured against, (N, M, K), if
            they were drawn already.
    """

    rollouts: Sequence[Rollout]
    sequences: Sequences
    rewards: Tensor
    groups: Tensor
    ended: Tensor
    old_logprobs: Tensor
    reference_logprobs: Tensor
    entropy: Tensor
    values: Tensor | None
    weights: Tensor
    kl_coef: float
    state: LoopState
    told: dict[str, float] = field(default_factory=dict)
    opponents: Tensor | None = None

    def select(self, rows: Tensor) -> Scored:
        """Return some completions; state and numbers to report stay shared."""
        return replace(
            self,
            rollouts=[self.rollouts[i] for i in rows.tolist()],
            sequences=self.sequences.select(rows),
            rewards=self.rewards[rows],
            groups=self.groups[rows],
            ended=self.ended[rows],
            old_logprobs=self.old_logprobs[rows],
            reference_logprobs=self.reference_logprobs[rows],
            entropy=self.entropy[rows],
            weights=self.weights[rows],
            values=None if self.values is None else self.values[rows],
            opponents=None if self.opponents is None else self.opponents[rows],
        )


Weigh = Callable[[Scored], Experience]
"""Turns rewards into advantages: a critic's, or a group's."""
Combine = Callable[[Scored], Tensor]
"""Turns an update's rewards into scores, before they are shaped, (N,)."""
