"""One trainer for every reward model with a head of ours."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor
from transformers import Trainer

from training.engine import processes
from training.engine.finite import refuse_no_gradient, refuse_no_numbers
from training.engine.layout import Layout
from training.engine.order import OrderedTrainer
from training.engine.rewards.meta import Samples, moved, towards_spread
from training.engine.rewards.objective import reward_loss
from training.engine.rewards.terms import RewardBatch

WEIGHTS = "reward_model.safetensors"


class RewardModelTrainer(OrderedTrainer, Trainer):
    """Averages the losses of an optimiser step and reports what pairs say.

    Attributes:
        method_params: the method's settings.
        samples: a policy's completions, if the method looks at them.
    """

    method_params: Mapping[str, Any]
    samples: Samples | None

    def __init__(
        self,
        *args: Any,
        params: Mapping[str, Any],
        samples: Samples | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.method_params = params
        self.samples = samples
        # Losses are divided by the examples of the whole optimiser step here.
        self.model_accepts_loss_kwargs = True
        self._sums: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._last_rows: tuple[str, ...] = ()

    def _get_num_items_in_batch(
        self, batch_samples: list[Any], device: torch.device
    ) -> Tensor:
        count = torch.tensor(float(sum(f["batch"].counted for f in batch_samples)))
        count = count.to(device)
        if self.args.world_size > 1:
            gathered: Tensor = self.accelerator.gather(count[None])
            count = gathered.sum() / self.args.world_size
        return count

    def training_step(
        self,
        model: Any,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Add a forward pass's gradient, taken where the method takes it."""
        with self._where(model):
            found: Tensor = super().training_step(model, inputs, num_items_in_batch)
        return found

    def _where(self, model: Any) -> AbstractContextManager[None]:
        """Return what holds the weights where the step's gradient is taken."""
        if self.samples is None or not self.samples.rate:
            return nullcontext()
        batch = to_device(self.samples.at(self.state.global_step), self.args.device)
        plain = self.accelerator.unwrap_model(model)
        plain.train()
        with self.compute_loss_context_manager():
            learns, slopes, apart = towards_spread(plain, batch)
        self._sums["samples/spread"] = self._sums.get("samples/spread", 0.0) + apart
        self._seen["samples/spread"] = self._seen.get("samples/spread", 0.0) + 1
        return moved(learns, slopes, self.samples.rate)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the batch's summed loss over the step's number of examples."""
        batch = to_device(inputs["batch"], self.args.device)
        batch = replace(batch, step=self.state.global_step)
        found, facts = model(
            lambda inner: reward_loss(inner, batch, self.method_params)
        )
        self._last_rows = batch.row_ids
        refuse_no_numbers(found, batch.row_ids, "loss")
        for name, values in facts.items() if batch.counted else ():
            self._sums[name] = self._sums.get(name, 0.0) + float(values.sum())
            self._seen[name] = self._seen.get(name, 0.0) + len(values)
        count = len(batch) if num_items_in_batch is None else num_items_in_batch
        assert batch.weights is not None
        loss = (found * batch.weights).sum() / count
        return (loss, facts) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the pairs' facts, averaged since the last log."""
        if "loss" in logs:
            sums, seen = processes.summed(self._sums), processes.summed(self._seen)
            logs |= {name: sums[name] / seen[name] for name in sums}
            self._sums, self._seen = {}, {}
            refuse_no_gradient(logs.get("grad_norm"), self._last_rows)
        super().log(logs, *args, **kwargs)

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        """Write backbone, adapters and head as they are: what resuming needs."""
        if self.args.should_save:
            target = Path(output_dir or str(self.args.output_dir))
            target.mkdir(parents=True, exist_ok=True)
            save_model(self.accelerator.unwrap_model(self.model), str(target / WEIGHTS))

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: Any = None
    ) -> None:
        """Read what ``_save`` wrote, every tensor of it."""
        target = self.model if model is None else model
        assert target is not None
        load_model(target, str(Path(resume_from_checkpoint) / WEIGHTS))


def to_device(batch: RewardBatch, device: torch.device | str) -> RewardBatch:
    """Return the same batch on a device."""
    moved: dict[str, Any] = {}
    for item in fields(batch):
        value = getattr(batch, item.name)
        if isinstance(value, Tensor | Layout):
            moved[item.name] = value.to(device)
        elif isinstance(value, Mapping):
            moved[item.name] = {k: v.to(device) for k, v in value.items()}
    return replace(batch, **moved)
