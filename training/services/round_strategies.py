"""Ways to choose what to ask: each ranks candidate pairs, and is one row of a table.

Pure functions over scores, ensembles of heads and differences of features. No label
of a candidate enters. numpy alone; import this module late, the web process has none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.services.curation_heads import Floats, information, sigmoid
from training.services.round_coverage import least_variance

Order = npt.NDArray[np.int64]
OPTIMISM = 1.0  # standard deviations above the mean
RIDGE = 10.0
TINY = 1e-12
WIDTH = 32
"""Directions of features that heads read; few, for there are few labels."""


@dataclass(frozen=True)
class Pool:
    """What is known of N candidate pairs.

    Attributes:
        odds: the reward model's log-odds that the first is better, (N,).
        prompts: the pair's prompt, (N,).
        first, second: an ensemble's scores of the two completions, (M, N); their
            origin is each prompt's own (see `above_prompt`).
        gaps: differences of features, (N, D).
        learned: the same of the pairs learned from, (T, D).
        sides, learned_sides: which completions the pairs are of, numbered alike, (N, 2)
            and (T, 2); where None, no completion is in two pairs.
        head: the likeliest head of those, (D,); 0 where None, when nothing is known.
        ridge: the penalty of the heads, which is the design's prior precision.
        wanted: greedy orders are greedy for so many pairs, all where None; the others
            follow by what they would add then.
    """

    odds: Floats
    prompts: npt.NDArray[np.int64]
    first: Floats
    second: Floats
    gaps: Floats
    learned: Floats
    ridge: float = RIDGE
    wanted: int | None = None
    head: Floats | None = None
    sides: Order | None = None
    learned_sides: Order | None = None

    @property
    def steps(self) -> int:
        """How many pairs a greedy order picks one by one."""
        count = len(self.gaps)
        return count if self.wanted is None else min(self.wanted, count)

    @property
    def members(self) -> Floats:
        """The ensemble's log-odds, (M, N)."""
        return self.first - self.second


def uncertainty(pool: Pool) -> Floats:
    """Return how near to even the reward model's odds are, at most 0."""
    return np.asarray(-np.abs(pool.odds), dtype=np.float64)


def disagreement(pool: Pool) -> Floats:
    """Return the population variance of the members' log-odds.

    Source: Coste et al. 2023, Reward Model Ensembles (the spread of UWO).
    """
    return np.asarray(pool.members.var(axis=0), dtype=np.float64)


def mutual_information(pool: Pool) -> Floats:
    """Return what one label is expected to tell of the members, in nats.

    The entropy of the members' mean probability less their mean entropy: large where
    each is sure and they contradict each other, small where all are unsure alike.

    Source: Houlsby et al. 2011, Bayesian Active Learning by Disagreement, eq. 2.
    """
    probabilities = sigmoid(pool.members)
    mean = np.asarray(probabilities.mean(axis=0), dtype=np.float64)
    inside = entropy(probabilities).mean(axis=0)
    return np.asarray(entropy(mean) - inside, dtype=np.float64)


def entropy(probabilities: Floats) -> Floats:
    """Return the entropy of a yes or no, in nats."""
    p = np.clip(probabilities, 1e-12, 1 - 1e-12)
    return -(p * np.log(p) + (1 - p) * np.log1p(-p))


def optimism(pool: Pool) -> Floats:
    """Return the better side's mean plus so many standard deviations.

    Asks where a completion may be far better than its prompt's others, whether it is
    or nobody knows yet.

    Source: Zhang et al. 2024, Self-Exploring Language Models: the optimistic term
    draws responses that may be of high reward; here as an upper bound over members.
    """
    sides = np.stack([pool.first, pool.second])  # (2, M, N)
    bounds = sides.mean(axis=1) + OPTIMISM * sides.std(axis=1)
    return np.asarray(bounds.max(axis=0), dtype=np.float64)


def sampled_disagreement(pool: Pool, draw: np.random.Generator) -> Floats:
    """Return how far two members drawn at random are apart in probability.

    Source: Wu and Sun 2023, Making RL with Preference-based Feedback Efficient via
    Randomization: ask where two posterior samples disagree.
    """
    count = len(pool.members)
    one, other = draw.choice(count, size=2, replace=count < 2)
    apart = sigmoid(pool.members[one]) - sigmoid(pool.members[other])
    return np.asarray(np.abs(apart), dtype=np.float64)


