"""Hone's own: one comparison, with or without strengths."""

from annotation.protocols.presets.types import Preset
from annotation.protocols.scales import SCALES


def _asks(scale: str) -> list[dict[str, object]]:
    return [
        {
            "id": "overall",
            "kind": "compare",
            "text": "Which completion is better?",
            "scale": {"id": scale, **SCALES[scale]},
            "reason": "optional",
        }
    ]


COMPARE = Preset(
    name="compare",
    title="Which of two is better, with strength",
    source="",
    asks=_asks("compare-7@1"),
)
COMPARE_PLAIN = Preset(
    name="compare-plain",
    title="Which of two is better",
    source="",
    asks=_asks("compare-3@1"),
)
