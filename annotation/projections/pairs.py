"""The pairs view: judgments to pairs with the winner first, and exactly back.

Compare, rank, best_worst and rate make pairs, one rule each. A tie is a row whose
soft label is 0.5, whatever it comes from; both_bad and unsure say nothing about the
order and are dropped, counted by reason. The inverse needs the view's columns alone.

Source: methods of paired comparison with ties and strengths; see docs/data.md.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from uuid import UUID

from annotation.judgments import BestWorst, Compare, Judgment, Rank, Rate
from annotation.projections.pair_rows import PairRow, row_of
from annotation.projections.rows import Answered, Dropped, Scales, Source, carried

COMPARE, RANK = "compare@1", "rank@1"
BEST_WORST, RATE = "best_worst@1", "rate@1"
BEST, REST, WORST = 0, 1, 2  # the groups of best_worst


def pairs_of(
    answer: Answered, dropped: Dropped | None = None, scales: Scales | None = None
) -> list[PairRow]:
    """Return the pairs that one answer gives.

    Args:
        dropped: counts, by reason, the judgments that could have given a pair.
        scales: margins of strengths; a strength is its own where none is given.
    """
    dropped = Counter() if dropped is None else dropped
    rows: list[PairRow] = []
    rates: dict[tuple[str | None, ...], list[tuple[int, Rate]]] = {}
    for place, judgment in enumerate(answer.judgments):
        if isinstance(judgment, Compare):
            rows += _compare(answer, place, judgment, dropped, scales or Scales())
        elif isinstance(judgment, Rank):
            rows += _rank(answer, place, judgment, dropped)
        elif isinstance(judgment, BestWorst):
            rows += _best_worst(answer, place, judgment)
        elif isinstance(judgment, Rate):
            if judgment.value is None:
                dropped["rate: does not apply"] += 1
                continue
            key = (judgment.criterion, judgment.scale, judgment.question)
            rates.setdefault(key, []).append((place, judgment))
    for values in rates.values():
        rows += _rates(answer, values, dropped)
    return rows


def judgments_of(rows: Iterable[PairRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `pairs_of`.

    A judgment that gave no pair is in no row, so it cannot come back.

    Raises:
        ValueError: for rows made by a rule without an inverse, such as consensus.
    """
    found: dict[Source, Judgment] = {}
    lists: dict[Source, list[PairRow]] = {}
    for row in rows:
        if row.transform == COMPARE:
            found[row.src[0]] = _compare_back(row)
        elif row.transform == RATE:
            found.update(_rates_back(row))
        elif row.transform in (RANK, BEST_WORST):
            lists.setdefault(row.src[0], []).append(row)
        else:
            raise ValueError(
                f"{row.transform} has no inverse; expected rows made by "
                f"{COMPARE}, {RANK}, {BEST_WORST} or {RATE}"
            )
    for source, members in lists.items():
        back = _rank_back if members[0].transform == RANK else _best_worst_back
        found[source] = back(members)
    return found


# compare


def _compare(
    answer: Answered, place: int, judgment: Compare, dropped: Dropped, scales: Scales
) -> list[PairRow]:
    if judgment.outcome in ("both_bad", "unsure"):
        dropped[f"compare: {judgment.outcome}"] += 1
        return []
    tie, flipped = judgment.outcome == "tie", judgment.outcome == "b"
    better, worse = judgment.a, judgment.b
    if flipped:
        better, worse = worse, better
    margin: float | None = None
    if tie:
        margin = 0.0
    elif judgment.strength is not None:
        scale = scales.margins.get(judgment.scale or "", {})
        margin = float(scale.get(judgment.strength, judgment.strength))
    row = row_of(
        answer,
        [place],
        better,
        worse,
        soft_label=0.5 if tie else 1.0,
        margin=margin,
        transform=COMPARE,
        scale=judgment.scale,
        outcome=judgment.outcome,
        strength=judgment.strength,
        flipped=flipped,
    )
    return [row]


def _compare_back(row: PairRow) -> Compare:
    a, b = row.chosen_id, row.rejected_id
    if row.flipped:
        a, b = b, a
    return Compare.model_validate(
        {
            "a": a,
            "b": b,
            "outcome": row.outcome,
            "strength": row.strength,
            "scale": row.scale,
            **carried(row),
        }
    )


# rank


