"""A project's principles: looked up, written by hand, and warned of when alike."""

import re
from difflib import SequenceMatcher

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from annotation.errors import Conflict, InvalidInput
from annotation.hashing import content_hash
from annotation.models import LibraryPrinciple, Project

State = LibraryPrinciple.State
# From which share of characters in common two wordings are said to be alike.
ALIKE = 0.8
NEAR = 5  # how many near-duplicates are told
LIKELY = 50  # of how many at most the wordings are compared in full
COMPARED = 500  # characters of a wording


def principle_key(text: str) -> str:
    """Return what makes two wordings the same: their words, in one case."""
    return content_hash(re.findall(r"\w+", text.casefold()))


def search(
    project: Project,
    *,
    words: str = "",
    state: str | None = None,
    origin: str | None = None,
) -> QuerySet[LibraryPrinciple]:
    """Return principles that hold all the words, those said most often first."""
    rows = LibraryPrinciple.objects.filter(project=project)
    for word in words.split()[:20]:
        rows = rows.filter(text__icontains=word)
    if state:
        rows = rows.filter(state=state)
    if origin:
        rows = rows.filter(origin=origin)
    return rows.annotate(
        said=Count("mentions", distinct=True),
        people=Count("mentions__feedback__actor", distinct=True),
    ).order_by("-said", "text", "pk")


def near_duplicates(project: Project, text: str) -> list[LibraryPrinciple]:
    """Return the approved and proposed principles whose wording is nearly this one.

    By characters alone: a first warning while somebody types. What means the same in
    other words is found when texts are read, by embeddings.
    """
    rows = LibraryPrinciple.objects.filter(
        project=project, state__in=[State.APPROVED, State.PROPOSED]
    )
    matcher = SequenceMatcher(None, "", _compared(text), autojunk=False)
    likely: list[tuple[float, int, LibraryPrinciple]] = []
    for row in rows.iterator():
        matcher.set_seq1(_compared(row.text))
        # Bounds of the ratio that cost little; the ratio's own cost is a square.
        if matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE:
            likely.append((-matcher.quick_ratio(), row.pk, row))
    found: list[tuple[float, int, LibraryPrinciple]] = []
    for _, pk, row in sorted(likely, key=lambda each: each[:2])[:LIKELY]:
        matcher.set_seq1(_compared(row.text))
        if (ratio := matcher.ratio()) >= ALIKE:
            found.append((-ratio, pk, row))
    return [row for _, _, row in sorted(found, key=lambda each: each[:2])[:NEAR]]


def _compared(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))[:COMPARED]


@transaction.atomic
def write_principle(
    *, project: Project, text: str, user: AbstractBaseUser
) -> LibraryPrinciple:
    """Add a principle that a person wrote; it is approved by that.

    Raises:
        InvalidInput: for a text without words.
        Conflict: when the library has it already.
    """
    text = " ".join(text.split())
    if not re.search(r"\w", text):
        raise InvalidInput(
            "A principle needs words.",
            expected="one thing that a completion can keep or break",
            found=repr(text),
            fix="Write it as a short sentence.",
            fields=[{"path": "text", "message": "should have words", "value": text}],
        )
    row, is_new = LibraryPrinciple.objects.get_or_create(
        project=project,
        key=principle_key(text),
        defaults={
            "text": text,
            "origin": LibraryPrinciple.Origin.AUTHORED,
            "state": State.APPROVED,
            "decided_by_id": user.pk,
            "decided_at": timezone.now(),
        },
    )
    if not is_new:
        raise Conflict(
            "The library has this principle.",
            expected="words that no principle of the project has",
            found=f"{row.text!r}, which is {row.state}",
            fix="Use that one" + ("." if row.state == State.APPROVED else ", decided."),
        )
    return row
