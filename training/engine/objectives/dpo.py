"""Direct preference optimisation: log-probabilities to implied rewards and losses."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def implicit_reward(
    policy_logprobs: Tensor, reference_logprobs: Tensor, beta: float
) -> Tensor:
    """Return beta times the log-ratio of policy and reference, shape (B,).

    Equal to the reward up to a term that depends on the prompt alone, which cancels
    in every difference within a prompt.

    Args:
        policy_logprobs: summed over completion tokens, in nats, shape (B,).
        reference_logprobs: the same under the frozen reference, shape (B,).
        beta: KL temperature, positive.

    Source: Rafailov et al. 2023, eq. 5.
    """
    return beta * (policy_logprobs - reference_logprobs)


def dpo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    beta: float,
) -> Tensor:
    """Return each pair's negative log-likelihood, in nats, shape (B,).

    Args:
        policy_chosen: summed log-probabilities under the policy, shape (B,).
        policy_rejected: the same for the rejected completions.
        reference_chosen: the same under the reference.
        reference_rejected: the same under the reference.
        beta: KL temperature, positive.

    Source: Rafailov et al. 2023, eq. 7.
    """
    chosen = implicit_reward(policy_chosen, reference_chosen, beta)
    rejected = implicit_reward(policy_rejected, reference_rejected, beta)
    return -F.logsigmoid(chosen - rejected)
