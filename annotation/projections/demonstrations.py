"""The demonstrations view: a prompt and a completion worth imitating.

An edit is what somebody wrote instead of a completion; `best` is what won a
comparison, a ranking or a best-worst choice; `import` is a completion that came as
an example. Of several best, each is a row with an even share of the weight.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from annotation.judgments import (
    BestWorst,
    Choose,
    Compare,
    Judgment,
    Rank,
    WrittenText,
)
from annotation.projections.rows import (
    Answered,
    Dropped,
    Messages,
    Row,
    Scales,
    Source,
    about,
    carried,
    chosen,
)

EDIT, EXAMPLE, COMPARE = "edit@1", "example@1", "compare@1"
RANK, BEST_WORST = "rank@1", "best_worst@1"
KINDS = ("compare", "rank", "best_worst")
# The category of a `choose` that says: this completion is an example to follow.
DEMONSTRATION = "demonstration"
WORST = 1  # the group of a best-worst choice's worst; the best are group 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemonstrationRow(Row):
    """One demonstration.

    origin: edit, best or import. completion_id: null for an edit; edited_id: what it
        rewrites.
    candidate_ids, groups: what it won against, as in the view lists (null: not
        ranked); outcome, strength, scale: of a comparison, candidates as presented.
    """

    completion: Messages
    completion_id: str | None
    origin: str
    edited_id: str | None = None
    candidate_ids: list[str]
    groups: list[int | None]
    outcome: str | None = None
    strength: int | None = None
    scale: str | None = None


def demonstrations_of(
    answer: Answered, dropped: Dropped, scales: Scales
) -> list[DemonstrationRow]:
    """Return the demonstrations that one answer gives."""
    rows: list[DemonstrationRow] = []
    for place, judgment in enumerate(answer.judgments):
        if isinstance(judgment, WrittenText) and judgment.role == "edit":
            rows += _edit(answer, place, judgment, dropped)
        elif example := chosen(judgment, DEMONSTRATION):
            rows += _best(answer, place, [UUID(example)], "import", EXAMPLE)
        elif isinstance(judgment, Compare):
            rows += _compare(answer, place, judgment, dropped)
        elif isinstance(judgment, Rank):
            rows += _rank(answer, place, judgment, dropped)
        elif isinstance(judgment, BestWorst):
            seats = {str(item): 0 for item in judgment.best}
            seats |= {str(item): WORST for item in judgment.worst}
            rows += _best(
                answer,
                place,
                judgment.best,
                "best",
                BEST_WORST,
                candidate_ids=list(seats),
                groups=list(seats.values()),
            )
    return rows


def _edit(
    answer: Answered, place: int, judgment: WrittenText, dropped: Dropped
) -> list[DemonstrationRow]:
    if not judgment.content.strip():
        dropped["edit: empty"] += 1
        return []
    edited = str(judgment.completion) if judgment.completion else None
    return [
        DemonstrationRow(
            **about(answer, [place]),
            transform=EDIT,
            completion=[{"role": "assistant", "content": judgment.content}],
            completion_id=None,
            origin="edit",
            edited_id=edited,
            candidate_ids=[],
            groups=[],
        )
    ]


def _best(
    answer: Answered,
    place: int,
    best: Sequence[UUID],
    origin: str,
    transform: str,
    **columns: Any,
) -> list[DemonstrationRow]:
    shared = about(answer, [place])
    return [
        DemonstrationRow(
            **{
                **shared,
                "row_id": f"{shared['row_id']}:{number}",
                "weight": answer.weight / len(best),
            },
            transform=transform,
            completion=answer.completions[str(item)],
            completion_id=str(item),
            origin=origin,
            **({"candidate_ids": [], "groups": []} | columns),
        )
        for number, item in enumerate(best)
    ]


def _compare(
    answer: Answered, place: int, judgment: Compare, dropped: Dropped
) -> list[DemonstrationRow]:
    if judgment.outcome not in ("a", "b"):
        dropped[f"compare: {judgment.outcome}"] += 1
        return []
    a_won = judgment.outcome == "a"
    return _best(
        answer,
        place,
        [judgment.a if a_won else judgment.b],
        "best",
        COMPARE,
        candidate_ids=[str(judgment.a), str(judgment.b)],
        groups=[0, 1] if a_won else [1, 0],
        outcome=judgment.outcome,
        strength=judgment.strength,
        scale=judgment.scale,
    )


def _rank(
    answer: Answered, place: int, judgment: Rank, dropped: Dropped
) -> list[DemonstrationRow]:
    if judgment.all_bad:
        dropped["rank: all bad"] += 1
        return []
    if sum(map(len, judgment.groups)) < 2:
        dropped["rank: nothing to compare"] += 1
        return []
    seats: list[tuple[str, int | None]] = [
        (str(item), group)
        for group, members in enumerate(judgment.groups)
        for item in members
    ]
    seats += [(str(item), None) for item in judgment.unranked]
    return _best(
        answer,
        place,
        judgment.groups[0],
        "best",
        RANK,
        candidate_ids=[item for item, _ in seats],
        groups=[group for _, group in seats],
    )


def judgments_of(rows: Iterable[DemonstrationRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `demonstrations_of`."""
    return {row.src[0]: _back(row) for row in rows}


def _back(row: DemonstrationRow) -> Judgment:
    said = carried(row)
    if row.transform == EDIT:
        content = row.completion[0]["content"]
        return WrittenText.model_validate(
            {"role": "edit", "completion": row.edited_id, "content": content, **said}
        )
    if row.transform == EXAMPLE:
        return Choose.model_validate(
            {"target": row.completion_id, "category": DEMONSTRATION, **said}
        )
    if row.transform == COMPARE:
        a, b = row.candidate_ids
        return Compare.model_validate(
            {
                "a": a,
                "b": b,
                "outcome": row.outcome,
                "strength": row.strength,
                "scale": row.scale,
                **said,
            }
        )
    seats: dict[int, list[str]] = {}
    unranked: list[str] = []
    for item, group in zip(row.candidate_ids, row.groups, strict=True):
        (unranked if group is None else seats.setdefault(group, [])).append(item)
    if row.transform == BEST_WORST:
        return BestWorst.model_validate(
            {"best": seats[0], "worst": seats[WORST], **said}
        )
    groups = [seats[group] for group in sorted(seats)]
    return Rank.model_validate({"groups": groups, "unranked": unranked, **said})
