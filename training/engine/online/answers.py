"""Known answers behind what a policy writes: how likely they are is what it earns.

The answer's tokens are not drawn but given, so they are learned by their likelihood,
while what stands before them is learned by how likely it makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from training.engine.errors import FixableError
from training.engine.logprobs import unwrapped
from training.engine.models import Loaded
from training.engine.online.rollout import Around, Rollout
from training.engine.sampling import Prompt, stop_ids
from training.engine.scorers import completion_logprobs

BETWEEN = "\n"
"""What stands between a completion and the answer that is put behind it."""


@dataclass(frozen=True)
class Answers(Around):
    """A sampler that puts its prompt's known answer behind every completion.

    A completion earns log pi(answer | prompt, completion), under the policy as it is.

    Source: Likelihood-Based Reward Designs for General LLM Reasoning.
    """

    loaded: Loaded
    policy: nn.Module
    batch_size: int

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return completions that end in the known answer, and what they earn."""
        drawn = self.inner.sample(prompts, samples, seed=seed, tick=tick)
        stops = set(stop_ids(self.loaded))
        own = [[i for i in rollout.ids if i not in stops] for rollout in drawn]
        given = [ending(self.loaded, rollout.prompt.answer) for rollout in drawn]
        was_training = self.policy.training
        found = completion_logprobs(
            unwrapped(self.policy),
            [[*r.prompt_ids, *ids] for r, ids in zip(drawn, own, strict=True)],
            given,
            pad_token_id=int(self.loaded.tokenizer.pad_token_id or 0),
            batch_size=self.batch_size,
        )
        self.policy.train(was_training)
        return [
            replace(
                rollout,
                ids=[*ids, *answer],
                given=len(answer),
                ended=True,
                earned=value.total,
                logprobs=None,
            )
            for rollout, ids, answer, value in zip(
                drawn, own, given, found, strict=True
            )
        ]


def ending(loaded: Loaded, answer: str) -> list[int]:
    """Return an answer's tokens as they stand behind a completion."""
    ids = loaded.tokenizer.encode(BETWEEN + answer, add_special_tokens=False)
    return [*map(int, ids), stop_ids(loaded)[-1]]


def longest(
    loaded: Loaded, prompts: Sequence[Prompt], lengths: Sequence[int], drawn: int
) -> int:
    """Return the tokens of the longest answer.

    Args:
        lengths: tokens of the prompts. drawn: the most tokens of a completion.

    Raises:
        FixableError: if prompt, completion and answer do not fit the model.
    """
    tokens = [len(ending(loaded, prompt.answer)) for prompt in prompts]
    needed = max(a + b for a, b in zip(tokens, lengths, strict=True)) + drawn
    if needed > loaded.context:
        raise FixableError(
            "A prompt, a completion and the known answer do not fit the model.",
            expected=f"at most {loaded.context} tokens together",
            found=f"{needed} tokens",
            fix="Lower max_new_tokens or max_prompt_tokens, or leave long answers out.",
            field="params.max_new_tokens",
        )
    return max(tokens)


def with_given(placed: Tensor, tokens: Tensor, rollouts: Sequence[Rollout]) -> Tensor:
    """Return advantages of tokens, 1 where they were given, (N, T).

    Args:
        placed: what every token of a completion would have, (N, T).
        tokens: True on tokens of completions, (N, T).
    """
    given = torch.tensor([r.given for r in rollouts], device=tokens.device)
    own = tokens.sum(1) - given  # (N,)
    places = torch.arange(tokens.shape[1], device=tokens.device)[None]
    return torch.where(tokens & (places >= own[:, None]), 1.0, placed)
