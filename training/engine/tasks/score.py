"""Score completions with a reward model, or by what language models find likely."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.engine.context import RunContext, TaskResult
from training.engine.data import ROW_COLUMNS, Messages, Pair, read_table
from training.engine.environment import environment
from training.engine.errors import FixableError
from training.engine.evaluate.metrics import mean_and_error
from training.engine.features import completion_features
from training.engine.models import Loaded, load_policy, load_reward, placed
from training.engine.progress import Progress
from training.engine.rewards import free
from training.engine.rewards.contract import Item, Scorer
from training.engine.rewards.model import RewardModel
from training.engine.scorers import Tick, reward_scores
from training.engine.tasks import held_out
from training.engine.tokens import pair_tokens, shorten, tokenize

FINAL, FEATURES = "scores.parquet", "features.parquet"
SCHEMA = pa.schema([("row_id", pa.string()), ("score", pa.float64())])
FEATURES_SCHEMA = pa.schema(
    [("row_id", pa.string()), ("features", pa.list_(pa.float32()))]
)
DEFAULT_LENGTH = 512


def run(context: RunContext) -> TaskResult:
    """Score ``rows.parquet``; leave ``scores.parquet`` in the same order.

    Rows may say what some models read besides: ``context``, ``reference``,
    ``principle``, ``annotator``. With the setting ``features``, also
    ``features.parquet``: each completion's vector.
    """
    spec = context.spec
    assert spec.data.rows is not None
    table = read_table(spec.data.rows, ROW_COLUMNS, "data.rows")
    rows = table.to_pylist()
    untrained = spec.preset != "score"
    if untrained:
        loaded = load_policy(spec.model, seed=spec.seed)
    else:
        loaded = load_reward(spec.model, seed=spec.seed, is_trained=True)
    loaded = placed(loaded)
    for name in held_out.needed(loaded):
        for row in rows:
            if not row.get(name):
                row_id = str(row["row_id"])
                raise held_out.lacking(name, row_id, row.get(name), "data.rows")
    asked = context.params["max_length"]
    length = trained_length(loaded) if asked is None else int(asked)
    context.started(
        rows={"rows": len(rows)},
        environment=environment(loaded.model),
    )
    asked_features = bool(context.params.get("features"))
    passes = FREE_PASSES[spec.preset](context) if untrained else 1 + asked_features
    with Progress(
        context,
        total=len(rows) * passes,
        unit="completions",
        label="scoring",
    ) as progress:
        prompts = [row["prompt"] for row in rows]
        completions = [row["completion"] for row in rows]
        if untrained:
            scores, shortened = free_scores(
                context, loaded, prompts, completions, length, progress.tick
            )
        else:
            scores, shortened = score_completions(
                loaded,
                prompts,
                completions,
                extras=rows,
                max_length=length,
                batch_size=context.integer("batch_size"),
                tick=progress.tick,
            )
        names = [str(row["row_id"]) for row in rows]
        if asked_features:
            vectors = completion_features(
                loaded,
                prompts,
                completions,
                max_length=length,
                batch_size=context.integer("batch_size"),
                tick=progress.tick,
            )
            columns = {"row_id": names, "features": vectors.tolist()}
            _write(context.out / FEATURES, pa.table(columns, schema=FEATURES_SCHEMA))
    _write(
        context.out / FINAL,
        pa.table({"row_id": names, "score": scores}, schema=SCHEMA),
    )
    mean, error = mean_and_error(scores, [str(prompt) for prompt in prompts])
    return TaskResult(
        step=len(rows),
        metrics={
            "completions": len(rows),
            "shortened": shortened,
            "score/mean": mean,
            "score/standard_error": error,
            "score/min": min(scores),
            "score/max": max(scores),
        },
        files=(FINAL, FEATURES) if asked_features else (FINAL,),
    )


def free_scores(
    context: RunContext,
    loaded: Loaded,
    prompts: Sequence[Messages],
    completions: Sequence[Messages],
    max_length: int,
    tick: Tick,
) -> tuple[list[float], int]:
    """Return scores by the log-probabilities of the run's models."""
    how: dict[str, Any] = {
        "max_length": max_length,
        "batch_size": context.integer("batch_size"),
        "per_token": bool(context.params.get("per_token")),
        "tick": tick,
    }
    if context.spec.preset == "follow-up-likelihood":
        return free.follow_ups(
            loaded,
            prompts,
            completions,
            kind=_sentences(context, "kind"),
            unkind=_sentences(context, "unkind"),
            **how,
        )
    found = free.log_likelihoods(loaded, prompts, completions, **how)
    if context.spec.preset == "likelihood":
        return found
    assert context.spec.reference is not None  # the specification was checked
    other = placed(load_policy(context.spec.reference, seed=context.spec.seed))
    weak = free.log_likelihoods(other, prompts, completions, **how)
    return free.density_ratio(found, weak, float(context.params.get("beta") or 1.0))


