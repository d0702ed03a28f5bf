"""The views that Hone offers, by name: one table for exports, snapshots and the API.

A view takes some kinds of judgments, makes rows of them, and has an inverse that
works from the rows alone. What it could have taken and did not is counted by reason;
judgments of other kinds are counted by kind.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from annotation.errors import NotFound
from annotation.judgments import Judgment
from annotation.projections import (
    demonstrations,
    entailment,
    judge,
    labels,
    lists,
    pairs,
    scalars,
    steps,
    tokens,
    tools,
    unary,
    users,
    vectors,
)
from annotation.projections.pair_rows import PairRow
from annotation.projections.rows import Answered, Dropped, Row, Scales, Source

ViewName = Literal[
    "pairs",
    "lists",
    "scalars",
    "vectors",
    "tokens",
    "entailment",
    "unary",
    "judge",
    "users",
    "demonstrations",
    "steps",
    "labels",
    "tools",
]


@dataclass(frozen=True)
class View:
    """One view.

    kinds: the kinds of judgments that it takes.
    row: the type of its rows, which is its table of columns.
    rows_of: an answer's rows, counting what gives none.
    judgments_of: the inverse.
    traces: takes the steps of tools beside the completions.
    by_actor: makes rows of all rows of one actor; the others go answer by answer.
    """

    name: ViewName
    summary: str
    kinds: tuple[str, ...]
    row: type[Row]
    rows_of: Callable[[Answered, Dropped, Scales], list[Any]]
    judgments_of: Callable[[Iterable[Any]], dict[Source, Judgment]]
    by_actor: Callable[[Iterable[Any]], Iterator[Row]] | None = None
    traces: bool = False


VIEWS: Mapping[str, View] = {
    view.name: view
    for view in (
        View(
            "pairs",
            "two completions, the better first",
            ("compare", "rank", "best_worst", "rate"),
            PairRow,
            pairs.pairs_of,
            pairs.judgments_of,
        ),
        View(
            "lists",
            "completions in order, with ties and gaps",
            lists.KINDS,
            lists.ListRow,
            lists.lists_of,
            lists.judgments_of,
        ),
        View(
            "scalars",
            "a number of a completion",
            scalars.KINDS,
            scalars.ScalarRow,
            scalars.scalars_of,
            scalars.judgments_of,
        ),
        View(
            "vectors",
            "an annotator's ratings of a completion by criterion",
            vectors.KINDS,
            vectors.VectorRow,
            vectors.vectors_of,
            vectors.judgments_of,
        ),
        View(
            "tokens",
            "spans in a text, and what it lacks",
            tokens.KINDS,
            tokens.TokenRow,
            tokens.tokens_of,
            tokens.judgments_of,
        ),
        View(
            "entailment",
            "whether a completion keeps a principle",
            entailment.KINDS,
            entailment.EntailmentRow,
            entailment.entailment_of,
            entailment.judgments_of,
        ),
        View(
            "unary",
            "a completion found good or bad by itself",
            unary.KINDS,
            unary.UnaryRow,
            unary.unary_of,
            unary.judgments_of,
        ),
        View(
            "judge",
            "verdicts with their reasons, to train a judge",
            judge.KINDS,
            judge.JudgeRow,
            judge.judge_rows_of,
            judge.judgments_of,
        ),
        View(
            "users",
            "one annotator's pairs: some shown, some to predict",
            users.KINDS,
            users.UserRow,
            pairs.pairs_of,
            users.judgments_of,
            by_actor=users.user_rows,
        ),
        View(
            "demonstrations",
            "a completion worth imitating: edited, best or imported",
            demonstrations.KINDS,
            demonstrations.DemonstrationRow,
            demonstrations.demonstrations_of,
            demonstrations.judgments_of,
        ),
        View(
            "steps",
            "labels of a completion's steps",
            steps.KINDS,
            steps.StepRow,
            steps.step_rows_of,
            steps.judgments_of,
        ),
        View(
            "labels",
            "categories and flags",
            labels.KINDS,
            labels.LabelRow,
            labels.labels_of,
            labels.judgments_of,
        ),
        View(
            "tools",
            "a judged completion with the steps of its tools",
            tools.KINDS,
            tools.ToolRow,
            tools.tools_of,
            tools.judgments_of,
            traces=True,
        ),
    )
}


def view_named(name: str) -> View:
    """Return a view by its name.

    Raises:
        NotFound: when there is none.
    """
    if name not in VIEWS:
        raise NotFound(
            "There is no such view.",
            expected="one of " + ", ".join(VIEWS),
            found=repr(name),
            fix="Choose one of them.",
        )
    return VIEWS[name]
