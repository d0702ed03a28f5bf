"""The passages beside a prompt, read out of its context, and their sentences.

`context.passages` is a list of texts, of objects with `text` or `sentences`, or of
one object a sentence: {doc, sent_id, text}. Without a name of its own a passage goes
by its number, from 0. What is read here is what the hand-out shows and what spans and
references are held against, so offsets mean the same on both sides.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A sentence ends at its punctuation, in Latin or full-width script, or at a line's end.
# The bounds keep a passage of nothing but marks from taking time by its square.
SENTENCE = re.compile(
    r"\S.*?(?:[.!?。！？]{1,40}[\"'»”’)\]]{0,20}(?=\s|$)|[。！？]|$)", re.MULTILINE
)


@dataclass(frozen=True)
class Sentence:
    """A sentence's place in its passage, in code points, half open."""

    id: str | int
    start: int
    end: int


@dataclass(frozen=True)
class Passage:
    """A passage under the name by which judgments refer to it."""

    doc: str
    title: str
    text: str
    sentences: Sequence[Sentence]


def passages_of(context: Mapping[str, Any] | None) -> list[Passage]:
    """Return the passages of a prompt's context; none where it has none."""
    if not context:
        return []
    given = context.get("passages")
    if not isinstance(given, list):
        return []
    found: dict[str, tuple[str, list[tuple[str | int | None, str]]]] = {}
    for number, item in enumerate(given):
        doc, title, parts = _read(item, number)
        if parts:
            found.setdefault(doc, (title, []))[1].extend(parts)
    return [_passage(doc, title, parts) for doc, (title, parts) in found.items()]


def _read(
    item: Any, number: int
) -> tuple[str, str, list[tuple[str | int | None, str]]]:
    """Return name, title and the parts: whole texts (None) or numbered sentences."""
    if isinstance(item, str):
        return str(number), "", [(None, item)]
    if not isinstance(item, dict):
        return str(number), "", []
    named = item.get("doc", item.get("id"))
    doc = str(number if named is None else named)
    title = str(item.get("title") or "")
    sentences = item.get("sentences")
    if isinstance(sentences, list):
        texts = [str(sentence) for sentence in sentences]
        return doc, title, list(enumerate(texts))
    text = item.get("text")
    if not isinstance(text, str):
        return doc, title, []
    sentence = item.get("sent_id", item.get("sentence"))
    return doc, title, [(sentence, text)]


def _passage(
    doc: str, title: str, parts: Sequence[tuple[str | int | None, str]]
) -> Passage:
    text = ""
    sentences: list[Sentence] = []
    for id, part in parts:
        if text:
            text += " " if id is not None else "\n\n"
        start = len(text)
        text += part
        if id is not None:
            sentences.append(Sentence(id, start, len(text)))
        else:
            sentences += [
                Sentence(len(sentences) + number, start + at.start(), start + at.end())
                for number, at in enumerate(SENTENCE.finditer(part))
            ]
    return Passage(doc, title, text, tuple(sentences))