def _sentences(context: RunContext, name: str) -> list[str]:
    """Return the sentences of a setting.

    Raises:
        FixableError: if there is none.
    """
    found = [part.strip() for part in context.text(name).split("|") if part.strip()]
    if not found:
        raise FixableError(
            "There is nothing for the reader to say.",
            expected=f"one or more sentences as params.{name}",
            found="none",
            fix="Write them with | between them.",
            field=f"params.{name}",
        )
    return found


FREE_PASSES: Mapping[str, Callable[[RunContext], int]] = {
    "likelihood": lambda context: 1,
    "density-ratio": lambda context: 2,
    "implicit-reward": lambda context: 2,
    "follow-up-likelihood": lambda context: (
        len(_sentences(context, "kind")) + len(_sentences(context, "unkind"))
    ),
}
"""How often each method reads every row."""


def _write(path: Path, table: pa.Table) -> None:
    temporary = path.with_suffix(".tmp")
    pq.write_table(table, temporary)
    temporary.replace(path)


def trained_length(loaded: Loaded) -> int:
    """Return the maximum length a reward model was trained with, if it says so."""
    told = getattr(loaded.model.config, "hone", None)
    length = told.get("max_length") if isinstance(told, dict) else None
    return min(int(length or DEFAULT_LENGTH), loaded.context)


def score_completions(
    loaded: Loaded,
    prompts: Sequence[Messages],
    completions: Sequence[Messages],
    *,
    max_length: int,
    batch_size: int,
    extras: Sequence[Mapping[str, Any]] | None = None,
    tick: Tick | None = None,
) -> tuple[list[float], int]:
    """Return one score per completion and how many had to be shortened.

    A reward model with a head of ours gives its documented value.

    Args:
        extras: what such a model may read besides, of each completion.
    """
    if isinstance(loaded.model, RewardModel):
        scorer = Scorer(
            loaded.model, loaded.tokenizer, max_length=max_length, batch_size=batch_size
        )
        items = [
            Item(list(prompt), list(completion), held_out.readable(extra))
            for prompt, completion, extra in zip(
                prompts, completions, extras or [{}] * len(prompts), strict=True
            )
        ]
        found = scorer.score(items, tick)
        return found.value, found.shortened
    keep = 1 if loaded.tokenizer.cls_token_id is not None else 0
    sequences, shortened = [], 0
    for prompt, completion in zip(prompts, completions, strict=True):
        head, tails = tokenize(loaded.tokenizer, list(prompt), [list(completion)])
        head, tails, cut = shorten(head, tails, max_length, keep_first=keep)
        shortened += cut
        sequences.append(head + tails[0])
    scores = reward_scores(
        loaded.model,
        sequences,
        pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        batch_size=batch_size,
        tick=tick,
    )
    return scores, shortened


def pair_gaps(
    loaded: Loaded,
    pairs: Sequence[Pair],
    *,
    max_length: int,
    batch_size: int,
    history: Mapping[int, list[Pair]] | None = None,
    tick: Tick | None = None,
) -> tuple[list[float], int]:
    """Return each pair's log-odds for its chosen side, and how many were shortened.

    Of plain models they are the difference of two scores. Models with a head of ours
    read the pairs' context, reference, principle and annotator.

    Args:
        history: of each pair's place, earlier pairs of the same person.
    """
    if isinstance(loaded.model, RewardModel):
        scorer = Scorer(
            loaded.model, loaded.tokenizer, max_length=max_length, batch_size=batch_size
        )
        sides = held_out.items_of(loaded, pairs, history)
        gaps: list[float] = scorer.log_odds(*sides).tolist()
        if tick is not None:
            tick(2 * len(pairs))
        return gaps, scorer.encoder.shortened
    rows, shortened = pair_tokens(loaded.tokenizer, pairs, max_length)
    scores = reward_scores(
        loaded.model,
        [row.prompt + row.chosen for row in rows]
        + [row.prompt + row.rejected for row in rows],
        pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        batch_size=batch_size,
        tick=tick,
    )
    count = len(rows)
    return [scores[i] - scores[count + i] for i in range(count)], shortened
