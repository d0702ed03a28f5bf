"""One trainer for every objective on collected preferences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import Trainer

from training.engine import processes
from training.engine.events import write_json
from training.engine.finite import refuse_no_gradient, refuse_no_numbers
from training.engine.objectives.algebra import Outcome, objective
from training.engine.objectives.batch import Batch, Params, number
from training.engine.objectives.pairs import updated_label
from training.engine.order import OrderedTrainer
from training.engine.preferences import degrees, masks
from training.engine.preferences.batches import Collated
from training.engine.preferences.frozen import LiveModel
from training.engine.registry.algebra import Objective

LABELS = "label_state.json"
BESIDE = (masks.NAME, degrees.NAME)
"""Parts of a model while it learns that are no part of the policy it becomes."""


class Positions(Dataset[int]):
    """The training set as the data loader sees it: positions, to be collated."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> int:
        return index


class LabelState:
    """Labels that move during training, one for each example; part of a checkpoint.

    Source: Rashidinejad and Tian 2024 (POWER-DL); the rule is unverified.
    """

    def __init__(self, count: int, rate: float) -> None:
        self._values = [1.0] * count
        self._rate = rate

    def of(self, rows: Sequence[int]) -> Tensor:
        """Return the labels of some examples."""
        return torch.tensor([self._values[i] for i in rows])

    def update(self, rows: Sequence[int], z: Tensor) -> None:
        """Move the labels of some examples towards what the policy believes."""
        moved = updated_label(self.of(rows), z.float().cpu(), self._rate)
        for row, value in zip(rows, moved.tolist(), strict=True):
            self._values[row] = value

    def save(self, directory: Path) -> None:
        """Write the labels into a checkpoint."""
        write_json(directory / LABELS, {"labels": self._values})

    def load(self, directory: Path) -> None:
        """Read the labels of a checkpoint."""
        found = json.loads((directory / LABELS).read_text(encoding="utf-8"))
        self._values = [float(value) for value in found["labels"]]


class PreferenceTrainer(OrderedTrainer, Trainer):
    """Scores a batch, asks the objective, and averages over the optimiser step.

    Attributes:
        objective_settings: the method's row of the algebra.
        objective_params: its settings.
        live: frozen models that run at every step, by name.
        labels: labels that move, if the method has such.
    """

    objective_settings: Objective
    objective_params: Params
    live: Mapping[str, LiveModel]
    labels: LabelState | None

    def __init__(
        self,
        *args: Any,
        settings: Objective,
        params: Params,
        live: Mapping[str, LiveModel] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.objective_settings = settings
        self.objective_params = params
        self.live = live or {}
        self.labels = None
        if settings.label == "state":
            assert isinstance(self.train_dataset, Positions)
            rate = number(params, "label_rate")
            self.labels = LabelState(len(self.train_dataset), rate)
        # Losses are divided by the examples of the whole optimiser step here, so that
        # several small forward passes make exactly the step of a large one.
        self.model_accepts_loss_kwargs = True
        self._sums: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self.last_rows: tuple[str, ...] = ()

    def _get_num_items_in_batch(
        self, batch_samples: list[Any], device: torch.device
    ) -> Tensor:
        count = torch.tensor(float(sum(len(found["batch"]) for found in batch_samples)))
        count = count.to(device)
        if self.args.world_size > 1:
            gathered: Tensor = self.accelerator.gather(count[None])
            count = gathered.sum() / self.args.world_size
        return count

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the batch's summed loss over the step's number of examples."""
        collated: Collated = inputs["batch"].to(self.args.device)
        batch = with_read(collated.batch, model(layout=collated.layout))
        if self.live:
            with torch.no_grad():
                found = {name: run(collated.layout) for name, run in self.live.items()}
            batch = replace(batch, frozen={**batch.frozen, **found})
        if self.labels is not None:
            state = self.labels.of(collated.rows or (0,)).to(batch.policy.device)
            batch = replace(batch, columns={**batch.columns, "label_state": state})
        outcome = objective(self.objective_settings, batch, self.objective_params)
        self.last_rows = batch.row_ids
        refuse_no_numbers(outcome.losses, batch.row_ids, "loss")
        if self.labels is not None and outcome.z is not None:
            # Every process keeps all labels: it meets other rows in the next epoch.
            z = outcome.z.detach().float().cpu()[: len(collated)]
            for rows, moved in processes.everyones((collated.rows, z)):
                self.labels.update(rows, moved)
        self._remember(outcome, collated)
        count = len(collated) if num_items_in_batch is None else num_items_in_batch
        loss = (outcome.losses * collated.weights).sum() / count
        return (loss, outcome) if return_outputs else loss

    def _remember(self, outcome: Outcome, collated: Collated) -> None:
        if not len(collated):
            return
        for name, values in outcome.metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(values.sum())
            self._seen[name] = self._seen.get(name, 0.0) + len(values)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the objective's facts, averaged since the last log."""
        if "loss" in logs:
            sums, seen = processes.summed(self._sums), processes.summed(self._seen)
            logs |= {name: sums[name] / seen[name] for name in sums}
            self._sums, self._seen = {}, {}
            refuse_no_gradient(logs.get("grad_norm"), self.last_rows)
        super().log(logs, *args, **kwargs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if not self.is_world_process_zero():
            return
        place = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        if self.labels is not None:
            self.labels.save(place)
        for name, module in self.beside.items():
            torch.save(module.state_dict(), place / f"{name}.pt")

    @property
    def beside(self) -> dict[str, nn.Module]:
        """What learns beside the policy and is no part of it, by name."""
        model = self.accelerator.unwrap_model(self.model)
        found = {name: getattr(model, name, None) for name in BESIDE}
        return {k: v for k, v in found.items() if isinstance(v, nn.Module)}

    def go_on_from(self, checkpoint: Path) -> None:
        """Take over from a checkpoint what learned beside the policy."""
        if self.labels is not None:
            self.labels.load(checkpoint)
        for name, module in self.beside.items():
            stored = torch.load(checkpoint / f"{name}.pt", weights_only=True)
            module.load_state_dict(stored)


def with_read(batch: Batch, read: Tensor | dict[str, Tensor]) -> Batch:
    """Return a batch with what the policy's forward read: its tokens, or tables."""
    if isinstance(read, Tensor):
        return replace(batch, policy=read.float())
    if "degrees" in read:
        told = {"degrees": read["degrees"]}
        return replace(batch, policy=read["policy"], read=told)
    weights = {
        name: read[name] for name in ("divergence", "ratio_mask", "divergence_mask")
    }
    frozen = {**batch.frozen, "reference": read["reference"]}
    return replace(batch, policy=read["policy"], frozen=frozen, weights=weights)
