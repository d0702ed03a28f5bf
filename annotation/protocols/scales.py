"""Scales: what one is, and those that come with Hone, as data."""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from annotation.judgments import Strict

ScaleId = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}(@[1-9][0-9]{0,4})?$", max_length=60)
]
Wording = Annotated[str, Field(min_length=1, max_length=1000)]


def distinct(expectation: str, values: Iterable[Hashable]) -> None:
    """Refuse repeated values.

    Raises:
        ValueError: with the expectation and what is repeated.
    """
    repeated = [value for value, times in Counter(values).items() if times > 1]
    if repeated:
        raise ValueError(f"{expectation}; found twice: {repeated[0]!r}")


class CompareOption(Strict):
    """One point of a compare scale, from left (A) to right (B).

    Attributes:
        strength: 0 for a tie, else 1 for the weakest preference and up.
        margin: what training takes the strength for; itself where null.
    """

    value: Annotated[str, Field(min_length=1, max_length=60)]
    outcome: Literal["a", "b", "tie"]
    strength: int = Field(ge=0, le=100)
    short: Annotated[str, Field(max_length=60)] = ""
    label: Wording
    margin: float | None = None


class CompareScale(Strict):
    """Options from left to right; both sides alike, since the order is shuffled.

    Attributes:
        both_bad: whether "both are bad" may be answered besides.
        unsure: whether "cannot say" may be answered besides.
    """

    id: ScaleId
    options: Annotated[list[CompareOption], Field(min_length=2, max_length=50)]
    both_bad: bool = False
    unsure: bool = False

    @model_validator(mode="after")
    def balanced(self) -> Self:
        distinct("options need different values", [o.value for o in self.options])
        offered = [(option.outcome, option.strength) for option in self.options]
        distinct("options need different outcomes or strengths", offered)
        sides: dict[str, set[int]] = {"a": set(), "b": set(), "tie": {0}}
        for outcome, strength in offered:
            sides[outcome].add(strength)
        if sides["a"] != sides["b"] or not sides["a"]:
            raise ValueError("A and B need the same strengths, since sides are swapped")
        if 0 in sides["a"] or sides["tie"] != {0}:
            raise ValueError("strength is 0 for a tie, and 1 or more for A and B")
        return self


class RatePoint(Strict):
    """One value of a labelled scale."""

    value: float
    label: Wording
    short: Annotated[str, Field(max_length=60)] = ""


class RateScale(Strict):
    """Either labelled points from low to high, or a range with a step.

    Attributes:
        step: distance of the values that may be given, from `min` on; any value
            between `min` and `max` where null.
        na: whether "not applicable" may be answered: the value null.
    """

    id: ScaleId
    points: Annotated[list[RatePoint], Field(max_length=101)] = []
    min: float | None = None
    max: float | None = None
    step: float | None = Field(None, gt=0)
    na: bool = False

    @model_validator(mode="after")
    def points_or_range(self) -> Self:
        if self.points:
            if (self.min, self.max, self.step) != (None, None, None):
                raise ValueError("give either points, or min and max, not both")
            values = [point.value for point in self.points]
            if len(values) < 2 or values != sorted(set(values)):
                raise ValueError("points need two or more values, lowest first")
        elif self.min is None or self.max is None or self.min >= self.max:
            raise ValueError("give points, or a min and a max above it")
        return self

    def takes(self, value: float) -> bool:
        """Whether a value is on the scale."""
        if self.points:
            return any(point.value == value for point in self.points)
        if self.min is None or self.max is None or not self.min <= value <= self.max:
            return False
        if self.step is None:
            return True
        steps = (value - self.min) / self.step
        return abs(steps - round(steps)) < 1e-6

    def described(self) -> str:
        """Return the values that may be given, for messages."""
        if self.points:
            return "one of " + ", ".join(f"{point.value:g}" for point in self.points)
        step = f" in steps of {self.step:g}" if self.step else ""
        return f"{self.min:g} to {self.max:g}{step}"


Option = dict[str, Any]


def compare_scale(
    strengths: list[tuple[str, str]],
    *,
    both_bad: bool = False,
    tie: str | None = "about the same",
) -> dict[str, Any]:
    """Return a symmetric compare scale, from "A much better" to "B much better".

    Args:
        strengths: (short word, full wording with {side}), strongest first.
        both_bad: whether "both are bad" may be answered.
        tie: the wording of a tie; None forces a choice.
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
    middle = {
        "value": "tie",
        "outcome": "tie",
        "strength": 0,
        "short": "same",
        "label": tie,
    }
    between = [middle] if tie is not None else []
    return {"options": [*left, *between, *reversed(right)], "both_bad": both_bad}


def rate_scale(low: int, labels: list[str]) -> dict[str, Any]:
    """Return a labelled scale of whole numbers from `low` up."""
    points = [{"value": low + n, "label": label} for n, label in enumerate(labels)]
    return {"points": points}


MUCH = ("much", "{side} is much better")
BETTER = ("better", "{side} is better")
SLIGHTLY = ("slightly", "{side} is slightly better")

SCALES: dict[str, dict[str, Any]] = {
    "compare-7@1": compare_scale([MUCH, BETTER, SLIGHTLY], both_bad=True),
    "compare-3@1": compare_scale([BETTER], both_bad=True),
}
