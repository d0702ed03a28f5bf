"""A reward model that learns along with the policy, from answers a rule can check.

The rule compares a completion with the known answer: what it finds right is right, and
what it finds wrong, among completions of the same prompt, stands beside it as worse. A
policy that has found something the reward model likes too much makes, by that, the
pairs that correct it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from training.engine.errors import FixableError
from training.engine.models import Loaded
from training.engine.online.rewards import ModelReward
from training.engine.online.rollout import Rollout
from training.engine.online.state import trained
from training.engine.online.turns import is_right
from training.engine.ppo.learner import NotFinite
from training.engine.rewards import texts
from training.engine.rewards.examples import Collator, Encoder, Example
from training.engine.rewards.model import RewardModel
from training.engine.rewards.objective import terms_of
from training.engine.rewards.pair_losses import smoothed_loss
from training.engine.rewards.trainer import to_device
from training.engine.tasks.score import score_completions


class LearningReward(ModelReward):
    """R(prompt, known answer, completion), with a step of its own after each update.

    Source: Cooper: Co-Optimizing Policy and Reward Models (unverified: the published
    negatives are written by a model, these are the policy's own).
    """

    def __init__(
        self,
        loaded: Loaded,
        *,
        max_length: int,
        batch_size: int,
        learning_rate: float,
        name: str = "reward",
    ) -> None:
        super().__init__(
            loaded, max_length=max_length, batch_size=batch_size, name=name
        )
        model = loaded.model
        if not isinstance(model, RewardModel) or model.description.map != "reference":
            raise FixableError(
                "The reward model does not read the known answer.",
                expected="a model of reward-polar, which reads a reference",
                found="a model that reads prompt and completion alone",
                fix="Train reward-polar on rows with a reference and name its model.",
                field="models.reward",
            )
        self._model = model
        self._encoder = Encoder(loaded.tokenizer, max_length)
        self._collator = Collator([], int(loaded.tokenizer.pad_token_id or 0))
        model.requires_grad_(True)
        self._learns = list(model.parameters())
        self._optimizer = torch.optim.AdamW(
            self._learns, lr=learning_rate, weight_decay=0.0
        )
        self._rate = learning_rate

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return the model's scores, each beside the known answer."""
        scores, _ = score_completions(
            self.loaded,
            [rollout.prompt.messages for rollout in rollouts],
            [_said(rollout) for rollout in rollouts],
            extras=[_known(rollout) for rollout in rollouts],
            max_length=self._max_length,
            batch_size=self._batch_size,
        )
        return scores

    def learn(self, rollouts: Sequence[Rollout]) -> dict[str, float]:
        """Take one step of -log sig(R(right) - R(wrong)); return what to report.

        An update without both a right and a wrong completion of some prompt teaches
        nothing.

        Raises:
            NotFinite: if the loss stops being a number.
        """
        pairs = contrasted(rollouts)
        right = [is_right(r.text, r.prompt.answer) for r in rollouts]
        told = {
            "verified/right_share": sum(right) / len(right),
            "verified/pairs": float(len(pairs)),
        }
        if not pairs or not self._rate:
            return told
        self._optimizer.zero_grad()
        self._model.eval()  # as it scores
        total = 0.0
        for start in range(0, len(pairs), self._batch_size):
            part = pairs[start : start + self._batch_size]
            losses = self._losses(part)
            (losses.sum() / len(pairs)).backward()
            total += float(losses.detach().sum())
        norm = torch.nn.utils.clip_grad_norm_(self._learns, 1.0)
        if not torch.isfinite(norm):
            raise NotFinite("the reward model's gradient")
        self._optimizer.step()
        return told | {"verified/loss": total / len(pairs)}

    def _losses(self, pairs: Sequence[tuple[Rollout, Rollout]]) -> Tensor:
        examples = [
            Example(
                right.prompt.prompt_id,
                self._encoder.sequences(
                    texts.under("reference", right.prompt.messages, _known(right)),
                    [_said(right), _said(wrong)],
                ),
            )
            for right, wrong in pairs
        ]
        batch = to_device(self._collator.batch(examples), self._model.device)
        gap = terms_of(self._model, batch).gap()
        return smoothed_loss(gap, torch.ones_like(gap), 0.0)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it."""
        return {
            "model": trained(self._model),
            "optimizer": self._optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self._model.load_state_dict(state["model"], strict=False)
        self._optimizer.load_state_dict(state["optimizer"])

    @property
    def nbytes(self) -> int:
        """The memory that its trained weights take."""
        return sum(p.numel() * p.element_size() for p in self._learns)


def contrasted(rollouts: Sequence[Rollout]) -> list[tuple[Rollout, Rollout]]:
    """Return right completions beside wrong ones of the same prompt, each once."""
    groups: dict[int, tuple[list[Rollout], list[Rollout]]] = {}
    for rollout in rollouts:
        right, wrong = groups.setdefault(rollout.group, ([], []))
        verified = is_right(rollout.text, rollout.prompt.answer)
        (right if verified else wrong).append(rollout)
    return [
        pair
        for right, wrong in groups.values()
        for pair in zip(right, wrong, strict=False)
    ]


def _said(rollout: Rollout) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": rollout.text}]


def _known(rollout: Rollout) -> dict[str, Any]:
    return {"reference": [{"role": "assistant", "content": rollout.prompt.answer}]}
