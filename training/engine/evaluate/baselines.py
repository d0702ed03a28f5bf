"""What a reward model has to beat: longer wins, and words with a linear model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from training.engine.data import Messages, Pair

MIN_TRAINING_PAIRS = 10


def text_of(messages: Messages) -> str:
    """Return a completion's text."""
    return "\n".join(message["content"] for message in messages)


def longer_wins(pairs: Sequence[Pair]) -> list[float]:
    """Return each pair's gap in characters: positive where the chosen one is longer."""
    return [
        float(len(text_of(pair.chosen)) - len(text_of(pair.rejected))) for pair in pairs
    ]


def tfidf_logistic(
    train: Sequence[Pair], test: Sequence[Pair], *, seed: int = 0
) -> list[float] | None:
    """Return the test pairs' gaps under a linear Bradley-Terry model of words.

    Features are TF-IDF weights of words and word pairs; the model is a logistic
    regression without intercept on the difference of the two completions, shown in
    both orders, so that prob(a, b) + prob(b, a) = 1.

    Returns:
        One log-odds per test pair, or None if there is too little to learn from.
    """
    decided = [pair for pair in train if pair.is_decided]
    if len(decided) < MIN_TRAINING_PAIRS:
        return None
    texts = sorted(
        {text_of(side) for pair in decided for side in (pair.chosen, pair.rejected)}
    )
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    try:
        vectorizer.fit(texts)
    except ValueError:
        # No word occurs twice: nothing to learn from.
        return None

    def difference(pairs: Sequence[Pair]):  # type: ignore[no-untyped-def]
        chosen = vectorizer.transform([text_of(pair.chosen) for pair in pairs])
        rejected = vectorizer.transform([text_of(pair.rejected) for pair in pairs])
        return chosen - rejected

    features = difference(decided)
    from scipy.sparse import vstack

    model = LogisticRegression(
        fit_intercept=False, C=1.0, max_iter=2000, random_state=seed
    )
    model.fit(
        vstack([features, -features]),
        np.concatenate([np.ones(len(decided)), np.zeros(len(decided))]),
    )
    return [float(gap) for gap in model.decision_function(difference(test))]
