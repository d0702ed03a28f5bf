"""Each kind of question, answered by keyboard alone, from the screen to the record.

Every case goes the whole way: keys, a reload in between that must lose nothing, the
stored judgments, then undo, which must bring the same answer back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Feedback
from tests.browser import kinds
from tests.browser.axe import serious
from tests.browser.world import DESK, PHONE, MakeWorld, front, saved

COMPARE = kinds.COMPARE | {"confidence": None, "reasons": []}
FORESIGHT = kinds.CHOOSE | {"id": "foresight", "target": "task"}
HINDSIGHT = FORESIGHT | {"id": "hindsight", "stage": 1, "reveal": "outcome"}
TWO_PRINCIPLES = kinds.PRINCIPLE | {"principles": kinds.PRINCIPLE["principles"][:2]}


@dataclass(frozen=True)
class Case:
    """Questions about so many completions, the keys, and what they must store.

    Attributes:
        keys: pressed one by one; several letters are typed into a field.
        stored: the judgments, with letters in the place of completions' ids and only
            the fields that tell them apart.
        most: keys that a complete answer may take, the last Enter included.
    """

    questions: list[kinds.Question]
    completions: int
    keys: str
    stored: list[dict[str, Any]]
    most: int = 20


CASES = {
    "compare": Case(
        [COMPARE], 2, "2", [{"a": "A", "b": "B", "outcome": "a", "strength": 1}], 2
    ),
    "compare-beside": Case(
        [kinds.COMPARE],
        2,
        "5 2 ArrowDown 1 2",
        [{"outcome": "b", "confidence": 0.5, "reasons": ["facts", "length"]}],
    ),
    "compare-pairs": Case(
        [COMPARE],
        3,
        "1 3 0",
        [
            {"a": "A", "b": "B", "outcome": "a"},
            {"a": "A", "b": "C", "outcome": "tie"},
            {"a": "B", "b": "C", "outcome": "both_bad"},
        ],
    ),
    "rank": Case(
        [kinds.RANK], 4, "3 1 1 2", [{"groups": [["B", "C"], ["D"], ["A"]]}], 6
    ),
    "rank-moved": Case(
        [kinds.RANK],
        4,
        "Alt+ArrowUp ArrowRight Alt+ArrowUp Alt+ArrowUp ArrowRight = ArrowRight 0",
        [{"groups": [["B"], ["A", "C"]], "unranked": ["D"]}],
    ),
    "best_worst": Case(
        [kinds.BEST_WORST], 4, "2 4", [{"best": ["B"], "worst": ["D"]}], 3
    ),
    "rate": Case(
        [kinds.RATE],
        2,
        "3 n",
        [{"completion": "A", "value": 3.0}, {"completion": "B", "value": None}],
        3,
    ),
    "span": Case(
        [kinds.SPAN],
        2,
        "v ArrowRight v ArrowRight 2 1",
        [{"completion": "A", "start": 4, "category": "untrue", "severity": "minor"}],
        7,
    ),
    "missing": Case(
        [kinds.MISSING],
        2,
        "1 ArrowRight 2",
        [
            {"completion": "A", "category": "answer"},
            {"completion": "B", "category": "detail"},
        ],
    ),
    "principle": Case(
        [kinds.PRINCIPLE],
        1,
        "1 2 3 4 1 1 2 1 1",
        [
            {"principle": text, "verdict": verdict}
            for text, verdict in zip(
                kinds.PRINCIPLES,
                ["yes", "no", "partial", "na", "yes", "yes", "no", "yes", "yes"],
                strict=True,
            )
        ],
        10,
    ),
    "evidence": Case(
        [TWO_PRINCIPLES],
        1,
        "1 e v ArrowRight Enter ArrowDown 2",
        [
            {"verdict": "yes", "evidence": [{"completion": "A", "start": 0, "end": 9}]},
            {"verdict": "no"},
        ],
    ),
    "critique": Case(
        [kinds.CRITIQUE],
        1,
        "r Short_and_clear. Escape",
        [{"role": "critique", "completion": "A", "content": "Short_and_clear."}],
    ),
    "edit": Case(
        [kinds.EDIT],
        1,
        "r Home Well:_ Escape",
        [{"role": "edit", "completion": "A"}],
    ),
    "reaction": Case(
        [kinds.REACTION], 2, "1 2", [{"signal": "up"}, {"value": -1.0, "position": 1}]
    ),
    "choose": Case(
        [kinds.CHOOSE],
        2,
        "1 2",
        [{"target": "A", "category": "safe"}, {"target": "B", "category": "unsafe"}],
    ),
    "step": Case(
        [kinds.STEP],
        1,
        "1 2",
        [{"index": 0, "label": "right"}, {"index": 1, "label": "wrong"}],
    ),
    "stages": Case(
        [FORESIGHT, HINDSIGHT],
        2,
        "1 Enter 2",
        [
            {"question": "foresight", "category": "safe"},
            {"question": "hindsight", "category": "unsafe"},
        ],
    ),
    "composed": Case(
        [COMPARE, kinds.RATE, kinds.SPAN, TWO_PRINCIPLES],
        2,
        "4 2 0 1 2 3 4",
        [
            {"kind": "compare", "outcome": "b", "strength": 1},
            {"kind": "rate", "value": 2.0},
            {"kind": "rate", "value": 0.0},
            {"principle": kinds.PRINCIPLES[0], "completion": "A", "verdict": "yes"},
            {"principle": kinds.PRINCIPLES[1], "completion": "A", "verdict": "no"},
            {"principle": kinds.PRINCIPLES[0], "completion": "B", "verdict": "partial"},
            {"principle": kinds.PRINCIPLES[1], "completion": "B", "verdict": "na"},
        ],
        8,
    ),
}


def press(page: Page, keys: str) -> int:
    """Press keys one by one; returns how many, a typed word counted as one."""
    each = keys.split()
    for key in each:
        named = len(key) == 1 or key.startswith(("Arrow", "Alt+", "Shift+"))
        if named or key in ("Enter", "Escape", "Home"):
            page.keyboard.press(key)
        else:
            page.keyboard.type(key)
    return len(each)


def judged(feedback: Feedback) -> list[dict[str, Any]]:
    """Return stored judgments, with letters in the place of completions' ids."""
    text = json.dumps(feedback.judgments)
    slots = list(feedback.assignment.task.slots.order_by("position"))
    for letter, position in zip("ABCDEF", feedback.assignment.order, strict=False):
        text = text.replace(str(slots[position].completion_id), letter)
    found: list[dict[str, Any]] = json.loads(text)
    return found


