"""Consensus: what the labels of a task say together, one row a pair and criterion."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from annotation.projections.pair_rows import PairRow
from annotation.projections.reliability import MODEL, Reliability
from annotation.projections.rows import Messages

CONSENSUS, RELIABILITY = "consensus@1", "reliability@1"
ANNOTATOR = "consensus"


def consensus(
    rows: Iterable[PairRow], weighed: Reliability | None = None
) -> list[PairRow]:
    """Return one row for each pair and criterion of one task.

    The soft label is the weighted mean of the labels' soft labels, the margin that of
    their signed margins, where given. What more than half of the weight prefers is
    chosen; at exactly half the row is a tie. `agreement` is the share of the largest
    of the three opinions (one better, the other better, tie). `src` holds them all.

    A model that was asked in several presentations, such as both orders, has one vote
    between them: what it says twice is no further opinion.

    Where labels were weighed by their annotators' reliability, the soft label is the
    probability that the chosen is better and half of that of a tie, and `agreement` is
    the largest of the three probabilities.
    """
    together: dict[tuple[str | None, str, str], list[PairRow]] = {}
    for row in rows:
        low, high = sorted((row.chosen_id, row.rejected_id))
        together.setdefault((row.criterion, low, high), []).append(row)
    return [
        _one(members, first, f"{criterion or 'overall'}:{number}", weighed)
        for number, ((criterion, first, _), members) in enumerate(together.items())
    ]


def _one(
    rows: list[PairRow], first: str, name: str, weighed: Reliability | None
) -> PairRow:
    rows = _one_vote_a_model(rows)
    total = math.fsum(row.weight for row in rows)
    if total <= 0:
        raise ValueError(
            f"task {rows[0].task}: expected weights above 0, found {total}"
        )
    if weighed is None:
        share = math.fsum(row.weight * _toward(row, first) for row in rows) / total
        agreement = _largest_opinion(rows, first) / total
    else:
        belief = weighed.toward(rows[0], first)
        share, agreement = belief[0] + belief[2] / 2, max(belief)
    measured = [row for row in rows if row.margin is not None]
    weight = math.fsum(row.weight for row in measured)
    margin = (
        math.fsum(row.weight * _signed(row, first) for row in measured) / weight
        if weight
        else None
    )
    # Sums of thirds and tenths must not turn an even split into a preference.
    tie = math.isclose(share, 0.5, abs_tol=1e-9)
    first_wins = share > 0.5 or tie
    sample = next(
        (row for row in rows if (row.chosen_id == first) == first_wins), rows[0]
    )
    turned = (sample.chosen_id == first) != first_wins
    if turned:
        sample = replace(
            sample,
            chosen=sample.rejected,
            rejected=sample.chosen,
            chosen_id=sample.rejected_id,
            rejected_id=sample.chosen_id,
        )
    kinds = {row.annotator_kind for row in rows}
    return PairRow(
        row_id=f"{sample.task}:{name}",
        prompt=sample.prompt,
        chosen=sample.chosen,
        rejected=sample.rejected,
        soft_label=0.5 if tie else max(share, 1 - share),
        margin=margin if margin is None or first_wins else -margin,
        weight=1.0,
        criterion=sample.criterion,
        annotator=ANNOTATOR,
        group=sample.group,
        split=sample.split,
        src=sorted({source for row in rows for source in row.src}),
        task=sample.task,
        transform=RELIABILITY if weighed else CONSENSUS,
        chosen_id=sample.chosen_id,
        rejected_id=sample.rejected_id,
        annotator_kind=kinds.pop() if len(kinds) == 1 else "mixed",
        source=sample.source,
        round=sample.round,
        context=sample.context,
        reference=sample.reference,
        calibration=sample.calibration,
        rejected_prompt=sample.rejected_prompt,
        rationale=None if turned else sample.rationale,
        chosen_edited=_edited(rows, sample.chosen_id),
        rejected_edited=_edited(rows, sample.rejected_id),
        chosen_unsafe=_unsafe(rows, sample.chosen_id),
        rejected_unsafe=_unsafe(rows, sample.rejected_id),
        **_ratings(rows, sample.chosen_id),
        votes=len({row.annotator if _is_model(row) else row.row_id for row in rows}),
        agreement=agreement,
    )


def _one_vote_a_model(rows: list[PairRow]) -> list[PairRow]:
    """Return rows in which each model's weights are divided by how often it answered.

    A person meets a task once; several answers under one imported name are those of
    several people whom nobody told apart.
    """
    times = Counter(row.annotator for row in rows if _is_model(row))
    return [
        replace(row, weight=row.weight / times[row.annotator])
        if times.get(row.annotator, 1) > 1 and _is_model(row)
        else row
        for row in rows
    ]


def _is_model(row: PairRow) -> bool:
    return row.annotator_kind == MODEL


def _largest_opinion(rows: list[PairRow], first: str) -> float:
    """Return the weight of the opinion that most hold: one, the other, or tie."""
    weights: dict[float, float] = defaultdict(float)
    for row in rows:
        toward = _toward(row, first)
        weights[0.5 if toward == 0.5 else float(toward > 0.5)] += row.weight
    return max(weights.values())


def _edited(rows: list[PairRow], completion: str) -> Messages | None:
    """Return what the first row with an edit of a completion has in its place."""
    said = (
        row.chosen_edited if row.chosen_id == completion else row.rejected_edited
        for row in rows
    )
    return next((text for text in said if text), None)


def _unsafe(rows: list[PairRow], completion: str) -> bool | None:
    """Return what most rows with a say call a completion; an even split is unsafe."""
    said = [
        row.chosen_unsafe if row.chosen_id == completion else row.rejected_unsafe
        for row in rows
    ]
    known = [value for value in said if value is not None]
    return 2 * sum(known) >= len(known) if known else None


def _ratings(rows: list[PairRow], chosen: str) -> dict[str, Any]:
    """Return the mean ratings of both sides, over rows that rate by what most do."""
    kinds = Counter(tuple(row.factors) for row in rows if row.factors)
    if not kinds:
        return {}
    (names, _), *_ = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    found: dict[bool, list[list[float]]] = {True: [], False: []}
    margins = []
    for row in rows:
        if tuple(row.factors) != names:
            continue
        same = row.chosen_id == chosen
        found[same].append(row.chosen_factors or [])
        found[not same].append(row.rejected_factors or [])
        if row.margins is not None:
            margins.append([m if same else -m for m in row.margins])
    return {
        "factors": list(names),
        "chosen_factors": _means(found[True]),
        "rejected_factors": _means(found[False]),
        "margins": _means(margins) if margins else None,
    }


def _means(rows: list[list[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _toward(row: PairRow, first: str) -> float:
    return row.soft_label if row.chosen_id == first else 1 - row.soft_label


def _signed(row: PairRow, first: str) -> float:
    margin = row.margin or 0.0
    return margin if row.chosen_id == first else -margin
