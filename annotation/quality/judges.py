"""How far a judge can be trusted, by pairs that people have answered as well. Pure.

Every number comes with the count it rests on; a share comes with its interval.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from annotation.quality.alpha import Alpha
from annotation.quality.summary import Share

BINS = 10
EVEN = 0.005  # as annotation/services/judging.py says a tie
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Item:
    """One pair, as a judge and people see it; probabilities are of the first.

    Attributes:
        forth, back: asked with the first shown first, and with it shown second.
        labels: what each person said: 1 the first, 0 the second, 0.5 neither.
        lengths: of the first and the second, in characters.
        own: which of them the judge's own model wrote: 1 the first, 0 the second;
            None for neither or both.
    """

    forth: float | None
    back: float | None
    labels: tuple[float, ...]
    lengths: tuple[int, int] = (0, 0)
    own: int | None = None
    tags: tuple[str, ...] = ()
    at: datetime | None = None

    @property
    def probability(self) -> float | None:
        given = [each for each in (self.forth, self.back) if each is not None]
        return sum(given) / len(given) if given else None

    @property
    def people(self) -> float | None:
        return sum(self.labels) / len(self.labels) if self.labels else None


@dataclass(frozen=True)
class Bin:
    """Pairs of about one confidence, and how many of them the judge had right."""

    low: float
    high: float
    count: int
    confidence: float
    right: Share


@dataclass(frozen=True)
class Calibration:
    """Is it right as often as it says?

    Attributes:
        error: expected calibration error (Naeini et al. 2015), over equal bins.
        temperature: what its log-odds are best divided by (Guo et al. 2017, 4.2).
        fitted_error: the error after that.
    """

    bins: tuple[Bin, ...]
    count: int
    error: float | None
    brier: float | None
    temperature: float | None
    fitted_error: float | None


@dataclass(frozen=True)
class Group:
    """Agreement on some of the pairs."""

    name: str
    agreement: Share


@dataclass(frozen=True)
class Card:
    """All of it.

    Attributes:
        agreement: with the majority of people, where it and the judge are decided.
        kappa: Cohen's, of judge and majority over first, second and neither.
        alpha: Krippendorff's, of the judge and every person, as raters.
        people: how often two people agree on the same pairs: what can be reached.
        flips: pairs whose preferred side the order alone changed.
        first_shown: answers in which what was shown first won.
        longer: decided pairs in which the judge took the longer completion;
        people_longer: likewise for people, on the same pairs.
        own, people_own: likewise for what the judge's own model wrote.
        drift: agreement over time, oldest first.
    """

    items: int
    with_people: int
    agreement: Share
    kappa: float | None
    alpha: float | None
    people: Share
    flips: Share
    first_shown: Share
    pull: float | None
    longer: Share
    people_longer: Share
    own: Share
    people_own: Share
    calibration: Calibration
    tags: tuple[Group, ...]
    drift: tuple[Group, ...]


def side(probability: float | None) -> str:
    """Return which side a probability takes: a, b or tie; empty for None."""
    if probability is None:
        return ""
    if abs(probability - 0.5) < EVEN:
        return "tie"
    return "a" if probability > 0.5 else "b"


def card(items: Sequence[Item], *, periods: int = 6, tags: int = 20) -> Card:
    """Return a judge's card.

    Args:
        periods: how many stretches of time of equal count drift is shown in.
        tags: at most so many of the commonest tags.
    """
    known = [i for i in items if i.labels and i.probability is not None]
    decided = [i for i in known if is_decided(i)]
    asked_twice = [i for i in items if i.forth is not None and i.back is not None]
    gaps = [
        i.forth - i.back
        for i in asked_twice
        if i.forth is not None and i.back is not None
    ]
    alpha = Alpha()
    for item in known:
        alpha.add([side(item.probability), *(side(label) for label in item.labels)])
    return Card(
        items=len(items),
        with_people=len(known),
        agreement=_agreement(decided),
        kappa=kappa([(side(i.probability), side(i.people)) for i in known]),
        alpha=alpha.value,
        people=_among_people(known),
        flips=Share(sum(_flipped(i) for i in asked_twice), len(asked_twice)),
        first_shown=_first_shown(items),
        pull=sum(gaps) / len(gaps) if gaps else None,
        longer=_share(decided, _longer, lambda i: i.probability),
        people_longer=_share(decided, _longer, lambda i: i.people),
        own=_share(decided, lambda i: i.own, lambda i: i.probability),
        people_own=_share(decided, lambda i: i.own, lambda i: i.people),
        calibration=calibration(
            [
                (i.probability, i.people > 0.5)
                for i in decided
                if i.probability is not None and i.people is not None
            ]
        ),
        tags=_by_tag(decided, tags),
        drift=_over_time(decided, periods),
    )


def is_decided(item: Item) -> bool:
    """Return whether both the judge and the majority take a side."""
    return side(item.probability) in ("a", "b") and side(item.people) in ("a", "b")


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of two raters; None where chance explains everything.

    Source: Cohen 1960, equation 1.
    """
    if not pairs:
        return None
    size = len(pairs)
    names = {name for pair in pairs for name in pair}
    same = sum(one == other for one, other in pairs) / size
    chance = sum(
        sum(one == name for one, _ in pairs) * sum(other == name for _, other in pairs)
        for name in names
    ) / (size * size)
    return None if math.isclose(chance, 1) else (same - chance) / (1 - chance)


