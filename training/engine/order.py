"""In which order rows are trained on: seeded by epoch, so a resumed run agrees.

Several processes share the steps of one: a step has as many rows as all of them hold,
in the same order, and every row of an epoch is one process's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from torch.utils.data import DataLoader, Sampler
from transformers import TrainingArguments

_GROUPED_BATCHES = 50
"""Rows are sorted by length within this many batches, so order stays mostly random."""


class RowOrder(Sampler[int]):
    """Row positions for one epoch at a time.

    The order depends on the seed and the epoch alone. The library's length-grouped
    sampler draws from the global generator instead, whose state a run that resumes in
    its second epoch no longer has; it also feeds every group from long to short.

    Args:
        lengths: tokens of every row.
        batch_size: rows of one optimiser step.
        grouped: True to put rows of similar length into one step.
        shuffled: False to keep the given order, as for timing.
        together: a name for every row; rows of one name fill batches of their own
            instead, in random order, with what is left over at the end.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        *,
        seed: int,
        grouped: bool,
        shuffled: bool = True,
        together: Sequence[str] | None = None,
    ) -> None:
        self._lengths = list(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self._grouped = grouped
        self._shuffled = shuffled
        self._together = together
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Move to an epoch; called by the data loader."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rows = list(range(len(self._lengths)))
        if not self._shuffled:
            return iter(rows)
        draw = random.Random(f"{self._seed}/{self._epoch}")
        draw.shuffle(rows)
        if self._together is not None:
            return iter(self._by_name(rows, self._together, draw))
        if not self._grouped:
            return iter(rows)
        size = self._batch_size
        span = size * _GROUPED_BATCHES
        batches = []
        for start in range(0, len(rows), span):
            near = sorted(rows[start : start + span], key=lambda i: -self._lengths[i])
            batches += [near[i : i + size] for i in range(0, len(near), size)]
        # A last, smaller batch stays last; the longest rows come first, so that a
        # step that does not fit in memory is met at once.
        rest = batches.pop() if batches and len(batches[-1]) < size else []
        draw.shuffle(batches)
        if batches:
            longest = max(
                range(len(batches)), key=lambda b: self._lengths[batches[b][0]]
            )
            batches[0], batches[longest] = batches[longest], batches[0]
        return iter([i for batch in batches for i in batch] + rest)

    def _by_name(
        self, rows: list[int], names: Sequence[str], draw: random.Random
    ) -> list[int]:
        size = self._batch_size
        pools: dict[str, list[int]] = {}
        for row in rows:
            pools.setdefault(names[row], []).append(row)
        batches, rest = [], []
        for pool in pools.values():
            whole = len(pool) // size * size
            batches += [pool[i : i + size] for i in range(0, whole, size)]
            rest += pool[whole:]
        draw.shuffle(batches)
        # Leftovers of one name stay neighbours, so they still share batches.
        return [row for batch in batches for row in batch] + rest


Fill = Literal["none", "filler", "repeat"]


class Share(Sampler[list[int]]):
    """One process's batches of every epoch.

    Where the last rows of an epoch are fewer than a batch for each process, they are
    dealt out evenly. A process that is left without any gets a filler, the position
    behind the last row: it takes part in the step, and counts nothing.

    Args:
        order: of all rows.
        batch_size: rows of one process's batch.
        fill: ``filler``: fillers also make all batches of a step equally long, for
            trainers that gather what they found; ``repeat``: rows of the epoch's
            beginning do, for trainers that know no fillers.
    """

    def __init__(
        self, order: RowOrder, batch_size: int, *, rank: int, count: int, fill: Fill
    ) -> None:
        self._order = order
        self._size = batch_size
        self._rank = rank
        self._count = count
        self._fill = fill

    def set_epoch(self, epoch: int) -> None:
        """Move to an epoch; called by the trainer."""
        self._order.set_epoch(epoch)

    def __len__(self) -> int:
        return -(-len(self._order) // (self._size * self._count))

    def __iter__(self) -> Iterator[list[int]]:
        rows = list(self._order)
        each = self._size * self._count
        for start in range(0, len(rows), each):
            part = rows[start : start + each]
            own = self._own(part)
            longest = -(-len(part) // self._count)
            if self._fill == "filler":
                own += [len(rows)] * (longest - len(own))
            elif self._fill == "repeat" and len(own) < longest:
                own.append(rows[self._rank % len(rows)])
            yield own or [len(rows)]

    def _own(self, part: list[int]) -> list[int]:
        even, more = divmod(len(part), self._count)
        begin = self._rank * even + min(self._rank, more)
        return part[begin : begin + even + (self._rank < more)]


class SharedLoader(DataLoader[Any]):
    """A loader whose batches are one process's; it moves to an epoch with them."""

    def set_epoch(self, epoch: int) -> None:
        """Move to an epoch."""
        assert isinstance(self.batch_sampler, Share)
        self.batch_sampler.set_epoch(epoch)


class OrderedTrainer:
    """Mixed into a trainer: rows in the order it was given, and no wasted step.

    The library rounds a share of warm-up steps up, and the first of them has a
    learning rate of zero: a run of one step would learn nothing. Here it is rounded
    down, so that runs of few steps begin at full rate.
    """

    row_order: RowOrder
    args: TrainingArguments
    train_dataset: Any
    data_collator: Any
    fill: Fill = "none"

    def get_train_dataloader(self) -> DataLoader[Any]:
        if self.args.world_size == 1:
            make: Any = super()
            alone: DataLoader[Any] = make.get_train_dataloader()
            return alone
        # The library's own sharding fills the last step with rows it has had.
        share = Share(
            self.row_order,
            self.args.per_device_train_batch_size,
            rank=self.args.process_index,
            count=self.args.world_size,
            fill=self.fill,
        )
        return SharedLoader(
            self.train_dataset,
            batch_sampler=share,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        if self.args.warmup_steps < 1:
            self.args.warmup_steps = int(self.args.warmup_steps * num_training_steps)
        make: Any = super()
        return make.create_scheduler(num_training_steps, optimizer)

    def _get_train_sampler(self, train_dataset: Any = None) -> RowOrder:
        return self.row_order
