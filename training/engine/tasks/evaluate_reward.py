"""Evaluate a reward model on held-out pairs, or on a published test set."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.engine.context import RunContext
from training.engine.data import Pair
from training.engine.environment import environment
from training.engine.errors import FixableError
from training.engine.evaluate import baselines
from training.engine.evaluate.baselines import text_of
from training.engine.evaluate.factors import factors_report
from training.engine.evaluate.reward_report import flat_reward_metrics, reward_report
from training.engine.evaluate.starc import bandit_distance
from training.engine.evaluate.suites.cases import Case, pairs_of
from training.engine.evaluate.suites.readers import FORMATS, read_cases
from training.engine.evaluate.suites.scores import measures
from training.engine.models import Loaded, load_reward, placed
from training.engine.progress import Progress
from training.engine.registry.tools import SNAPSHOT
from training.engine.tasks import held_out
from training.engine.tasks.score import pair_gaps, score_completions, trained_length

TABLE_ROWS = 12
OTHER = "other"
"""Name of the specification's model that this one's distance is measured to."""
SHOTS = 4
"""Earlier pairs of the same person that a model which reads them is shown."""

Report = dict[str, Any]


def evaluate_reward(context: RunContext) -> tuple[Report, dict[str, Any]]:
    """Return a reward model's report and its headline numbers."""
    spec = context.spec
    loaded = placed(load_reward(spec.model, seed=spec.seed, is_trained=True))
    keep = held_out.needed(loaded)
    if held_out.asks_whom(loaded):
        keep = (*keep, "annotator")
    suite, cases = context.text("suite"), []
    if suite == SNAPSHOT:
        test = _required_test(context, keep)
    else:
        cases = _cases(context, suite)
        test = pairs_of(cases)
    held_out.check_columns(loaded, test, "data.test")
    train = _train(context, loaded, keep)
    history = None
    if held_out.shots_wanted(loaded):
        history = held_out.histories(test, train, shots=SHOTS, seed=spec.seed)
    length = trained_length(loaded)
    nobody = held_out.unknown_people(loaded, test, history)
    context.started(
        rows={"test": len(test), "train": len(train)},
        environment=environment(loaded.model),
        warnings=[f"{count} test pairs {why}" for why, count in nobody.items()],
    )
    with Progress(
        context, total=2 * len(test), unit="completions", label="scoring"
    ) as progress:
        gaps, shortened = pair_gaps(
            loaded,
            test,
            max_length=length,
            batch_size=context.integer("batch_size"),
            history=history,
            tick=progress.tick,
        )
    report = reward_report(
        gaps,
        test,
        train if context.flag("baselines") else [],
        with_baselines=context.flag("baselines"),
        resamples=context.integer("bootstrap"),
        seed=spec.seed,
        tags=tags_of_setting(context.text("tags")),
    )
    report |= {"role": "reward", "shortened": shortened, "max_length": length}
    report["samples"] = _samples(test, gaps)
    report["factors"] = factors_report(
        test, gaps, resamples=context.integer("bootstrap"), seed=spec.seed
    )
    metrics = flat_reward_metrics(report)
    if cases:
        report["suite"] = suite_report(
            suite,
            cases,
            test,
            gaps,
            train,
            with_baselines=context.flag("baselines"),
            resamples=context.integer("bootstrap"),
            seed=spec.seed,
        )
        for name, found in report["suite"]["measures"].items():
            metrics[f"{suite}/{name}"] = found["value"]
    if OTHER in spec.models:
        report["distance"] = _distance(context, loaded, test, length)
        metrics["starc"] = report["distance"]["starc"]
    return report, metrics