def design(pool: Pool) -> Order:
    """Return the greedy D-optimal order: each pair raises the determinant the most.

    Maximises log det(ridge I + sum p (1 - p) z z^T) over the pairs learned from and
    those chosen. By the matrix determinant lemma a pair adds log(1 + w z^T A^-1 z).
    The objective is submodular, so greedy reaches 1 - 1/e of the best.

    Source: Zhu et al. 2023, Principled RLHF from Pairwise or K-wise Comparisons (the
    covariance whose determinant bounds the error); p (1 - p) is Fisher's weight.
    """
    weights = _fisher(pool)
    known = np.full(len(pool.learned), 0.25)
    inverse = np.linalg.inv(information(pool.learned, known, pool.ridge))
    spread = np.asarray(((pool.gaps @ inverse) * pool.gaps).sum(axis=1))  # z^T A^-1 z
    left = np.ones(len(pool.gaps), dtype=bool)
    order: list[int] = []
    for _ in range(pool.steps):
        best = int(np.argmax(np.where(left, weights * spread, -np.inf)))
        left[best] = False
        order.append(best)
        # Sherman and Morrison: the inverse once the pair is in, and every spread.
        z = inverse @ pool.gaps[best]
        share = weights[best] / (1 + weights[best] * spread[best])
        inverse -= share * np.outer(z, z)
        spread = spread - share * (pool.gaps @ z) ** 2
    return _and_others(order, weights * spread)


def errors(pool: Pool) -> Order:
    """Return the greedy order by wrong preferences that a label is expected to mend.

    A head has the posterior N(head, A^-1) of Laplace's approximation, A being ridge I
    + sum p (1 - p) z z^T over the pairs learned from. So a candidate's log-odds have a
    mean m and a variance v, and its preference is wrong with probability
    Phi(-|m| / sqrt(v)). What counts is the sum of these over all candidates. Its
    slope in a candidate's v is phi(r) r / (2 v) with r = |m| / sqrt(v): 0 both where
    the side is beyond doubt and where it is even and no label would settle it. With
    M the sum of slope z z^T, a label at z of weight w = p (1 - p) lowers the sum by
    w z^T A^-1 M A^-1 z / (1 + w z^T A^-1 z), to first order. Slopes stay as they are
    for one order; A follows each pair that is chosen.

    Source: Roy and McCallum 2001, Toward Optimal Active Learning through Sampling
    Estimation of Error Reduction; in closed form as variances of interest are in
    MacKay 1992, Information-Based Objective Functions for Active Data Selection.
    """
    gaps, width = pool.gaps, pool.gaps.shape[1]
    head = np.zeros(width) if pool.head is None else pool.head
    odds = gaps @ head
    weights, known = _bernoulli(odds), _bernoulli(pool.learned @ head)
    inverse = np.linalg.inv(information(pool.learned, known, pool.ridge))
    seen = gaps @ inverse  # A^-1 z of each candidate, (N, D)
    spread = np.asarray((seen * gaps).sum(axis=1))
    doubt = np.abs(odds) / np.sqrt(np.maximum(spread, TINY))
    slopes = np.exp(-(doubt**2) / 2) * doubt / np.maximum(spread, TINY)
    if not slopes.any():
        slopes = np.ones(len(gaps))  # every side is even: variance alone counts
    wrong = (gaps * slopes[:, None]).T @ gaps
    worth = np.asarray(((seen @ wrong) * seen).sum(axis=1))  # z^T A^-1 M A^-1 z
    left = np.ones(len(gaps), dtype=bool)
    order: list[int] = []
    for _ in range(pool.steps):
        gain = weights * worth / (1 + weights * spread)
        best = int(np.argmax(np.where(left, gain, -np.inf)))
        left[best] = False
        order.append(best)
        # Sherman and Morrison, carried through to the two quadratic forms.
        z = seen[best].copy()
        share = weights[best] / (1 + weights[best] * spread[best])
        along = gaps @ z
        worth = worth - 2 * share * along * (seen @ (wrong @ z))
        worth = worth + (share * along) ** 2 * (z @ wrong @ z)
        spread = spread - share * along**2
        seen -= share * np.outer(along, z)
    return _and_others(order, weights * worth / (1 + weights * spread))


