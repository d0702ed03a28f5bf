"""Protocols that come with Hone, as data: the questions of a new project."""

from typing import Any

from annotation.protocols.scales import SCALES


def compare_question(
    scale: str, *, text: str, reason: str = "optional"
) -> dict[str, Any]:
    return {
        "id": "overall",
        "kind": "compare",
        "text": text,
        "criterion": None,
        "required": True,
        "scale": {"id": scale, **SCALES[scale]},
        "reason": reason,
    }


PRESETS: dict[str, list[dict[str, Any]]] = {
    "compare": [compare_question("compare-7@1", text="Which completion is better?")],
    "compare-plain": [
        compare_question("compare-3@1", text="Which completion is better?")
    ],
}