def _distance(
    context: RunContext, loaded: Loaded, pairs: Sequence[Pair], length: int
) -> Report:
    """Return how far the model is from another, on the completions of the pairs."""
    part = context.spec.models[OTHER]
    other = placed(load_reward(part, seed=context.spec.seed, is_trained=True))
    sides = [(pair, side) for pair in pairs for side in (pair.chosen, pair.rejected)]
    scores = [
        score_completions(
            model,
            [pair.prompt for pair, _ in sides],
            [side for _, side in sides],
            extras=[pair.extra for pair, _ in sides],
            max_length=most,
            batch_size=context.integer("batch_size"),
        )[0]
        for model, most in ((loaded, length), (other, trained_length(other)))
    ]
    prompts = [str(pair.prompt) for pair, _ in sides]
    return {
        "other": part.source,
        "completions": len(sides),
        "starc": bandit_distance(scores[0], scores[1], prompts),
    }


def tags_of_setting(text: str) -> list[str]:
    """Return the columns that tell accuracy apart; nothing means the usual ones."""
    named = [part.strip() for part in text.split(",") if part.strip()]
    return named or list(held_out.TAGS)


def suite_report(
    name: str,
    cases: Sequence[Case],
    pairs: Sequence[Pair],
    gaps: Sequence[float],
    train: Sequence[Pair],
    *,
    with_baselines: bool,
    resamples: int,
    seed: int,
) -> Report:
    """Return a test set's own numbers, of the model and of looks alone."""

    def numbers(of: Sequence[float]) -> dict[str, Any]:
        found = measures(name, cases, of)
        intervals = {
            key: measure.interval(resamples=resamples, seed=seed)
            for key, measure in found.items()
        }
        return {key: each.as_dict() for key, each in intervals.items() if each}

    rivals = baselines.all_of(train, pairs, seed=seed) if with_baselines else {}
    return {
        "name": name,
        "title": FORMATS[name].title,
        "source": FORMATS[name].source,
        "cases": len(cases),
        "measures": numbers(gaps),
        "baselines": {rival: numbers(theirs) for rival, theirs in rivals.items()},
    }


def _required_test(context: RunContext, keep: Sequence[str]) -> list[Pair]:
    path = context.spec.data.test
    limit = context.spec.limits.max_rows
    pairs = held_out.read_decided(path, "data.test", keep=keep) if path else []
    if not pairs:
        raise nothing_to_evaluate()
    return held_out.some_of(pairs, limit, context.spec.seed)


def nothing_to_evaluate() -> FixableError:
    """Return the refusal of a run without test pairs."""
    return FixableError(
        "There is nothing to evaluate on.",
        expected="data.test with at least one decided comparison",
        found="no such rows",
        fix="Give the snapshot's test.parquet, or collect answers on test prompts.",
        field="data.test",
    )


def _train(context: RunContext, loaded: Loaded, keep: Sequence[str]) -> list[Pair]:
    """Return training pairs where somebody reads them: a baseline, or the model."""
    path = context.spec.data.train
    if path is None or not (context.flag("baselines") or held_out.shots_wanted(loaded)):
        return []
    return held_out.read_decided(path, "data.train", keep=keep)


def _cases(context: RunContext, suite: str) -> list[Case]:
    named = context.params["suite_file"]
    if named is None:
        raise FixableError(
            "The test set's file is not named.",
            expected=f"the file of {FORMATS[suite].title} as params.suite_file",
            found="null",
            fix="Give its path; the published layouts are in docs/evaluation.md.",
            field="params.suite_file",
        )
    cases = read_cases(suite, Path(str(named)))
    limit = context.spec.limits.max_rows
    if limit is not None and len(cases) > limit:
        kept = random.Random(context.spec.seed).sample(range(len(cases)), limit)
        cases = [cases[i] for i in sorted(kept)]
    return cases


def _samples(pairs: Sequence[Pair], gaps: Sequence[float]) -> list[dict[str, Any]]:
    """Return the pairs that the model gets wrong the most."""
    worst = sorted(zip(pairs, gaps, strict=True), key=lambda item: item[1])
    return [
        {
            "prompt": text_of(pair.prompt),
            "chosen": text_of(pair.chosen),
            "rejected": text_of(pair.rejected),
            "gap": gap,
        }
        for pair, gap in worst[:TABLE_ROWS]
    ]
