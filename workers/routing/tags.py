"""Tags of a prompt: by rules where the text shows it, by likeness where it takes sense.

The families are those of the hybrid-preferences paper. Likeness is the cosine of the
prompt's sentence vector with descriptions of each value: rough, free and the same every
time. A judge's tags (`tagging.py`) take their place where a judge was asked.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workers.routing.items import Floats
from workers.routing.words import words

_SMALL_WORDS = (
    "the of and to a in is it you that for on with as are this be at or from have an "
    "what how i my me can your do not write give make please was will which"
)
ENGLISH = frozenset(_SMALL_WORDS.split(" "))
# Small words of other languages that English does not have.
_OTHER_WORDS = (
    "der die das und ist nicht ich ein eine mit dem den für auf zu von wie wir les des "
    "est une un le la et dans pour que qui avec sur pas je vous el los las por una con "
    "como para del y en il di che per non sono een het van niet op ik os uma não com"
)
OTHERS = frozenset(_OTHER_WORDS.split(" "))
_LATIN = re.compile(r"[A-Za-z]")
_CONTEXT = re.compile(
    r"```|\b(?:passage|article|paragraph|text|email|sentence|code|table|context|input)"
    r"\b[^.\n]{0,60}:\s*\n|\n\s*\n.{80,}",
    re.IGNORECASE | re.DOTALL,
)
_FORMAT = re.compile(
    r"\b(?:bullet|bulleted|numbered list|table|json|csv|yaml|xml|html|markdown|haiku|"
    r"sonnet|limerick)\b|\b(?:in|under|at most|at least|exactly|no more than|within|"
    r"fewer than|less than|maximum of|minimum of|of)\s+\d+\s+(?:words?|sentences?|"
    r"paragraphs?|lines?|characters?|items?|points?|steps?)\b|"
    r"\b\d+[- ](?:word|sentence|line|paragraph|item|point)\b|\bformat\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Family:
    """A tag family whose values are told apart by descriptions.

    Attributes:
        values: descriptions of each value.
        within: values this close to the best count too; 0 takes the best alone.
        at_least: below this cosine none is taken, and the tag is `unclear`.
    """

    name: str
    values: Mapping[str, Sequence[str]]
    within: float = 0.0
    at_least: float = -1.0


FAMILIES = (
    Family(
        "subject",
        {
            "law": ["a question about laws, courts, contracts and legal rights"],
            "health": ["a question about medicine, illness, treatment and the body"],
            "code": [
                "write or debug a computer program, a script or a database query",
                "a bug in a Python or JavaScript function",
            ],
            "math": ["solve a mathematical problem, an equation or a proof"],
            "science": ["explain physics, chemistry, biology or astronomy"],
            "business": ["business, marketing, management, work and careers"],
            "money": ["personal finance, taxes, investment and economics"],
            "history": ["an event, a person or a period of history"],
            "politics": ["politics, government, elections and society"],
            "language": ["grammar, translation, rewriting and editing a sentence"],
            "fiction": ["write a story, a poem, a song or a dialogue"],
            "food": ["cooking, recipes, food and drinks"],
            "travel": ["travel, places to visit, geography and transport"],
            "home": ["household, repair, gardening, pets and hobbies"],
            "people": ["personal relationships, feelings and advice on life"],
            "media": ["films, music, games, books and sports"],
        },
        within=0.03,
        at_least=0.08,
    ),
    Family(
        "openness",
        {
            "one_answer": ["a question with one correct factual answer"],
            "few_answers": ["a question that a handful of answers would satisfy"],
            "many_answers": ["ask for advice, ideas or suggestions"],
            "creative": ["write something imaginative with a free hand"],
        },
    ),
    Family(
        "expertise",
        {
            "anyone": ["everyday talk that anyone can judge"],
            "some": ["a topic that one has to have read about to judge"],
            "expert": ["a technical question that only a specialist can judge"],
        },
    ),
    Family(
        "safety",
        {
            "safe": ["an ordinary harmless request", "a question about everyday life"],
            "low": ["an impolite joke or a mildly sensitive personal matter"],
            "moderate": ["risky advice on drugs, weapons, gambling or self-treatment"],
            "high": ["how to hurt people, build a bomb, commit a crime or suicide"],
        },
    ),
)

RULES: Mapping[str, Mapping[str, str]] = {
    "language": {
        "english": "the request is written in English",
        "other": "it is written in another language",
    },
    "complexity": {
        "simple": "one plain demand",
        "moderate": "a few demands or conditions",
        "complex": "many demands or conditions at once",
    },
    "context": {
        "yes": "it brings along material to work on, such as a text, code or data",
        "no": "it brings along none",
    },
    "format": {
        "yes": "it says how the answer is to look, such as its length or its form",
        "no": "it does not",
    },
}
"""The families that `rule_tags` reads off the text, and what their values mean."""


def rule_tags(prompt: str) -> frozenset[str]:
    """Return the tags that can be read off the text."""
    return frozenset(
        {
            f"language={'english' if is_english(prompt) else 'other'}",
            f"context={'yes' if _CONTEXT.search(prompt) else 'no'}",
            f"format={'yes' if _FORMAT.search(prompt) else 'no'}",
            f"complexity={complexity(prompt)}",
        }
    )


def is_english(text: str) -> bool:
    """Return whether a text reads as English.

    Its letters are Latin, and its small words no oftener those of other languages.
    """
    found = words(text)
    if not found:
        return True
    latin = sum(bool(_LATIN.match(word)) for word in found) / len(found)
    ours = sum(word in ENGLISH for word in found)
    others = sum(word in OTHERS for word in found)
    return latin > 0.7 and others <= ours


def complexity(prompt: str) -> str:
    """Return how much is asked at once, by words, demands and sentences."""
    size = len(words(prompt))
    demands = len(re.findall(r"[?;]|\b(?:and|also|then|but|must|should)\b", prompt))
    if size <= 15 and demands <= 1:
        return "simple"
    return "complex" if size > 80 or demands > 6 else "moderate"


def descriptions() -> list[str]:
    """Return all descriptions, in the order in which `likeness_tags` reads them."""
    return [text for f in FAMILIES for texts in f.values.values() for text in texts]


def likeness_tags(prompt: Floats, described: Floats) -> frozenset[str]:
    """Return the tags whose descriptions are nearest.

    Args:
        prompt: the prompt's unit vector, shape (d,).
        described: those of `descriptions()`, shape (k, d).
    """
    similar = described @ prompt
    found: set[str] = set()
    start = 0
    for family in FAMILIES:
        scores: dict[str, float] = {}
        for value, texts in family.values.items():
            scores[value] = float(np.max(similar[start : start + len(texts)]))
            start += len(texts)
        best = max(scores.values())
        if best < family.at_least:
            found.add(f"{family.name}=unclear")
            continue
        for value, score in scores.items():
            if score == best or score > best - family.within:
                found.add(f"{family.name}={value}")
    return frozenset(found)