# Their screens are those of other cases.
ALIKE = {"compare-beside", "rank-moved", "evidence", "choose", "stages"}


def accessible(page: Page) -> None:
    """Hold the screen against axe, wide and light, then narrow and dark."""
    assert serious(page) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], "nothing may stick out sideways"
    assert serious(page) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)


@pytest.mark.parametrize("name", CASES)
def test_a_kind_is_answered_by_keyboard_alone(
    make_world: MakeWorld, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    world = make_world([])
    rows = [kinds.row(case.completions, number) for number in (1, 2)]
    kinds.ask(world.project, case.questions, rows, tmp_path)
    page = world.page()
    first = front(page).get_attribute("data-assignment") or ""
    assert press(page, case.keys) + 1 <= case.most
    if name not in ALIKE:
        accessible(page)
    page.reload()
    expect(front(page)).to_have_attribute("data-assignment", first)
    page.keyboard.press("Enter")
    expect(front(page)).not_to_have_attribute("data-assignment", first)
    saved(page)

    (feedback,) = Feedback.objects.all()
    found = judged(feedback)
    assert len(found) == len(case.stored), found
    for judgment, expected in zip(found, case.stored, strict=True):
        for field, value in expected.items():
            assert judgment.get(field) == value, (field, judgment)

    page.keyboard.press("z")
    expect(front(page)).to_have_attribute("data-assignment", first)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing changed.")).to_be_visible()
    assert Feedback.objects.count() == 1