def calibration(said: Sequence[tuple[float, bool]]) -> Calibration:
    """Return how probabilities compare with what was true.

    Args:
        said: probability that the first is better, and whether it is.
    """
    if not said:
        return Calibration((), 0, None, None, None, None)
    bins = _bins(said)
    brier = sum((p - truth) ** 2 for p, truth in said) / len(said)
    best = fit_temperature(said)
    fitted = [(_cooled(p, best), truth) for p, truth in said]
    return Calibration(
        bins, len(said), _error(bins), brier, best, _error(_bins(fitted))
    )


def fit_temperature(said: Sequence[tuple[float, bool]]) -> float:
    """Return the temperature with the least negative log-likelihood.

    The loss has one minimum in the inverse temperature, so halving an interval of
    logarithms finds it; ends are kept where no temperature is best.
    """

    def loss(log_temperature: float) -> float:
        temperature = math.exp(log_temperature)
        return -sum(
            math.log(max(held if truth else 1 - held, 1e-12))
            for p, truth in said
            for held in (_cooled(p, temperature),)
        )

    low, high = math.log(COLDEST), math.log(HOTTEST)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(40):
        one = high - golden * (high - low)
        other = low + golden * (high - low)
        if loss(one) <= loss(other):
            high = other
        else:
            low = one
    return math.exp((low + high) / 2)


def _cooled(probability: float, temperature: float) -> float:
    held = min(max(probability, 1e-6), 1 - 1e-6)
    return 1 / (1 + math.exp(-math.log(held / (1 - held)) / temperature))


def _bins(said: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Sort pairs by confidence, max(p, 1 - p), into equal bins from 1/2 to 1."""
    groups: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for p, truth in said:
        confidence = max(p, 1 - p)
        place = min(int((confidence - 0.5) * 2 * BINS), BINS - 1)
        groups[place].append((confidence, (p > 0.5) == truth))
    return tuple(
        Bin(
            low=0.5 + place / (2 * BINS),
            high=0.5 + (place + 1) / (2 * BINS),
            count=len(group),
            confidence=sum(confidence for confidence, _ in group) / len(group),
            right=Share(sum(right for _, right in group), len(group)),
        )
        for place, group in sorted(groups.items())
    )


def _error(bins: Sequence[Bin]) -> float:
    count = sum(each.count for each in bins)
    return sum(
        each.count / count * abs(each.right.count / each.count - each.confidence)
        for each in bins
    )


def _agreement(decided: Sequence[Item]) -> Share:
    same = sum(side(item.probability) == side(item.people) for item in decided)
    return Share(same, len(decided))


def _among_people(items: Iterable[Item]) -> Share:
    pairs = [two for item in items for two in combinations(item.labels, 2)]
    return Share(sum(one == other for one, other in pairs), len(pairs))


def _flipped(item: Item) -> bool:
    assert item.forth is not None and item.back is not None
    return (item.forth - 0.5) * (item.back - 0.5) < 0


def _first_shown(items: Iterable[Item]) -> Share:
    won = of = 0
    for item in items:
        for shown in (item.forth, None if item.back is None else 1 - item.back):
            if side(shown) in ("a", "b"):
                of += 1
                won += side(shown) == "a"
    return Share(won, of)


def _longer(item: Item) -> int | None:
    first, second = item.lengths
    return None if first == second else int(first > second)


def _share(
    items: Iterable[Item],
    special: Callable[[Item], int | None],
    chosen: Callable[[Item], float | None],
) -> Share:
    """Return how often the special completion is chosen, where there is one."""
    there = [(special(item), side(chosen(item))) for item in items]
    there = [(place, taken) for place, taken in there if place is not None]
    return Share(sum((taken == "a") == bool(p) for p, taken in there), len(there))


def _by_tag(decided: Sequence[Item], most: int) -> tuple[Group, ...]:
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in decided:
        for tag in item.tags:
            groups[tag].append(item)
    common = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:most]
    return tuple(Group(name, _agreement(group)) for name, group in common)


def _over_time(decided: Sequence[Item], periods: int) -> tuple[Group, ...]:
    dated = sorted(
        ((item.at, place) for place, item in enumerate(decided) if item.at is not None)
    )
    if not dated:
        return ()
    size = max(1, math.ceil(len(dated) / periods))
    # Of one day, the hours tell the stretches apart.
    one_day = dated[0][0].date() == dated[-1][0].date()
    written = "%Y-%m-%d %H:%M" if one_day else "%Y-%m-%d"
    found = []
    for start in range(0, len(dated), size):
        part = dated[start : start + size]
        first, last = (part[end][0].strftime(written) for end in (0, -1))
        name = first if first == last else f"{first} to {last}"
        found.append(Group(name, _agreement([decided[place] for _, place in part])))
    return tuple(found)
