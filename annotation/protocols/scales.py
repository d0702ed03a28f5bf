"""The scales that come with Hone, as data."""

from typing import Any

Option = dict[str, Any]


def compare_scale(
    strengths: list[tuple[str, str]], *, both_bad: bool
) -> dict[str, Any]:
    """Return a symmetric compare scale, from "A much better" to "B much better".

    Args:
        strengths: (short word, full wording with {side}), strongest first.
        both_bad: whether "both are bad" may be answered.
    """
    count = len(strengths)
    left: list[Option] = []
    right: list[Option] = []
    for place, (short, wording) in enumerate(strengths):
        strength = count - place
        for side, options in (("a", left), ("b", right)):
            options.append(
                {
                    "value": f"{side}{strength}",
                    "outcome": side,
                    "strength": strength,
                    "short": short,
                    "label": wording.format(side=side.upper()),
                }
            )
    tie = {
        "value": "tie",
        "outcome": "tie",
        "strength": 0,
        "short": "same",
        "label": "about the same",
    }
    return {"options": [*left, tie, *reversed(right)], "both_bad": both_bad}


SCALES: dict[str, dict[str, Any]] = {
    "compare-7@1": compare_scale(
        [
            ("much", "{side} is much better"),
            ("better", "{side} is better"),
            ("slightly", "{side} is slightly better"),
        ],
        both_bad=True,
    ),
    "compare-3@1": compare_scale([("better", "{side} is better")], both_bad=True),
}
