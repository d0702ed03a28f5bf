"""Every column that a method reads reaches its loss, through the trainer itself.

A library that drops a column it does not know trains on, and nobody notices. Here
each column of every method is changed in the file, and the first loss must change.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.preference_rows import full_pair, list_row, unary_row
from tests.engine.reward_rows import (
    principle_row,
    reward_pair,
    scalar_row,
    token_row,
    vector_row,
)
from tests.engine.support import Workspace, say, write_rows
from training.engine import loop, registry
from training.engine.errors import Interrupted
from training.engine.preferences import columns as col
from training.engine.preferences.rows import VIEWS as PREFERENCE_VIEWS
from training.engine.preferences.rows import strangers_of
from training.engine.registry.algebra import Objective
from training.engine.registry.fits import makers
from training.engine.registry.further import further_models
from training.engine.registry.rewards_algebra import RewardRow
from training.engine.rewards.rows import VIEWS as REWARD_VIEWS

Row = dict[str, Any]
VIEWS = {**PREFERENCE_VIEWS, **REWARD_VIEWS}
COUNT = 4
TAUGHT = [p for p in registry.PRESETS.values() if p.task in ("dpo", "reward")]
PARAMS: dict[str, Any] = {
    "gate_width": 8,
    "gate_layers": 1,
    "dimension": 8,
    "latent": 4,
    "hidden": 8,
    "min_words": 1,
    "hard": False,
    "kl_weight": 1.0,
    "dropout": False,
    "factor_margins": "0,0",
    "soft_labels": True,
    "use_margin": True,
    "pool_labels": False,
    "use_weights": True,
    "batch_size": COUNT,
    "attributes": "helpful,verbose",
    "nll_weight": 0.5,
    "older_weight": 0.5,
    "min_gap": 0.3,
    "features": 2,
}
INSTEAD = {"groups": "values", "values": "normalised"}
"""Columns that are read in place of others where they are there."""


def rows_of(preset: registry.Preset) -> list[Row]:
    """Return rows of the preset's view with every column that any method reads."""
    pair = reward_pair if preset.task == "reward" else full_pair
    made: dict[str, Callable[[int], Row]] = {
        "pairs": lambda i: pair(i) | {"soft_label": 0.8},
        "lists": list_row,
        "vectors": vector_row,
        "scalars": scalar_row,
        "unary": unary_row,
        "demonstrations": unary_row,
        "tokens": token_row,
        "entailment": principle_row,
    }
    return [made[str(preset.view)](i) for i in range(COUNT)]


def _index(row: Row) -> int:
    return int(str(row["row_id"]).rsplit("-", 1)[1])


def answer(text: str) -> Callable[[Row], Any]:
    return lambda row: say("assistant", text)


CHANGES: dict[str, Callable[[Row], Any]] = {
    "prompt": lambda row: say("user", "list the kind letters?"),
    "chosen": answer("a true list"),
    "rejected": answer("a short letter"),
    "completion": answer("a true list"),
    "text": answer("The list is long. Yes, stay here."),
    "rejected_prompt": lambda row: say("user", "good garden?"),
    "calibration": answer("good garden"),
    "reference": answer("good garden"),
    "rationale": lambda row: "A short one.",
    "chosen_edited": answer("a kind garden and " * 9),
    "rejected_edited": answer("a kind garden and " * 9),
    "context": lambda row: "Be a garden.",
    "principle": lambda row: "The answer is a list.",
    "label": lambda row: (
        {"yes": "no", "no": "yes"}[row["label"]]
        if isinstance(row["label"], str)
        else not row["label"]
    ),
    "soft_label": lambda row: 0.5,
    "weight": lambda row: 1.0 + _index(row),
    "margin": lambda row: 5.0,
    "margins": lambda row: [0.7],
    # One row stays as it is, where values decide which rows are learned from.
    "chosen_value": lambda row: 0.45 if _index(row) else row["chosen_value"],
    "rejected_value": lambda row: 0.7 if _index(row) else row["rejected_value"],
    "chosen_unsafe": lambda row: not row["chosen_unsafe"],
    "rejected_unsafe": lambda row: not row["rejected_unsafe"],
    "chosen_factors": lambda row: [-2.0, -2.0],
    "rejected_factors": lambda row: [3.0, 3.0],
    "annotator": lambda row: f"of-{row['row_id']}",
    "source": lambda row: "one",
    "candidates": lambda row: [
        say("assistant", f"the {word}") for word in ("list", "a", "kind", "true")
    ],
    "groups": lambda row: [2, 0, 1, None],
    "value": lambda row: row["value"] + 0.5,
    "values": lambda row: [v and v / 2 for v in row["values"]],
    "spans": lambda row: [
        {"message": 0, "start": 0, "end": 16, "category": "rude"},
    ],
}


