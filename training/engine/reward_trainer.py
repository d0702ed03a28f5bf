"""TRL's reward trainer with soft labels, weights, our order and no repeated work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.modeling_outputs import SequenceClassifierOutput
from trl.trainer.reward_trainer import RewardTrainer

from training.engine import processes
from training.engine.finite import refuse_no_numbers
from training.engine.layout import Branch, lay_out
from training.engine.objectives.bradley_terry import (
    centring_penalty,
    soft_bradley_terry_loss,
)
from training.engine.order import OrderedTrainer
from training.engine.scorers import pad


@dataclass(frozen=True)
class UniqueSequences:
    """Collates pairs so that each distinct sequence of a batch is run once.

    A batch holds ``input_ids`` and ``attention_mask`` (U, T), and ``places`` (2B,):
    which of them are the chosen and then the rejected sequences. Where prompts may be
    shared it holds a ``layout`` of the same U sequences too, which is what is run.

    Attributes:
        shared: whether sequences of one prompt share its pass.
    """

    pad_token_id: int
    shared: bool = False

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        rows = [
            (tuple(example[side]), example["prompt_tokens"])
            for side in ("chosen_ids", "rejected_ids")
            for example in examples
        ]
        first: dict[tuple[int, ...], int] = {}
        for ids, prompt in rows:
            first.setdefault(ids, max(prompt, 1))
        unique = {ids: index for index, ids in enumerate(first)}
        padded, mask = pad(list(unique), self.pad_token_id)
        batch: dict[str, Any] = {
            "input_ids": padded,
            "attention_mask": mask,
            "places": torch.tensor([unique[ids] for ids, _ in rows]),
        }
        if self.shared:
            batch["layout"] = lay_out(
                [Branch(ids[:at], ids[at:]) for ids, at in first.items()],
                pad_token_id=self.pad_token_id,
                groups=[0] * len(first),
            )
        batch["row_ids"] = tuple(example["row_id"] for example in examples)
        for name in ("margin", "soft_label", "weight", "filler"):
            if name in examples[0]:
                batch[name] = torch.tensor(
                    [example[name] for example in examples], dtype=torch.float
                )
        return batch


class PreferenceRewardTrainer(OrderedTrainer, RewardTrainer):
    """TRL's trainer on our batches; its metrics and its hard-label loss are its own.

    Of several processes each may hold fillers, which count nothing: the loss is the
    mean over the rows that all of them hold.
    """

    fill = "filler"

    @property
    def world(self) -> int:
        """How many processes there are."""
        return int(self.args.world_size)

    def compute_loss(
        self,
        model: Callable[..., Any],
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the mean loss of a batch, from the scores at their places."""
        rest = dict(inputs)
        places = rest.pop("places")
        soft_label = rest.pop("soft_label", None)
        weight = rest.pop("weight", None)
        layout = rest.pop("layout", None)
        rows = rest.pop("row_ids")
        filler = rest.pop("filler", None)
        if filler is not None:
            real = 1 - filler
            # The mean of the processes' means is then that over the real rows.
            share = real * real.numel() / (processes.across(real.sum()) / self.world)
            weight = share if weight is None else weight * share

        def at_places(**arguments: Any) -> Any:
            arguments.pop("margin", None)
            if layout is not None:
                scores = model(layout=layout.to(self.args.device))  # (U, 1)
                return SequenceClassifierOutput(logits=scores[places])
            outputs = model(**arguments)
            outputs.logits = outputs.logits[places]  # (2B, 1)
            return outputs

        loss, outputs = super().compute_loss(
            at_places, rest, return_outputs=True, num_items_in_batch=num_items_in_batch
        )
        chosen, rejected = outputs.logits.squeeze(-1).chunk(2)
        refuse_no_numbers(chosen - rejected, rows, "score")
        if soft_label is not None or weight is not None:
            ones = torch.ones_like(chosen)
            losses = soft_bradley_terry_loss(
                chosen,
                rejected,
                ones if soft_label is None else soft_label.to(chosen.dtype),
                rest.get("margin"),
            )
            centre = vars(self.args)["center_rewards_coefficient"]
            if centre is not None:
                losses = losses + centre * centring_penalty(chosen, rejected)
            refuse_no_numbers(losses, rows, "loss")
            loss = (losses if weight is None else losses * weight).mean()
        return (loss, outputs) if return_outputs else loss
