"""Choosing pairs so that few labels make every preference of a pool less uncertain.

A completion is worth what a head reads off its features and something of its own that
features do not tell. Two labels of one completion share the latter, so the second says
less of the head, and what is asked spreads over completions. numpy; import it late.
"""

import numpy as np
import numpy.typing as npt

from training.services.curation_heads import Floats

Ints = npt.NDArray[np.int64]
OWN = 0.4
"""Variance of a completion's own worth, in squared log-odds."""
NOISE = 4.0
"""Variance of a label near even odds: one over Fisher's weight p (1 - p) = 1/4."""


class Turns:
    """Candidates by prompt: none is taken from again before all others were.

    Attributes:
        order: places of what was taken.
    """

    def __init__(self, prompts: Ints) -> None:
        self.order: list[int] = []
        self._left = np.ones(len(prompts), dtype=bool)
        self._prompt = np.unique(prompts, return_inverse=True)[1].reshape(-1)
        self._taken = np.zeros(len(prompts), dtype=np.int64)  # from its prompt

    def take(self, value: Floats) -> int:
        """Take the most valuable of those whose turn it is; return its place."""
        turn = self._left & (self._taken == self._taken[self._left].min())
        best = int(np.argmax(np.where(turn, value, -np.inf)))
        self._left[best] = False
        self._taken[self._prompt == self._prompt[best]] += 1
        self.order.append(best)
        return best


def least_variance(
    gaps: Floats,
    sides: Ints,
    prompts: Ints,
    *,
    learned: Floats,
    learned_sides: Ints,
    ridge: float,
    wanted: int,
) -> tuple[list[int], Floats]:
    """Return the greedy V-optimal order, and what each pair would add after it.

    Log-odds of a pair are z . w + u_first - u_second with w ~ N(0, I / ridge) and
    u ~ N(0, OWN); a label tells them up to NOISE. Asking x lowers the variance of
    z . w by cov(x, z . w)^2 / (var(x) + NOISE); each step takes the pair for which
    that is the most on average over all pairs, prompts in turn. No label enters.

    Args:
        gaps: differences of features, (N, D).
        sides: which two completions, numbered alike in both, (N, 2).
        prompts: (N,).
        learned, learned_sides: the same of the pairs learned from, (T, D), (T, 2).
        wanted: how many pairs to choose, at most N.

    Source: MacKay 1992, Information-Based Objective Functions for Active Data
    Selection, sec. 4.2 (mean marginal variance), in the linear-Gaussian model.
    """
    width = gaps.shape[1]
    names, place = np.unique(
        np.concatenate([sides, learned_sides]), return_inverse=True
    )
    place = place.reshape(-1, 2) + width
    first, second = place[: len(gaps)].T
    known = np.zeros((len(learned), width + len(names)))
    known[:, :width] = learned
    for column, sign in ((0, 1), (1, -1)):
        known[np.arange(len(learned)), place[len(gaps) :, column]] += sign
    precision = np.concatenate([np.full(width, ridge), np.full(len(names), 1 / OWN)])
    cover: Floats = np.asarray(
        np.linalg.inv(np.diag(precision) + known.T @ known / NOISE), dtype=np.float64
    )

    def along(columns: Floats) -> Floats:
        """Return each pair's log-odds at parameters, (D + C, K) to (N, K)."""
        return np.asarray(gaps @ columns[:width] + columns[first] - columns[second])

    both = along(cover)  # covariance of log-odds and parameters, (N, D + C)
    at = np.arange(len(gaps))
    variance = (both[:, :width] * gaps).sum(axis=1) + both[at, first] - both[at, second]
    # The mean over z of (z . c)^2 is |root' c|^2.
    values, vectors = np.linalg.eigh(gaps.T @ gaps / max(len(gaps), 1))
    root = vectors * np.sqrt(np.maximum(values, 0))
    toward = both[:, :width] @ root  # (N, D)
    turns = Turns(prompts)
    for _ in range(wanted):
        best = turns.take((toward**2).sum(axis=1) / (variance + NOISE))
        scale = 1 / (variance[best] + NOISE)
        moved = cover[:, :width] @ gaps[best]
        moved = moved + cover[:, first[best]] - cover[:, second[best]]
        shared = along(moved)
        cover = cover - scale * np.outer(moved, moved)
        variance = variance - scale * shared**2
        toward = toward - scale * np.outer(shared, moved[:width] @ root)
    return turns.order, (toward**2).sum(axis=1) / (variance + NOISE)
