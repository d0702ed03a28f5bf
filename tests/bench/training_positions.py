"""What a whole epoch runs through a model, ours and TRL's, padding included.

    python -m tests.bench.training_positions

Positions, and how many keys a query of attention is multiplied with on average. Machine
and load have no part in it. TRL pads a random batch's sequences to the longest of them
and attends under a mask; ours groups lengths and shares prompts, and runs each sequence
by itself, or packs rows under a mask (``--rows``, as on an accelerator). A causal pass
without a mask skips half of its square. Lists of four are a row's two completions and
those of the next row, under the first one's prompt. As in the timed comparison,
``--micro 2`` makes a step of four pairs two passes, and ``--longest`` leaves out what
is longer.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys

from tests.bench.speed_data import BATCH, SEED, Kind, decided
from training.engine.attention import are_runs
from training.engine.layout import Branch, Layout, lay_out, shared_length
from training.engine.models import Loaded, load_policy
from training.engine.order import RowOrder
from training.engine.spec import ModelPart
from training.engine.tokens import tokenize

LONGEST = 512


def main() -> int:
    """Print a line for each kind of prompts, pairs and lists."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", action="store_true", help="pack rows under a mask")
    parser.add_argument("--micro", type=int, default=BATCH, help="pairs a forward pass")
    parser.add_argument("--longest", type=int, default=LONGEST, help="tokens")
    arguments = parser.parse_args()
    micro, longest = arguments.micro, arguments.longest
    loaded = load_policy(ModelPart(source="wheel:smollm2"))
    kinds: tuple[Kind, ...] = ("multi-turn", "short")
    for kind in kinds:
        rows = fitting(kind, loaded, longest)
        print(positions(kind, rows, micro, runs=not arguments.rows), flush=True)
    return 0


def fitting(kind: Kind, loaded: Loaded, longest: int) -> list[list[Branch]]:
    """Return the pairs that nobody has to shorten, none of them empty."""
    branches = []
    for row in decided(kind):
        prompt, parts = tokenize(
            loaded.tokenizer, row["prompt"], [row["chosen"], row["rejected"]]
        )
        if len(prompt) + max(map(len, parts)) <= longest and all(parts):
            branches.append([Branch(tuple(prompt), tuple(part)) for part in parts])
    return branches


def positions(kind: Kind, rows: list[list[Branch]], micro: int, *, runs: bool) -> str:
    """Return what an epoch of all the pairs runs through a model, ours and TRL's."""
    lines = []
    for each in (2, 4):
        lists = [
            [*pair, *([Branch(pair[0].prompt, b.completion) for b in other])][:each]
            for pair, other in itertools.pairwise(rows)
        ]
        nominal = sum(len(branch) for found in lists for branch in found)
        order = list(range(len(lists)))
        random.Random(SEED).shuffle(order)
        padded = squares = 0
        for start in range(0, len(order), micro):
            batch = [lists[i] for i in order[start : start + micro]]
            longest = max(len(branch) for found in batch for branch in found)
            padded += each * len(batch) * longest
            squares += each * len(batch) * longest**2
        lengths = [shared_length(found) for found in lists]
        own = list(RowOrder(lengths, BATCH, seed=SEED, grouped=True))
        run = seen = 0.0
        for start in range(0, len(own), micro):
            batch = [lists[i] for i in own[start : start + micro]]
            layout = lay_out(
                [branch for found in batch for branch in found],
                pad_token_id=0,
                groups=[n for n, found in enumerate(batch) for _ in found],
                runs=runs,
            )
            run += layout.ids.numel()
            seen += keys(layout)
        lines.append(
            f"{kind}: {len(lists)} prompts, {each} completions each, {nominal} tokens: "
            f"{run:.0f} positions against {padded}, {padded / run:.2f} times; "
            f"{seen / run:.0f} keys a position against {squares / padded:.0f}"
        )
    return "\n".join(lines)


def keys(layout: Layout) -> float:
    """Return the products of queries and keys that a layout's attention computes."""
    if not are_runs(layout.attention):
        rows, width = layout.ids.shape
        return float(rows * width**2)
    total = 0.0
    for _, past, begin, end in layout.attention[0, 0].tolist():
        own = end - begin
        # As attention decides: a causal square, of which half is skipped, or a mask.
        total += (past + own) ** 2 / 2 if past < own else own * (past + own)
    return total


if __name__ == "__main__":
    sys.exit(main())
