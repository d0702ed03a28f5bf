"""Which pairs to ask about next, and whom: pure functions over scores.

The most uncertain pairs under the reward model, plus a random share that keeps the
record honest about what the model is sure of. People get what the model is unsure
about and a random audit of the rest; the reward model answers what remains. No human
label of a pair enters here (design, invariant 7): the pairs are new.
"""

import math
import random
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal
from uuid import UUID

Why = Literal["uncertain", "random"]
Route = Literal["human", "ai"]
Pair = tuple[UUID, UUID]


def log_odds_to_probability(gap: float) -> float:
    """Return the logistic function, without overflow at either end."""
    if gap >= 0:
        return 1 / (1 + math.exp(-gap))
    return math.exp(gap) / (1 + math.exp(gap))


@dataclass(frozen=True)
class Candidate:
    """Two completions of one prompt and how the reward model scores them."""

    prompt: int
    first: UUID
    second: UUID
    first_score: float
    second_score: float

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
    """A pair that will be asked about."""

    candidate: Candidate
    why: Why
    route: Route = "human"
    audit: bool = False

    @property
    def reason(self) -> str:
        """In words, for researchers."""
        sure = f"{self.candidate.confidence:.0%} sure"
        if self.why == "uncertain":
            text = f"among the least certain of the reward model ({sure})"
        else:
            text = f"drawn at random (reward model {sure})"
        return text + (", audited by a person" if self.audit else "")


def candidates(
    old: Mapping[int, Sequence[UUID]],
    new: Mapping[int, Sequence[UUID]],
    scores: Mapping[UUID, float],
    texts: Mapping[UUID, str],
    *,
    asked: AbstractSet[frozenset[UUID]] = frozenset(),
) -> list[Candidate]:
    """Return every pair of an old and a new completion that is worth asking about.

    Args:
        old, new: completions by prompt.
        texts: pairs whose texts differ in white space at most are left out.
        asked: pairs that are tasks already.
    """
    found = []
    for prompt in sorted(old.keys() & new.keys()):
        seen: set[frozenset[UUID]] = set(asked)
        for first, second in product(old[prompt], new[prompt]):
            pair = frozenset((first, second))
            if len(pair) < 2 or pair in seen:
                continue
            if first not in scores or second not in scores:
                continue
            if texts[first].split() == texts[second].split():
                continue
            seen.add(pair)
            found.append(
                Candidate(prompt, first, second, scores[first], scores[second])
            )
    return found


def choose(
    pool: Sequence[Candidate], *, pairs: int, random_share: float, seed: int
) -> list[Choice]:
    """Return the pairs to ask about: the least certain, and a random share.

    A prompt is asked about again only when every prompt has been, so that one odd
    prompt does not fill the queue. Equal certainty is settled by the seed.

    Args:
        random_share: of `pairs`, from 0 to 1; at least one pair if above 0.
    """
    draw = random.Random(seed)
    order = list(pool)
    draw.shuffle(order)
    pairs = min(pairs, len(order))
    by_chance = min(pairs, math.ceil(pairs * random_share))
    ranked = _one_prompt_at_a_time(sorted(order, key=lambda c: c.confidence))
    chosen = [Choice(each, "uncertain") for each in ranked[: pairs - by_chance]]
    rest = ranked[pairs - by_chance :]
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


def route(
    choices: Sequence[Choice],
    *,
    human_share: float | None,
    ai_confidence: float,
    audit_share: float,
    seed: int,
) -> list[Choice]:
    """Return the choices with who answers each: unsure pairs go to people.

    Args:
        human_share: people get this share, the least certain first; None leaves it
            to `ai_confidence`.
        ai_confidence: the reward model answers what it is at least this sure of.
        audit_share: of what it would answer, people get this share, drawn at random.
    """
    ranked = sorted(choices, key=lambda choice: choice.candidate.confidence)
    if human_share is None:
        people = sum(c.candidate.confidence < ai_confidence for c in ranked)
    else:
        people = math.ceil(len(ranked) * human_share)
    draw = random.Random(seed)
    routed = [replace(choice, route="human") for choice in ranked[:people]]
    for choice in ranked[people:]:
        audit = draw.random() < audit_share
        routed.append(replace(choice, route="human" if audit else "ai", audit=audit))
    return routed
