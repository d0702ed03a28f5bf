"""The steps of a completion: its paragraphs, or its lines where it is one paragraph."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


def steps_of(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the steps that a question of kind step labels, by index from 0.

    Each message is cut for itself; steps that hold nothing but white space are none.
    """
    steps: list[str] = []
    for message in messages:
        text = str(message["content"]).strip()
        parts = BLANK_LINES.split(text)
        steps += parts if len(parts) > 1 else text.splitlines()
    return [step.strip() for step in steps if step.strip()]