def variance(pool: Pool) -> Order:
    """Return the greedy order by what makes all preferences less uncertain.

    As `least_variance` says: prompts in turn, repeats of a completion worth less.
    """
    sides, learned_sides = pool.sides, pool.learned_sides
    if sides is None or learned_sides is None:
        count = len(pool.gaps)
        every = np.arange(2 * (count + len(pool.learned)), dtype=np.int64)
        sides, learned_sides = np.split(every.reshape(-1, 2), [count])
    order, value = least_variance(
        pool.gaps,
        sides,
        pool.prompts,
        learned=pool.learned,
        learned_sides=learned_sides,
        ridge=pool.ridge,
        wanted=pool.steps,
    )
    return _and_others(order, value)


def _bernoulli(odds: Floats) -> Floats:
    """Return p (1 - p) at some log-odds: what a label there weighs."""
    p = sigmoid(odds)
    return np.asarray(p * (1 - p), dtype=np.float64)


def _and_others(order: list[int], value: Floats) -> Order:
    """Return a greedy order with those it did not reach behind, highest value first."""
    behind = [int(i) for i in np.argsort(-value, kind="stable")]
    known = set(order)
    return np.array([*order, *(i for i in behind if i not in known)], dtype=np.int64)


def _fisher(pool: Pool) -> Floats:
    return _bernoulli(np.asarray(pool.members.mean(axis=0), dtype=np.float64))


def diversity(pool: Pool) -> Order:
    """Return the farthest-first order over directions of feature differences.

    A pair and its swap are one direction. What was learned from counts as chosen.

    Source: Sener and Savarese 2018, Active Learning for CNNs: A Core-Set Approach,
    algorithm 1.
    """
    unit = _unit(pool.gaps)
    nearest = np.full(len(unit), np.inf)
    for each in _unit(pool.learned):
        nearest = np.minimum(nearest, _apart(unit, each))
    left = np.ones(len(unit), dtype=bool)
    order: list[int] = []
    for _ in range(pool.steps):
        best = int(np.argmax(np.where(left, nearest, -np.inf)))
        left[best] = False
        order.append(best)
        nearest = np.minimum(nearest, _apart(unit, unit[best]))
    return _and_others(order, nearest)


def _unit(gaps: Floats) -> Floats:
    lengths = np.linalg.norm(gaps, axis=1, keepdims=True)
    return np.asarray(gaps / np.maximum(lengths, 1e-12), dtype=np.float64)


def _apart(unit: Floats, one: Floats) -> Floats:
    """Return 1 - |cosine|: 0 for the same pair, whichever side stands first."""
    return np.asarray(1 - np.abs(unit @ one), dtype=np.float64)


def by_score(score: Callable[[Pool], Floats]) -> "Ranking":
    """Return the ranking by a score, highest first; ties fall by the draw."""

    def rank(pool: Pool, draw: np.random.Generator) -> Order:
        return _highest_first(score(pool), draw)

    return rank


def _highest_first(score: Floats, draw: np.random.Generator) -> Order:
    return np.lexsort((draw.random(len(score)), -score)).astype(np.int64)


Ranking = Callable[[Pool, np.random.Generator], Order]


RANKINGS: dict[str, Ranking] = {
    "uncertainty": by_score(uncertainty),
    "disagreement": by_score(disagreement),
    "information": by_score(mutual_information),
    "optimism": by_score(optimism),
    "posterior": lambda pool, draw: _highest_first(
        sampled_disagreement(pool, draw), draw
    ),
    "design": lambda pool, draw: design(pool),
    "errors": lambda pool, draw: errors(pool),
    "variance": lambda pool, draw: variance(pool),
    "diversity": lambda pool, draw: diversity(pool),
    "random": lambda pool, draw: draw.permutation(len(pool.odds)),
}
"""The strategies of `selection.STRATEGIES`, by name."""


def above_prompt(
    first: Floats, second: Floats, prompts: npt.NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return scores less the mean of their prompt's, each member apart.

    Bradley-Terry leaves an offset a prompt free, so scores of two prompts can only be
    put side by side once it is gone. Shapes stay (M, N).
    """
    first, second = first.copy(), second.copy()
    for prompt in np.unique(prompts):
        at = prompts == prompt
        mean = (first[:, at].mean(1) + second[:, at].mean(1)) / 2
        first[:, at] -= mean[:, None]
        second[:, at] -= mean[:, None]
    return first, second