def _rank(
    answer: Answered, place: int, judgment: Rank, dropped: Dropped
) -> list[PairRow]:
    """Pairs of every two that were ranked: across groups decided, within one a tie."""
    ranked = [
        (group, at, item)
        for group, members in enumerate(judgment.groups)
        for at, item in enumerate(members)
    ]
    if len(ranked) < 2:
        dropped["rank: nothing to compare"] += 1
    return [
        row_of(
            answer,
            [place],
            better,
            worse,
            number=f":{number}",
            soft_label=1.0 if group < other else 0.5,
            margin=None if group < other else 0.0,
            transform=RANK,
            list_id=f"{answer.feedback}:{place}",
            chosen_group=group,
            rejected_group=other,
            chosen_place=at,
            rejected_place=behind,
            unranked=[str(item) for item in judgment.unranked],
            all_bad=judgment.all_bad,
        )
        for number, ((group, at, better), (other, behind, worse)) in enumerate(
            combinations(ranked, 2)
        )
    ]


def _places(rows: Iterable[PairRow]) -> dict[int, list[str]]:
    """Return who stands in each group of one list, in the order given."""
    seats: dict[int, dict[int, str]] = {}
    for row in rows:
        for group, at, item in (
            (row.chosen_group, row.chosen_place, row.chosen_id),
            (row.rejected_group, row.rejected_place, row.rejected_id),
        ):
            if group is None or at is None:
                raise ValueError(f"row {row.row_id} of a list has no group or place")
            seats.setdefault(group, {})[at] = item
    return {
        group: [members[at] for at in sorted(members)]
        for group, members in sorted(seats.items())
    }


def _rank_back(rows: list[PairRow]) -> Rank:
    return Rank.model_validate(
        {
            "groups": list(_places(rows).values()),
            "unranked": rows[0].unranked,
            "all_bad": rows[0].all_bad,
            **carried(rows[0]),
        }
    )


# best_worst


def _best_worst(answer: Answered, place: int, judgment: BestWorst) -> list[PairRow]:
    """Best over rest over worst: 2n-3 pairs of n with one best and one worst."""
    named = {*judgment.best, *judgment.worst}
    rest = [UUID(item) for item in answer.completions if UUID(item) not in named]
    groups = (judgment.best, rest, judgment.worst)
    steps = [
        (high, low)
        for high, low in ((BEST, REST), (REST, WORST), (BEST, WORST))
        if groups[high] and groups[low]
    ]
    pairs = [
        (high, at, better, low, behind, worse)
        for high, low in steps
        for at, better in enumerate(groups[high])
        for behind, worse in enumerate(groups[low])
    ]
    return [
        row_of(
            answer,
            [place],
            better,
            worse,
            number=f":{number}",
            soft_label=1.0,
            margin=None,
            transform=BEST_WORST,
            list_id=f"{answer.feedback}:{place}",
            chosen_group=high,
            rejected_group=low,
            chosen_place=at,
            rejected_place=behind,
        )
        for number, (high, at, better, low, behind, worse) in enumerate(pairs)
    ]


def _best_worst_back(rows: list[PairRow]) -> BestWorst:
    seats = _places(rows)
    return BestWorst.model_validate(
        {"best": seats[BEST], "worst": seats[WORST], **carried(rows[0])}
    )


# rate


def _rates(
    answer: Answered, values: list[tuple[int, Rate]], dropped: Dropped
) -> list[PairRow]:
    """Pairs of every two ratings on one scale; the margin is their difference."""
    rows = []
    paired: set[int] = set()
    for one, other in combinations(values, 2):
        if one[1].completion == other[1].completion:
            continue
        high, low = sorted((one, other), key=lambda item: -_value(item[1]))
        top, bottom = _value(high[1]), _value(low[1])
        paired |= {high[0], low[0]}
        rows.append(
            row_of(
                answer,
                [high[0], low[0]],
                high[1].completion,
                low[1].completion,
                soft_label=0.5 if top == bottom else 1.0,
                margin=top - bottom,
                transform=RATE,
                scale=high[1].scale,
                list_id=f"{answer.feedback}:rate:{values[0][0]}",
                chosen_value=top,
                rejected_value=bottom,
            )
        )
    if alone := len(values) - len(paired):
        dropped["rate: nothing to compare"] += alone
    return rows


def _value(judgment: Rate) -> float:
    if judgment.value is None:
        raise ValueError("a rating without a value has no place in a pair")
    return judgment.value


def _rates_back(row: PairRow) -> dict[Source, Judgment]:
    sides = (
        (row.chosen_id, row.chosen_value),
        (row.rejected_id, row.rejected_value),
    )
    return {
        source: Rate.model_validate(
            {
                "completion": item,
                "value": value,
                "scale": row.scale,
                **carried(row, place),
            }
        )
        for place, (source, (item, value)) in enumerate(
            zip(row.src, sides, strict=True)
        )
    }
