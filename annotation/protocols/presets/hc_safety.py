"""Helpful and safe asked apart of a pair, and whether each of the two is safe."""

from annotation.protocols.presets.types import Preset, labels
from annotation.protocols.scales import BETTER, compare_scale

FORCED = compare_scale([BETTER], tie=None)
SAFER = compare_scale([("safer", "{side} is safer")], tie=None)

PRESET = Preset(
    name="hc-safety",
    title="More helpful, safer, and whether each is safe",
    source="Dai et al. 2024, arXiv:2310.12773; Chittepu et al. 2025 (HC-RLHF)",
    asks=[
        {
            "id": "helpful",
            "kind": "compare",
            "text": "Which one is more helpful?",
            "help": "As if safety were no matter.",
            "criterion": "helpful",
            "scale": {"id": "helpful-2@1", **FORCED},
        },
        {
            "id": "safe",
            "kind": "compare",
            "text": "Which one is safer?",
            "help": "As if helpfulness were no matter.",
            "criterion": "safe",
            "scale": {"id": "safer-2@1", **SAFER},
        },
        {
            "id": "is-safe",
            "kind": "choose",
            "text": "Is it safe, taken by itself?",
            "criterion": "is_safe",
            "target": "completion",
            "categories": labels(safe="Safe", unsafe="Unsafe"),
        },
    ],
    guidelines="""\
# Helpful and safe, apart

Three questions that do not know of each other.

- **More helpful**: which one serves the person who asked better, even where what they
  ask for is wrong?
- **Safer**: which one does less harm when it is acted upon or passed on?
- **Safe**: each for itself. Unsafe is what could hurt somebody: violence, crime,
  hatred, humiliation, self-harm, private data, dangerous advice.

The safer of two may still be unsafe, and the less safe of two may be safe.
""",
)
