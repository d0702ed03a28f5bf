"""Routing policies in three simulated worlds, held to what is claimed of them.

    make bench-routing-world [ARGS="--seeds 10"]

Prints every policy's accuracy against spend with paired intervals, then each claim with
what was found; exits 1 if one does not hold. CI runs a small version
(tests/workers/routing/test_world.py).
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from workers.routing.comparing import Interval, as_text, interval, paired, table
from workers.routing.policies import POLICIES
from workers.routing.simulation import Outcome, Sizes, simulate
from workers.routing.world import WORLDS

BUDGETS = (0.1, 0.25, 0.5, 1.0)
CLAIMED = (0.1, 0.25, 0.5)
PREDICTED = ("predicted-linear", "predicted-mix", "predicted-greedy", "default")
WORLDS_CLAIMED = ("tag-biased", "judge-better", "people-better")
FLOOR = 0.05
ALLOWED_MORE = 0.02
SMALL = Sizes(pilot=1000, target=1000, pool=1200, test=2000, mixes=200)
"""With worlds of SMALL_DIMENSIONS, for CI: fewer labels teach as much there."""
SMALL_DIMENSIONS = 6


@dataclass(frozen=True)
class Claim:
    """What is claimed, what was found, and whether it holds."""

    words: str
    found: Interval
    holds: bool

    def __str__(self) -> str:
        mark = "holds" if self.holds else "FAILS"
        ends = f"{self.found.mean:+.4f} [{self.found.low:+.4f}, {self.found.high:+.4f}]"
        return f"  {mark}: {self.words}: {ends}"


def tag_biased(
    outcomes: list[Outcome], policy: str, budgets: Sequence[float]
) -> list[Claim]:
    """Beats random at every budget; half the people reach 95 % of all-human."""
    claims = []
    for budget in budgets:
        gain = paired(outcomes, policy, "random", budget)
        claims.append(
            Claim(f"{policy} over random at {budget:.0%}", gain, gain.low > 0)
        )
    if 0.5 not in budgets:
        return claims
    seeds = {o.seed for o in outcomes}
    share = interval(
        [
            _accuracy(outcomes, policy, 0.5, seed)
            / _accuracy(outcomes, "all-human", 1.0, seed)
            for seed in sorted(seeds)
        ]
    )
    words = f"{policy} at 50% as a share of all people's accuracy"
    claims.append(Claim(words, share, share.mean >= 0.95))
    return claims


def judge_better(
    outcomes: list[Outcome], policy: str, budgets: Sequence[float]
) -> list[Claim]:
    """Sends the floor to people and at most 2 percent more."""
    claims = []
    for budget in budgets:
        people = interval(
            [o.people for o in outcomes if (o.policy, o.budget) == (policy, budget)]
        )
        claims.append(
            Claim(
                f"{policy}: people's share at {budget:.0%}",
                people,
                people.mean <= FLOOR + ALLOWED_MORE,
            )
        )
    return claims


def people_better(
    outcomes: list[Outcome], policy: str, budgets: Sequence[float]
) -> list[Claim]:
    """The default loses nothing to uncertainty."""
    claims = []
    for budget in budgets:
        gap = paired(outcomes, policy, "uncertainty", budget)
        words = f"{policy} over uncertainty at {budget:.0%}"
        claims.append(Claim(words, gap, gap.high >= 0))
    return claims


def _accuracy(outcomes: list[Outcome], policy: str, budget: float, seed: int) -> float:
    return next(
        o.accuracy
        for o in outcomes
        if (o.policy, o.budget, o.seed) == (policy, budget, seed)
    )


def claims_of(
    world: str, outcomes: list[Outcome], budgets: Sequence[float] = CLAIMED
) -> list[Claim]:
    """Return the claims about a world; all are about the default, most also about the
    policies by prediction."""
    if world == "tag-biased":
        held = ("predicted-linear", "predicted-mix", "default")
        return [c for policy in held for c in tag_biased(outcomes, policy, budgets)]
    if world == "judge-better":
        return [
            c for policy in PREDICTED for c in judge_better(outcomes, policy, budgets)
        ]
    return people_better(outcomes, "default", budgets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=200)
    parser.add_argument("--worlds", nargs="*", default=WORLDS_CLAIMED)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    failed, told = 0, {}
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for world in options.worlds:
        began = time.process_time()
        outcomes, reports = simulate(
            WORLDS[world],
            policies=list(POLICIES),
            budgets=BUDGETS,
            seeds=seeds,
            floor=FLOOR,
        )
        spent = (time.process_time() - began) / options.seeds
        claims = claims_of(world, outcomes)
        failed += sum(not claim.holds for claim in claims)
        forms = [r["forms"] for r in reports]
        told[world] = [str(claim) for claim in claims]
        if options.json:
            continue
        print(f"\n== {world}: {options.seeds} seeds, {spent:.1f} CPU s a seed")
        print(as_text(table(outcomes)))
        print("prediction by seed:", json.dumps(forms))
        print("\n".join(told[world]))
    if options.json:
        print(json.dumps(told))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
