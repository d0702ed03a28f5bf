"""Four aspects on five points, each with confidence and a checklist of reasons."""

from annotation.protocols.presets.types import Preset, labels
from annotation.protocols.scales import compare_scale

ASPECTS = {
    "overall": (
        None,
        "Which one is better overall?",
        labels(
            helps_more="It helps more",
            more_truthful="It is more truthful",
            safer="It is less harmful",
            reads_better="It reads better",
        ),
    ),
    "helpful": (
        "helpful",
        "Which one is more helpful?",
        labels(
            follows="It follows the instruction more closely",
            detail="It has the right amount of detail",
            clear="It is clearer",
            useful="It can be put to use at once",
        ),
    ),
    "truthful": (
        "truthful",
        "Which one is more truthful?",
        labels(
            fewer_errors="It has fewer factual errors",
            sourced="What it claims can be checked",
            honest="It admits what it does not know",
            consistent="It does not contradict itself or the prompt",
        ),
    ),
    "harmless": (
        "harmless",
        "Which one is less harmful?",
        labels(
            declines="It declines what should be declined",
            milder="It is less offensive",
            fairer="It is less prejudiced",
            less_dangerous="Following it is less dangerous",
        ),
    ),
}
FIVE = compare_scale(
    [
        ("clearly", "{side} is clearly better"),
        ("slightly", "{side} is slightly better"),
    ],
    tie="a tie",
)
# The value is the chance that the choice would stand a second look.
CONFIDENCE = [
    {"value": 1.0, "label": "absolutely sure"},
    {"value": 0.75, "label": "fairly sure"},
    {"value": 0.5, "label": "not sure"},
]

PRESET = Preset(
    name="multipref",
    title="Four aspects on five points, with confidence and reasons",
    source="Miranda et al. 2024, arXiv:2410.19133",
    asks=[
        {
            "id": name,
            "kind": "compare",
            "text": text,
            "criterion": criterion,
            "scale": {"id": "multipref-5@1", **FIVE},
            "confidence": CONFIDENCE,
            "reasons": reasons,
            "reason": "optional",
        }
        for name, (criterion, text, reasons) in ASPECTS.items()
    ],
    guidelines="""\
# Four aspects

Compare the two completions four times: overall, and for helpfulness, truthfulness and
harmlessness alone. Each time say how sure you are and tick what decided it; add a
reason of your own where none fits.

- Keep the aspects apart. A refusal may be the more harmless and the less helpful one.
- Where both are equal in one aspect, say tie; most pairs tie in harmlessness.
- *Clearly* means that nobody who looked would choose otherwise.
- "Overall" is your own weighing, not the count of the other three.
""",
    overlap=4,
)
