"""Which pairs to ask about next: pure functions over scores.

The first pairs of a strategy's ranking, plus a random share that keeps the record
honest about what the model is sure of. Who answers them is a routing plan's to say. No
human label of a pair enters here (design, invariant 7): the pairs are new.
"""

import math
import random
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations, product
from uuid import UUID

Pair = tuple[UUID, UUID]
WATCH = "watch"


@dataclass(frozen=True)
class Strategy:
    """A way to rank candidates; its maths is in `round_strategies.RANKINGS`.

    Attributes:
        reason: why a pair was chosen, for researchers.
        features: whether it needs vectors of completions, and heads learned on them.
    """

    summary: str
    reason: str
    features: bool = True


STRATEGIES = {
    "uncertainty": Strategy(
        "The reward model's odds are nearest to even.",
        "among the least certain of the reward model",
        features=False,
    ),
    "disagreement": Strategy(
        "Heads of an ensemble differ most about the margin.",
        "heads of the ensemble disagree about it",
    ),
    "information": Strategy(
        "One label is expected to tell most: each head is sure, and they contradict.",
        "its label is expected to tell most",
    ),
    "optimism": Strategy(
        "A completion may be far better than its prompt's others.",
        "one side may be far better than what is known",
    ),
    "posterior": Strategy(
        "Two heads drawn at random contradict each other.",
        "two heads drawn at random contradict each other on it",
    ),
    "design": Strategy(
        "Greedy D-optimal design over differences of features.",
        "it spreads the pairs asked about the widest (D-optimal)",
    ),
    "errors": Strategy(
        "One label is expected to mend the most wrong preferences among all pairs.",
        "its label is expected to mend the most wrong preferences",
    ),
    "variance": Strategy(
        "One label makes all preferences the least uncertain; prompts in turn.",
        "its label makes all preferences the least uncertain",
    ),
    "diversity": Strategy(
        "Farthest from all pairs learned from and chosen.",
        "it is farthest from the pairs asked before",
    ),
    "random": Strategy("Drawn at random.", "drawn at random", features=False),
}


def log_odds_to_probability(gap: float) -> float:
    """Return the logistic function, without overflow at either end."""
    if gap >= 0:
        return 1 / (1 + math.exp(-gap))
    return math.exp(gap) / (1 + math.exp(gap))


@dataclass(frozen=True)
class Candidate:
    """Two completions of one prompt and how the reward model scores them.

    Attributes:
        on_policy: whether the new policy wrote both.
    """

    prompt: int
    first: UUID
    second: UUID
    first_score: float
    second_score: float
    on_policy: bool = False

    @property
    def probability(self) -> float:
        """The probability that the first is better (Bradley-Terry)."""
        return log_odds_to_probability(self.first_score - self.second_score)

    @property
    def confidence(self) -> float:
        """How sure the reward model is of the better one, from 0.5 to 1."""
        return max(self.probability, 1 - self.probability)


@dataclass(frozen=True)
class Choice:
    """A pair that will be asked about.

    Attributes:
        why: the strategy that chose it, or watch.
        note: what a watch saw.
    """

    candidate: Candidate
    why: str
    note: str = ""

    @property
    def reason(self) -> str:
        """In words, for researchers."""
        sure = f"{self.candidate.confidence:.0%} sure"
        if self.why == WATCH:
            return f"reward-hacking watch: {self.note}"
        reason = STRATEGIES[self.why].reason
        told = sure if self.why == "uncertainty" else f"reward model {sure}"
        return f"{reason} ({told})"


def candidates(
    old: Mapping[int, Sequence[UUID]],
    new: Mapping[int, Sequence[UUID]],
    scores: Mapping[UUID, float],
    texts: Mapping[UUID, str],
    *,
    asked: AbstractSet[frozenset[UUID]] = frozenset(),
    on_policy: bool = False,
) -> list[Candidate]:
    """Return every pair that is worth asking about: an old and a new completion.

    Args:
        old, new: completions by prompt.
        texts: pairs whose texts differ in white space at most are left out.
        asked: pairs that are tasks already.
        on_policy: pairs of two new completions besides.
    """
    found = []
    for prompt in sorted(new):
        seen: set[frozenset[UUID]] = set(asked)
        fresh = combinations(new[prompt], 2) if on_policy else ()
        for first, second in (*product(old.get(prompt, ()), new[prompt]), *fresh):
            pair = frozenset((first, second))
            if len(pair) < 2 or pair in seen:
                continue
            if first not in scores or second not in scores:
                continue
            if texts[first].split() == texts[second].split():
                continue
            seen.add(pair)
            own = first in new[prompt] and first not in old.get(prompt, ())
            found.append(
                Candidate(prompt, first, second, scores[first], scores[second], own)
            )
    return found


def least_certain_first(pool: Sequence[Candidate], *, seed: int) -> list[Candidate]:
    """Return the ranking by uncertainty; equal certainty is settled by the seed."""
    order = list(pool)
    random.Random(seed).shuffle(order)
    return sorted(order, key=lambda each: each.confidence)


def choose(
    ranked: Sequence[Candidate],
    *,
    pairs: int,
    random_share: float,
    seed: int,
    why: str = "uncertainty",
    on_policy_share: float | None = None,
) -> list[Choice]:
    """Return the pairs to ask about: the first of a ranking, and a random share.

    A prompt is asked about again only when every prompt has been, so that one odd
    prompt does not fill the queue.

    Args:
        ranked: all candidates, the most wanted first.
        random_share: of `pairs`, from 0 to 1; at least one pair if above 0.
        why: the strategy that ranked them.
        on_policy_share: of those by rank, pairs that the new policy wrote alone; what
            one kind lacks the other gives. None takes them as they are ranked.
    """
    draw = random.Random(seed)
    pairs = min(pairs, len(ranked))
    by_chance = min(pairs, math.ceil(pairs * random_share))
    wanted = pairs - by_chance
    ordered = _one_prompt_at_a_time(ranked)
    if on_policy_share is not None:
        own = math.floor(wanted * on_policy_share + 0.5)
        fresh = [each for each in ordered if each.on_policy]
        mixed = [each for each in ordered if not each.on_policy]
        own = min(max(own, wanted - len(mixed)), len(fresh))
        first = [*fresh[:own], *mixed[: wanted - own]]
        taken = {(each.first, each.second) for each in first}
        ordered = [*first, *(c for c in ordered if (c.first, c.second) not in taken)]
    chosen = [Choice(each, why) for each in ordered[:wanted]]
    rest = ordered[wanted:]
    chosen += [Choice(each, "random") for each in draw.sample(rest, by_chance)]
    return chosen


def _one_prompt_at_a_time(ranked: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates with each prompt's best first, then the second bests, ..."""
    turn: dict[int, int] = {}
    keyed = []
    for place, each in enumerate(ranked):
        turn[each.prompt] = turn.get(each.prompt, 0) + 1
        keyed.append((turn[each.prompt], place, each))
    return [each for _, _, each in sorted(keyed, key=lambda item: item[:2])]
