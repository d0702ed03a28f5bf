"""A comparison by a rubric: written first, then applied to each completion by itself.

After Auto-Rubric as Reward.
"""

from typing import Annotated

from pydantic import Field

from annotation.judgments import Strict, WrittenText
from annotation.protocols.questions import CompareQuestion
from annotation.services.judge_settings import JudgeSettings
from annotation.services.judging import as_compare
from workers.judges.base import Presented
from workers.judges.choosing import Answering, choose, worded
from workers.judges.instructions import RUBRIC
from workers.judges.writing import ask_object

SHOWN = '{"items": ["...", "..."]}'
RUBRIC_ITEM = "Does it do this? {item}\n(A) yes\n(B) no"


class Rubric(Strict):
    items: Annotated[
        list[Annotated[str, Field(min_length=3, max_length=500)]],
        Field(min_length=2, max_length=8),
    ]


def compare_by_rubric(
    question: CompareQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    """Write a rubric for the request, apply each item to each completion, and compare.

    p(a, b) = (1 + mean over items of yes(a) - yes(b)) / 2, so the order of the
    completions cannot matter. After Auto-Rubric as Reward; the rubric is kept as a
    rationale beside the comparison.
    """
    rubric = yield from ask_object(
        item, settings, f"{worded(question)}\n{RUBRIC}", Rubric, SHOWN, names=()
    )
    gaps = []
    for each in rubric.items:
        shares = []
        for place in (0, 1):
            # By itself and by no letter of its own: nothing tells which is shown first.
            alone = _alone(item, place)
            ask = RUBRIC_ITEM.format(item=each)
            found = yield from choose(alone, settings, ask, ("A", "B"))
            shares.append(found["A"])
        gaps.append(shares[0] - shares[1])
    probability = (1 + sum(gaps) / len(gaps)) / 2
    first, second = item.ids[:2]
    lines = "\n".join(f"- {each}" for each in rubric.items)
    return [
        as_compare(
            question.model_dump(mode="json"),
            first,
            second,
            probability,
            even=settings.tie_within,
        ),
        WrittenText(role="rationale", content=f"Rubric:\n{lines}", targets=[]),
    ]


def _alone(item: Presented, place: int) -> Presented:
    return Presented(
        item.task,
        item.presentation,
        (0,),
        item.prompt,
        (item.completions[place],),
        item.questions,
        item.context,
    )
