"""What the pictures of the documentation show: texts, questions and keys, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.browser import kinds
from tests.browser.world import DESK, PHONE

LIGHT: dict[str, Any] = {"viewport": DESK, "color_scheme": "light"}
DARK: dict[str, Any] = {"viewport": DESK, "color_scheme": "dark"}
PHONE_LIGHT: dict[str, Any] = {
    "viewport": PHONE,
    "color_scheme": "light",
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
PHONE_DARK: dict[str, Any] = PHONE_LIGHT | {"color_scheme": "dark"}

LOAF = """
<body style="margin:0"><svg width="640" height="280" viewBox="0 90 640 280">
<rect y="90" width="640" height="280" fill="#f3e7d1"/>
<ellipse cx="320" cy="330" rx="270" ry="24" fill="#d9c7a6"/>
<path d="M60 320C40 190 170 110 320 110s280 80 260 210z" fill="#a9713b"/>
<g stroke="#e9cfa4" stroke-width="12" stroke-linecap="round">
<path d="M200 150l-34 70M290 128l-34 84M380 128l-34 84M470 150l-34 70"/></g></svg>
"""
CODE = {
    "prompt": "Write a Python function that returns the moving average of a list, and "
    "say what it costs.",
    "completions": [
        """\
Here is a short one:

```python
def moving_average(values, window):
    return [sum(values[i:i + window]) / window
            for i in range(len(values) - window + 1)]
```

Each window is summed from the start, so it takes $$O(n \\cdot w)$$ time:

$$
\\bar{x}_i = \\frac{1}{w} \\sum_{j=0}^{w-1} x_{i+j}
$$
""",
        """\
Keep a running sum, and let it move along:

```python
def moving_average(values, window):
    total = sum(values[:window])
    means = [total / window]
    for old, new in zip(values, values[window:]):
        total += new - old
        means.append(total / window)
    return means
```

| step | cost |
|---|---|
| the first sum | `window` additions |
| each move | 2 additions |

So it is linear, however wide the window.
""",
    ],
}
BASIL = (
    "Most likely it stands **too wet or too dark**.\n\nGive it the sunniest window you "
    "have, and water only when the top of the soil is dry.",
    "Basil is an annual, so it always dies after a month.\n\nWater it every morning "
    "and every evening.",
    "A pot from the shop holds some twenty seedlings. Split them into three pots; each "
    "then has room for its roots.",
    "Plants die sometimes. Buy a new one when it does.",
)
CORRECT = kinds.RATE | {
    "id": "correct",
    "text": "How correct is it?",
    "criterion": "correctness",
}
# Not every machine that takes pictures has a font with thumbs.
REACTION = kinds.REACTION | {
    "signals": [
        {"id": "up", "label": "Like", "value": 1},
        {"id": "down", "label": "Dislike", "value": -1},
    ]
}
PLAIN = kinds.COMPARE | {"confidence": None, "reasons": []}


def basil(count: int) -> dict[str, Any]:
    """Return a row with so many completions."""
    return {
        "prompt": "My basil keeps dying on the windowsill. What am I doing wrong?",
        "completions": list(BASIL[:count]),
    }


@dataclass(frozen=True)
class Picture:
    """One screen of the workspace.

    Attributes:
        keys: pressed before the picture is taken, as in tests/browser/test_kinds.py.
        language: of the interface, where it is not English.
    """

    questions: list[kinds.Question]
    row: dict[str, Any]
    keys: str = ""
    look: dict[str, Any] = field(default_factory=lambda: LIGHT)
    language: str = "en"


FEW = kinds.PRINCIPLE | {"principles": kinds.PRINCIPLE["principles"][:3]}
SPANS = [kinds.SPAN, kinds.MISSING]
MARKED = "v ArrowRight ArrowRight Shift v ArrowRight 2 1"
SHORT = kinds.PRINCIPLE | {"principles": kinds.PRINCIPLE["principles"][:2]}
COMPOSED = [PLAIN, kinds.RATE, SHORT]

PICTURES = {
    "workspace-light": Picture([PLAIN], CODE, "2"),
    "workspace-dark": Picture([PLAIN], CODE, "2", DARK),
    "workspace-phone": Picture([PLAIN], CODE, "2", PHONE_LIGHT),
    "kind-compare": Picture([kinds.COMPARE], basil(2), "2 1 ArrowDown 1"),
    "kind-rank": Picture([kinds.RANK], basil(4), "2 1 1"),
    "kind-best-worst": Picture([kinds.BEST_WORST], basil(4), "2 4"),
    "kind-rate": Picture([kinds.RATE, CORRECT], basil(2), "3 1 4"),
    "kind-span": Picture(SPANS, basil(2), MARKED),
    "kind-span-phone": Picture(SPANS, basil(2), MARKED, PHONE_LIGHT),
    "kind-principle": Picture(
        [kinds.PRINCIPLE], basil(1), "1 2 1 e v ArrowRight Enter"
    ),
    "kind-critique": Picture(
        [kinds.CRITIQUE], basil(1), "r True,_but_it_does_not_say_how_to_tell. Escape"
    ),
    "kind-edit": Picture([kinds.EDIT], basil(1), "r Home As_a_rule:_ Escape"),
    "kind-reaction": Picture([REACTION, kinds.CHOOSE], basil(2), "1 2 1"),
    "kind-step": Picture([kinds.STEP], basil(1), "1"),
    "workspace-arabic": Picture(COMPOSED, basil(2), "4 2", language="ar"),
}
