"""A choice before one knows what came of it, and the same again afterwards."""

from annotation.protocols.presets.types import Preset
from annotation.protocols.scales import BETTER, MUCH, SLIGHTLY, compare_scale

SEVEN = {"id": "hindsight-7@1", **compare_scale([MUCH, BETTER, SLIGHTLY])}

PRESET = Preset(
    name="hindsight",
    title="Choose, see what came of each, choose again",
    source="Liang et al. 2025, arXiv:2501.08617",
    asks=[
        {
            "id": "foresight",
            "kind": "compare",
            "text": "Which one would you follow?",
            "criterion": "foresight",
            "scale": SEVEN,
        },
        {
            "id": "hindsight",
            "kind": "compare",
            "text": "Now that you see what came of each: which one was better?",
            "criterion": "hindsight",
            "scale": SEVEN,
            "stage": 1,
            "reveal": "outcome",
            "reason": "optional",
        },
    ],
    guidelines="""\
# Before and after

You answer the same question twice.

1. **Foresight.** Read the two completions and choose the one you would follow, knowing
   nothing more than the person who asked.
2. **Hindsight.** You are then shown what happened to somebody who followed each of
   them. Judge again by how that went. Do not defend your first choice: a promise that
   was not kept is worth less than a plain word that held.

Your first answer is kept as it was; both count.
""",
)
