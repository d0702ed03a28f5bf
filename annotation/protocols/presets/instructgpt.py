"""A rating of each of four to nine outputs, then a ranking of all of them."""

from annotation.protocols.presets.types import Preset
from annotation.protocols.scales import rate_scale

PRESET = Preset(
    name="instructgpt",
    title="Rank four to nine completions, and rate each from 1 to 7",
    source="Ouyang et al. 2022, arXiv:2203.02155",
    asks=[
        {
            "id": "quality",
            "kind": "rate",
            "text": "How good is it, taken by itself?",
            "criterion": "quality",
            "scale": {
                "id": "quality-7@1",
                **rate_scale(
                    1,
                    [
                        "useless",
                        "poor",
                        "weak",
                        "middling",
                        "fair",
                        "good",
                        "as good as it could be",
                    ],
                ),
            },
        },
        {
            "id": "ranking",
            "kind": "rank",
            "text": "Put them in order, best first.",
            "help": "Equal ones may share a place; use that sparingly.",
            "allow_ties": True,
            "allow_unranked": False,
        },
    ],
    guidelines="""\
# Rating and ranking

1. Read the instruction and say to yourself what its writer wanted.
2. Rate each completion from 1 to 7 as if there were no other.
3. Put all of them in order. Ties are for completions between which you would toss a
   coin, not for those that you would rather not compare.

Weigh in this order: does it do what was asked; is it true; could it harm somebody.
Where an instruction asks for harm, put what avoids it first. Length is no merit.
""",
    completions=(4, 9),
)
