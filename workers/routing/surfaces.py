"""Regressions with coefficients: what a mix is worth, linear or bent, by its shares."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from workers.routing.items import Floats

PENALTIES = tuple(10.0**power for power in range(-3, 6))
BENDS = (1.0, 0.3, 0.1, 0.03, 0.0)
"""How large curvature is held to be beside slopes, before the mixes are seen."""


@dataclass(frozen=True)
class Surface:
    """f(v) = constant + b.u + u'Qu, with u = (v - centre) / scale.

    Attributes:
        slope: b, shape (J,). curvature: Q, symmetric, shape (J, J); 0 where linear.
    """

    constant: float
    slope: Floats
    curvature: Floats
    centre: Floats
    scale: Floats

    def predict(self, shares: Floats) -> Floats:
        """Return f of each row, shape (n,)."""
        u = (shares - self.centre) / self.scale
        bent: Floats = np.einsum("nj,jk,nk->n", u, self.curvature, u)
        return self.constant + u @ self.slope + bent

    def gains(self, carried: Floats, shares: Floats, total: int) -> Floats:
        """Return f(v + e/total) - f(v) of each item that may be added to a mix.

        Args:
            carried: the items' features e, shape (n, J).
            shares: the mix v so far, shape (J,).
            total: of how many items the shares are shares.
        """
        step = carried / total / self.scale
        u = (shares - self.centre) / self.scale
        bent = np.einsum("nj,jk,nk->n", step, self.curvature, step)
        found: Floats = step @ (self.slope + 2 * self.curvature @ u) + bent
        return found


def fit_surface(shares: Floats, performance: Floats, *, squared: bool) -> Surface:
    """Return the ridge regression of performance on shares.

    The quadratic form has hundreds of coefficients, as many as there are mixes. One
    penalty for all would let the many curvatures take what belongs to the few slopes,
    and a greedy choice, which starts where no mix has people, would follow their noise.
    So curvatures are shrunk by a factor of their own (BENDS), down to a plane; factor
    and penalty are those with the least leave-one-out error.

    Args:
        shares: shape (mixes, J). performance: shape (mixes,).
        squared: with squares and products of two shares.
    """
    first = StandardScaler().fit(shares)
    u = first.transform(shares)
    width = shares.shape[1]
    curvature = np.zeros((width, width))
    if not squared:
        ridge = RidgeCV(alphas=PENALTIES).fit(u, performance)
        return Surface(
            float(ridge.intercept_), ridge.coef_, curvature, first.mean_, first.scale_
        )
    powers = PolynomialFeatures(2, include_bias=False).fit(u)
    columns = powers.transform(u)
    second = StandardScaler().fit(columns)
    is_square = powers.powers_.sum(axis=1) == 2
    tried = []
    for bend in BENDS:
        by = np.where(is_square, bend, 1.0) / second.scale_
        given = (columns - second.mean_) * by
        ridge = RidgeCV(alphas=PENALTIES).fit(given, performance)
        tried.append((ridge.best_score_, bend, by, ridge))
    *_, by, ridge = max(tried, key=lambda each: each[:2])
    slopes = ridge.coef_ * by
    constant = float(ridge.intercept_ - slopes @ second.mean_)
    slope = np.zeros(width)
    for exponents, weight in zip(powers.powers_, slopes, strict=True):
        places = np.flatnonzero(exponents)
        if exponents.sum() == 1:
            slope[places[0]] = weight
        elif len(places) == 1:
            curvature[places[0], places[0]] = weight
        else:
            i, j = places
            curvature[i, j] = curvature[j, i] = weight / 2
    return Surface(constant, slope, curvature, first.mean_, first.scale_)
