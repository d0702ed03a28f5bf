"""Reading what a judge of words replied: strictly, or not at all.

A reply that is not of the form that was asked for raises; the judge then abstains and
its words are kept. Nothing is searched for inside prose.
"""

import json
import re
from typing import Any, TypeVar

from pydantic import ValidationError

from annotation.judgments import Strict
from annotation.wording import problems_of
from training.services.untrusted import clean

S = TypeVar("S", bound=Strict)
FENCED = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n```\Z", re.DOTALL)
LONGEST = 200_000


class Unreadable(Exception):
    """A reply that is not of the asked form: the reason, and the words themselves."""

    def __init__(self, reason: str, raw: str) -> None:
        super().__init__(reason)
        self.reason, self.raw = reason, raw

    @property
    def kept(self) -> str:
        return f"{self.reason}\n\n{self.raw}"[:LONGEST]


def one_letter(reply: str, letters: tuple[str, ...]) -> str:
    """Return the letter that the reply consists of.

    Raises:
        Unreadable: for anything else, such as prose or a letter that was not offered.
    """
    said = reply.strip().removesuffix(".").strip("\"'*` ")
    if said not in letters:
        raise Unreadable(f"Expected one of {', '.join(letters)} alone.", reply)
    return said


def one_object(reply: str, form: type[S]) -> S:
    """Return the object that the reply consists of, in its form.

    One fence of Markdown around the whole is taken off; a name that comes twice, a
    further field or a second object makes it unreadable.

    Raises:
        Unreadable: with the first thing that is wrong.
    """
    text = reply.strip()
    if found := FENCED.match(text):
        text = found.group(1).strip()
    try:
        value = json.loads(
            text, object_pairs_hook=_each_once, parse_constant=_no_constant
        )
        # Escapes make characters that no database keeps: NUL, half a surrogate.
        value = clean(value)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"Expected one JSON object: {error}.", reply) from error
    try:
        return form.model_validate(value)
    except ValidationError as error:
        first = problems_of(error)[0]
        raise Unreadable(
            f"The JSON is not of the asked form: {first['path']} {first['message']}.",
            reply,
        ) from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name comes twice")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