def columns_of(preset: registry.Preset, backend: str, *, base: bool) -> list[str]:
    """Return the columns that the preset says it reads, beside those of its view.

    Args:
        base: those of its view too, and the weight.
    """
    row = preset.settings
    names = {param.name for param in preset.params}
    found = [*col.wanted(preset)]
    if preset.view == "pairs":
        soft = "soft_labels" in names
        if isinstance(row, Objective):
            soft = row.label == "soft"
        elif isinstance(row, RewardRow):
            soft |= row.loss in ("rao_kupper", "davidson") or row.map == "judge"
        found += ["soft_label"] if soft else []
        found += ["margin"] if "use_margin" in names else []
    if base:
        found += [name for name in VIEWS[str(preset.view)] if name != "names"]
        weighs = backend == "hone" or preset.task == "reward"
        found += ["weight"] if "use_weights" in names and weighs else []
    return list(dict.fromkeys(found))


@dataclass
class Probe:
    """Runs a specification up to the loss of its first batch."""

    space: Workspace
    policy: Path
    stages: dict[str, Path]

    def loss(
        self, preset: registry.Preset, rows: list[Row], backend: str | None
    ) -> float:
        names = {param.name for param in preset.params}
        params = {k: v for k, v in PARAMS.items() if k in names}
        if backend == "trl" and preset.task == "dpo":
            params.pop("use_weights")
        here = self.space.path / f"{len(list(self.space.path.iterdir()))}.parquet"
        parts: dict[str, Any] = {}
        if preset.task == "dpo" or preset.models:
            others = {model.name for model in further_models(preset)} | {*preset.models}
            parts["reference"] = {"source": str(self.policy)}
            parts["models"] = {name: {"source": str(self.policy)} for name in others}
        if stage := makers(preset, "model"):
            parts["source"] = str(self.stages[stage[0]])
        spec = self.space.spec(
            preset.task,
            preset=preset.name,
            params=params,
            data={"train": str(write_rows(here, rows))},
            backend=backend,
            **parts,
        )
        seen.clear()
        run = self.space.run(spec, f"run-{here.stem}")
        assert run.code == 0, (preset.name, run.status)
        return seen[0]


seen: list[float] = []


def first_loss(trainer: Any, *others: Any) -> Any:
    """Return the loss of the first batch in place of training."""
    (batch,) = trainer.get_batch_samples(
        iter(trainer.get_train_dataloader()), 1, trainer.args.device
    )[0]
    trainer.model.train()
    seen.append(trainer.compute_loss(trainer.model, batch).item())
    raise Interrupted("cancelled", 0)


@pytest.fixture(scope="module")
def probe(
    tmp_path_factory: pytest.TempPathFactory, trained: dict[str, Path]
) -> Iterator[Probe]:
    path = tmp_path_factory.mktemp("columns")
    space = Workspace(path)
    stages = {}
    for name in ("reward-helpsteer2", "reward-micro"):
        preset = registry.get(name)
        data = {"train": str(write_rows(path / f"{name}.parquet", rows_of(preset)))}
        spec = space.spec("reward", preset=name, data=data)
        stages[name] = space.run(spec, name).out / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HONE_VAR", str(path / "var"))
        patch.setattr(loop, "train", first_loss)
        yield Probe(space, trained["policy"], stages)


def cases() -> Iterator[tuple[registry.Preset, str, list[str]]]:
    """Yield each method with the columns to change.

    What a view itself consists of, and the weight, is read in one place for all
    methods of a task, so one of them stands for all.
    """
    seen_views = set()
    for preset in TAUGHT:
        for backend in preset.backends:
            place = (preset.task, preset.view, backend)
            names = columns_of(preset, backend, base=place not in seen_views)
            seen_views.add(place)
            if names:
                yield preset, backend, names


CASES = list(cases())


@pytest.mark.parametrize(
    ("preset", "backend", "names"), CASES, ids=[f"{p.name}-{b}" for p, b, _ in CASES]
)
def test_every_column_reaches_the_loss(
    probe: Probe, preset: registry.Preset, backend: str, names: list[str]
) -> None:
    rows = rows_of(preset)
    plain = probe.loss(preset, rows, backend)
    for name in names:
        changed, before = copy.deepcopy(rows), plain
        if name in INSTEAD and INSTEAD[name] in rows[0]:
            for row in changed:
                del row[INSTEAD[name]]
            before = probe.loss(preset, changed, backend)
        for row in changed:
            row[name] = CHANGES[name](row)
        found = probe.loss(preset, changed, backend)
        assert found != pytest.approx(before, rel=1e-6), name


def test_every_declared_column_is_changed_by_some_method() -> None:
    declared = {name for preset in TAUGHT for name in col.wanted(preset)}
    assert declared <= {name for _, _, names in CASES for name in names}


def test_answers_to_the_same_prompt_are_no_strangers() -> None:
    """The level that good and bad are measured from is of answers to others."""
    names = ["a", "a", "b", "b", "b", "a"]
    prompts = [[{"role": "user", "content": name}] for name in names]
    found = strangers_of(prompts)
    assert found == [2, 2, 5, 5, 5, 2]
    assert all(names[i] != names[j] for i, j in enumerate(found))
    assert strangers_of(prompts[:2]) == [1, 0]
    assert strangers_of(prompts[1:3]) == [1, 0]
