"""One comparison from -3 to 3, with a reason in a sentence or two."""

from annotation.protocols.presets.types import Preset
from annotation.protocols.scales import BETTER, MUCH, SLIGHTLY, compare_scale

PRESET = Preset(
    name="helpsteer3",
    title="Overall preference from -3 to 3, with reasons",
    source="Wang et al. 2025, arXiv:2505.11475",
    asks=[
        {
            "id": "overall",
            "kind": "compare",
            "text": "Which one is better overall?",
            "scale": {
                "id": "helpsteer3-7@1",
                **compare_scale([MUCH, BETTER, SLIGHTLY]),
            },
            "reason": "required",
        }
    ],
    guidelines="""\
# Overall preference with a reason

Choose one of seven points, from "A is much better" over "about the same" to "B is much
better", then say why in one or two sentences.

- *Much* better: you would never take the other. *Slightly*: a matter of polish.
- "About the same" is for true equals, also for two that are equally bad.
- Name in the reason what decided it ("B gives the year wrongly"), not only the verdict
  ("B is worse"). Somebody who has not read the two should understand it.
""",
    overlap=3,
)
