"""Scores from language models that were never trained to score.

Each is made of log-probabilities alone. Sums favour short texts where a model finds
every token unlikely; ``per_token`` takes means instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.engine.data import Messages
from training.engine.errors import FixableError
from training.engine.models import Loaded
from training.engine.scorers import Tick, completion_logprobs
from training.engine.tokens import shorten, tokenize

Scored = tuple[list[float], int]
"""One score a completion, and how many texts had to be shortened."""


def log_likelihoods(
    loaded: Loaded,
    prompts: Sequence[Messages],
    completions: Sequence[Messages],
    *,
    max_length: int,
    batch_size: int,
    per_token: bool,
    tick: Tick | None = None,
) -> Scored:
    """Return log p(completion | prompt), in nats, or nats a token.

    Raises:
        FixableError: if a completion is empty.

    Source: Likelihood-Based Reward Designs for General LLM Reasoning (the scorer).
    """
    heads, tails, shortened = [], [], 0
    for number, (prompt, completion) in enumerate(
        zip(prompts, completions, strict=True)
    ):
        head, (tail,) = tokenize(loaded.tokenizer, list(prompt), [list(completion)])
        head, (tail,), cut = shorten(head, [tail], max_length)
        shortened += cut
        if not head or not tail:
            raise FixableError(
                "A text has no tokens to be likely or not.",
                expected="a prompt and a completion that is not empty",
                found=f"none in row {number}",
                fix="Leave the row out of the data, or mend it.",
                field="data.rows",
            )
        heads.append(head)
        tails.append(tail)
    found = completion_logprobs(
        loaded.model,
        heads,
        tails,
        pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        batch_size=batch_size,
        tick=tick,
    )
    return [each.mean if per_token else each.total for each in found], shortened


def density_ratio(strong: Scored, weak: Scored, scale: float = 1.0) -> Scored:
    """Return scale * (log p - log q) of the same texts under two models.

    A tuned model over the one it was tuned from is the reward that its tuning implies:
    with scale beta, DPO's.

    Source: Dr.SoW / CDR (density ratios); Rafailov et al. 2023, eq. 5 (implied reward).
    """
    values = [scale * (p - q) for p, q in zip(strong[0], weak[0], strict=True)]
    return values, max(strong[1], weak[1])


def follow_ups(
    loaded: Loaded,
    prompts: Sequence[Messages],
    completions: Sequence[Messages],
    *,
    kind: Sequence[str],
    unkind: Sequence[str],
    max_length: int,
    batch_size: int,
    per_token: bool,
    tick: Tick | None = None,
) -> Scored:
    """Return how much likelier a pleased next turn of the reader is than another.

    The mean log-probability of the kind follow-ups less that of the unkind ones.

    Source: FLR, follow-up likelihood as reward (aggregation from memory).
    """
    dialogues = [[*p, *c] for p, c in zip(prompts, completions, strict=True)]
    sums = [0.0] * len(dialogues)
    shortened = 0
    for said, sign in ((kind, 1.0), (unkind, -1.0)):
        for text in said:
            values, cut = log_likelihoods(
                loaded,
                dialogues,
                [[{"role": "user", "content": text}]] * len(dialogues),
                max_length=max_length,
                batch_size=batch_size,
                per_token=per_token,
                tick=tick,
            )
            shortened = max(shortened, cut)
            share = sign / len(said)
            sums = [s + share * v for s, v in zip(sums, values, strict=True)]
    return sums, shortened
