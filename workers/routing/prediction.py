"""The performance-prediction model: what a mix of labels would be worth, before it is.

A proxy reward model is trained on each candidate mix; a regression then predicts its
accuracy from the mix's vector. Forms: linear, quadratic (the published choice) and
gradient boosting, each with its error by cross-validation. A form whose ranking of
unseen mixes is poor is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import KFold

from workers.routing.items import Floats
from workers.routing.surfaces import Surface, fit_surface

MIN_MIXES = 200
MIN_SPEARMAN = 0.3
FOLDS = 10
# One-sided at 2.5 percent: how far a trial's gain must stand above its standard error.
CERTAIN = 1.96
# One-sided at 5 percent, and the smallest gain in accuracy that would matter.
LIKELY = 1.64
MEANINGFUL = 0.03
# The largest standard error with which a trial may rule such a gain out: from fewer
# items and labels than that takes, nothing is read but a gain.
TELLING = 0.04
FORMS = ("linear", "quadratic", "boosting")
COUNT = "count"
"""The form that knows how many items people answer and nothing of which."""


Verdict = Literal["yes", "no", "unclear"]


@dataclass(frozen=True)
class Gain:
    """A difference of accuracies on the same pairs, with its standard error."""

    mean: float
    error: float

    @property
    def verdict(self) -> Verdict:
        """Whether there is a gain: "no" only where a meaningful one is ruled out.

        A trial too small to tell must not be read as one that found nothing.
        """
        if self.mean > CERTAIN * self.error:
            return "yes"
        could_tell = self.error < TELLING
        ruled_out = self.mean + LIKELY * self.error < MEANINGFUL
        return "no" if could_tell and ruled_out else "unclear"

    def as_json(self) -> dict[str, float]:
        return {"mean": self.mean, "error": self.error}


@dataclass(frozen=True)
class Trial:
    """What choices are worth on items and labels that they were not fitted on.

    Attributes:
        people: people alone over the judge alone.
        over_ai: by policy, its own optimum with no bound on money over the judge alone.
        over_random: by policy, over as many people drawn at random.
        share: people's share in the latter.
    """

    people: Gain
    over_ai: Mapping[str, Gain]
    over_random: Mapping[str, Gain]
    share: float

    def verdict_on(self, policy: str) -> Verdict:
        """Return whether a policy's own optimum beats the judge alone.

        Where that cannot be told, but people are no better than the judge, it is no.
        """
        own = self.over_ai[policy].verdict
        return "no" if own == "unclear" and self.people.verdict == "no" else own

    @property
    def best(self) -> str:
        """The policy with the highest gain over random."""
        return max(self.over_random, key=lambda name: self.over_random[name].mean)

    def as_json(self) -> dict[str, Any]:
        return {
            "people": self.people.as_json(),
            "over_ai": {k: v.as_json() for k, v in self.over_ai.items()},
            "over_random": {k: v.as_json() for k, v in self.over_random.items()},
            "share": self.share,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Trial":
        return cls(
            Gain(**stored["people"]),
            {k: Gain(**v) for k, v in stored["over_ai"].items()},
            {k: Gain(**v) for k, v in stored["over_random"].items()},
            stored["share"],
        )


@dataclass(frozen=True)
class Quality:
    """How well a form predicts mixes that it has not seen.

    Attributes:
        spearman: rank correlation of prediction and performance.
        rmse: root mean squared error, in units of performance.
    """

    spearman: float
    rmse: float

    def as_json(self) -> dict[str, float]:
        return {"spearman": round(self.spearman, 4), "rmse": round(self.rmse, 6)}


class Prediction:
    """A fitted performance-prediction model.

    Attributes:
        features: names of the vector's entries.
        shares: the candidate mixes' vectors, shape (mixes, features).
        people: the share of items that people answer in each mix.
        performance: the proxy's accuracy after each mix.
        trial: what its choices were worth where it was not fitted, once that is known.
    """

    def __init__(
        self,
        features: Sequence[str],
        shares: Floats,
        people: Floats,
        performance: Floats,
    ) -> None:
        if not len(shares) == len(people) == len(performance):
            raise ValueError("Expected a vector, a share and an accuracy a mix.")
        if not np.isfinite(performance).all():
            raise ValueError("Expected an accuracy of each mix, found some undefined.")
        if len(performance) < 2 * FOLDS:
            raise ValueError(
                f"Expected at least {2 * FOLDS} mixes, found {len(performance)}."
            )
        self.features = tuple(features)
        self.shares = shares
        self.people = people
        self.performance = performance
        self.trial: Trial | None = None
        self._qualities: dict[str, Quality] = {}
        self._surfaces: dict[str, Surface] = {}

    def vector_of(self, form: str) -> Floats:
        return self.people[:, None] if form == COUNT else self.shares

    def quality(self, form: str) -> Quality:
        """Return a form's quality by cross-validation; computed once."""
        if form not in self._qualities:
            self._qualities[form] = self._validate(form)
        return self._qualities[form]

    @property
    def best(self) -> str:
        """The form with the smallest error on unseen mixes."""
        return min(FORMS, key=lambda form: self.quality(form).rmse)

    def refusal(self, form: str) -> str:
        """Return why a form must not route, or nothing."""
        if len(self.performance) < MIN_MIXES:
            return (
                f"expected at least {MIN_MIXES} candidate mixes, "
                f"found {len(self.performance)}"
            )
        found = self.quality(form).spearman
        if not found >= MIN_SPEARMAN:
            return (
                f"expected a cross-validated Spearman of at least {MIN_SPEARMAN}, "
                f"found {found:.2f} for the {form} form"
            )
        return ""

    def surface(self, form: str) -> Surface:
        """Return a fitted form that has coefficients: linear, quadratic or count.

        Raises:
            ValueError: for boosting, which has none.
        """
        if form == "boosting":
            raise ValueError("Expected a form with coefficients, found boosting.")
        if form not in self._surfaces:
            self._surfaces[form] = fit_surface(
                self.vector_of(form), self.performance, squared=form != "linear"
            )
        return self._surfaces[form]

    def predict(self, form: str, shares: Floats) -> Floats:
        """Return the predicted performance of mixes, shape (n,)."""
        if form != "boosting":
            return self.surface(form).predict(shares)
        return _fit(form, self.shares, self.performance).predict(shares)

    def _validate(self, form: str) -> Quality:
        shuffled = KFold(FOLDS, shuffle=True, random_state=0)
        given, predicted = self.vector_of(form), np.empty(len(self.performance))
        for kept, out in shuffled.split(given):
            model = _fit(form, given[kept], self.performance[kept])
            predicted[out] = model.predict(given[out])
        error = predicted - self.performance
        flat = np.ptp(predicted) == 0 or np.ptp(self.performance) == 0
        rank = 0.0 if flat else float(spearmanr(predicted, self.performance)[0])
        return Quality(rank, float(np.sqrt((error**2).mean())))

    def report(self) -> dict[str, Any]:
        """Return what is published with every use, as JSON."""
        return {
            "mixes": len(self.performance),
            "features": len(self.features),
            "best": self.best,
            "forms": {
                form: {**self.quality(form).as_json(), "refusal": self.refusal(form)}
                for form in (*FORMS, COUNT)
            },
            "trial": self.trial.as_json() if self.trial else None,
            "ai_only": float(self.performance[self.people == 0].mean()),
            "people_only": float(self.performance[self.people == 1].mean()),
        }

    def as_json(self) -> dict[str, Any]:
        """Return all that `from_json` needs: the mixes, from which it fits again."""
        return {
            "features": list(self.features),
            "shares": self.shares.round(9).tolist(),
            "people": self.people.tolist(),
            "performance": self.performance.tolist(),
            "trial": self.trial.as_json() if self.trial else None,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Prediction":
        found = cls(
            stored["features"],
            np.array(stored["shares"], dtype=float),
            np.array(stored["people"], dtype=float),
            np.array(stored["performance"], dtype=float),
        )
        if stored.get("trial"):
            found.trial = Trial.from_json(stored["trial"])
        return found


class _Model(Protocol):
    def predict(self, shares: Floats, /) -> Floats: ...


def _fit(form: str, shares: Floats, performance: Floats) -> _Model:
    """Return a fitted form; its penalty is chosen on what it is fitted on."""
    if form != "boosting":
        return fit_surface(shares, performance, squared=form != "linear")
    boosting = GradientBoostingRegressor(
        n_estimators=60, max_depth=3, learning_rate=0.15, random_state=0
    )
    found: _Model = boosting.fit(shares, performance)
    return found
