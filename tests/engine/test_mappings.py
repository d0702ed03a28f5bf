"""Models that write answers again as they would be preferred, and their rewards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.engine.identities.test_parts import scored
from tests.engine.support import Finished, Workspace, pair_row, say, write_rows
from tests.engine.test_online_runs import train
from training.engine.models import load_policy
from training.engine.online import mapping
from training.engine.online.mapped import MappedReward, rewards
from training.engine.online.mapping import (
    READINGS,
    Judged,
    Mapping,
    aligned,
    load_mapping,
)
from training.engine.online.parts import PartRewards
from training.engine.online.rollout import Rollout
from training.engine.ppo.experience import sequences
from training.engine.preferences.wording import rewriting
from training.engine.sampling import Prompt, Sampling, sample_batch
from training.engine.spec import ModelPart

COUNT = 4
PLACE, ERROR = 3, "zebra"


@dataclass(frozen=True)
class Taught:
    """A mapping that has learned a few pairs by heart."""

    run: Finished
    rows: list[dict[str, Any]]
    train: str
    mapping: Mapping

    @property
    def source(self) -> dict[str, str]:
        """Where the model lies."""
        return {"source": str(self.run.out / "model")}


def planted(number: int) -> dict[str, Any]:
    """Return a pair whose rejected side is the chosen one with one word exchanged."""
    row = pair_row(number)
    words = said(row, "chosen").split()
    wrong = " ".join([*words[:PLACE], ERROR, *words[PLACE + 1 :]])
    return row | {"rejected": say("assistant", wrong)}


def said(row: dict[str, Any], side: str) -> str:
    return str(row[side][0]["content"])


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    path = tmp_path_factory.mktemp("mapping")
    rows = [planted(i) for i in range(COUNT)]
    file = str(write_rows(path / "pairs.parquet", rows))
    space = Workspace(path, {"train": file, "validation": file})
    params = {"batch_size": 8, "learning_rate": 1e-2, "epochs": 70, "warmup": 0.05}
    run = space.run(space.spec("dpo", preset="seq2seq-reward", params=params), "run")
    assert run.code == 0, run.status
    part = ModelPart(source=str(run.out / "model"))
    return Taught(run, rows, file, load_mapping(part, "models.mapping"))


def read(
    found: Mapping, row: dict[str, Any], text: str, reading: str = "aligned"
) -> list[Judged]:
    (tokens,) = READINGS[reading](
        found, [row["prompt"]], [text], ended=[True], batch_size=4
    )
    return tokens


def test_mapping_copies_what_was_chosen(taught: Taught) -> None:
    """The published check: of (x, chosen) it writes the chosen one again."""
    metrics = taught.run.status["metrics"]
    assert metrics["mapping/chosen_kept"] == 1.0
    assert 0.3 < metrics["mapping/rejected_kept"] < 1.0
    told = json.loads((taught.run.out / "model" / mapping.MARK).read_text())
    assert told["max_length"] == 512
    greedy = Sampling(0.0, 1.0, 48, 512, 8, 0)
    for side in ("chosen", "rejected"):
        asked = [
            Prompt(row["row_id"], rewriting(row["prompt"], row[side]))
            for row in taught.rows
        ]
        written = sample_batch(
            taught.mapping.loaded, [(prompt, 0) for prompt in asked], greedy, seed=0
        )
        chosen = [said(row, "chosen") for row in taught.rows]
        assert [found.content for found in written] == chosen
        assert {found.finish_reason for found in written} == {"stop"}


def test_what_a_mapping_writes_itself_has_no_negative_token(taught: Taught) -> None:
    for row, reading in product(taught.rows, READINGS):
        tokens = read(taught.mapping, row, said(row, "chosen"), reading)
        assert [token.end for token in tokens][-1] == len(said(row, "chosen")) + 1
        earned = [reward for _, reward in rewards(tokens)]
        assert min(earned) > 0 and sum(earned) == pytest.approx(1.0)


def test_planted_error_alone_is_negative(taught: Taught) -> None:
    for row in taught.rows:
        wrong = said(row, "rejected")
        start = wrong.index(ERROR)
        end = start + len(ERROR)
        found = rewards(read(taught.mapping, row, wrong))
        bad = [at for at, reward in found if reward < 0]
        assert bad and all(start <= at <= end for at in bad), wrong
        good = [at for at, reward in found if reward > 0]
        assert min(good) < start - 1 and max(good) == len(wrong) + 1
        # Asked token by token, it agrees up to the error, and not with that.
        forced = rewards(read(taught.mapping, row, wrong, "forced"))
        first = next(at for at, reward in forced if reward < 0)
        assert start <= first <= end


def test_pairs_become_identity_and_correction(workspace: Workspace) -> None:
    edited = say("assistant", "as somebody mended it")
    rows = [pair_row(0), pair_row(1, rejected_edited=edited)]
    rows[0]["rejected_edited"] = None
    train_path = str(write_rows(workspace.path / "edited.parquet", rows))
    spec = workspace.spec(
        "dpo",
        preset="seq2seq-reward",
        data={"train": train_path},
        limits={"max_steps": 1},
    )
    run = workspace.run(spec, "edited")
    assert run.code == 0, run.status
    counts = run.events[0]["rows"]
    assert (counts["read"], counts["used"]) == (2, 5)
    assert any("Unverified" in told for told in run.events[0]["warnings"])


def rollouts(found: Mapping, rows: list[dict[str, Any]], side: str) -> list[Rollout]:
    made = []
    for number, row in enumerate(rows):
        text = said(row, side)
        ids = found.loaded.tokenizer.encode(text, add_special_tokens=False)
        end = found.loaded.tokenizer.eos_token_id
        asked = Prompt(row["row_id"], row["prompt"])
        made.append(Rollout(asked, number, [5, 6], [*ids, end], True, text))
    return made


def counting(asked: list[int]) -> Callable[..., list[list[Judged]]]:
    """Return the aligned reading, which also counts how often it is asked."""

    def read(*args: Any, **given: Any) -> list[list[Judged]]:
        asked.append(1)
        return aligned(*args, **given)

    return read


def test_tokens_of_a_mapping_add_up(
    taught: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    drawn = rollouts(taught.mapping, taught.rows, "rejected")
    batch = sequences(
        [r.prompt_ids for r in drawn],
        [r.ids for r in drawn],
        pad_token_id=0,
        width=max(len(r.ids) for r in drawn),
    )
    monkeypatch.setitem(READINGS, "aligned", counting(asked))
    source = MappedReward(taught.mapping, "aligned", batch_size=4)
    scores = source.score(drawn)
    placed = PartRewards([source], {"mapping": 1.0}, taught.mapping.loaded.tokenizer)
    tokens = placed(scored(batch, drawn))
    assert tokens.sum(1).tolist() == pytest.approx(scores, abs=1e-5)
    assert not (tokens * ~batch.tokens).any()
    assert len(asked) == 1, "the places are those of the scores"
    # Every token of its own has its own reward, the end token included.
    for row, found in enumerate(source.parts(drawn)):
        assert tokens[row, : len(found)].tolist() == pytest.approx(
            [reward for _, reward in found]
        )


def test_policy_learns_from_a_mapping(taught: Taught, workspace: Workspace) -> None:
    run = train(
        workspace,
        "ppo-seq2seq",
        data={"train": taught.train},
        models={"mapping": taught.source},
        params={"rule": "none", "critic": "shared", "minibatch": 8},
    )
    assert run.code == 0, run.status
    metrics = run.status["metrics"]
    assert -1 <= metrics["first/rewards/parts"] <= 1
    assert metrics["first/rewards/mapping"] == pytest.approx(
        metrics["first/rewards/parts"], abs=1e-5
    )
    assert (run.out / "model" / "config.json").is_file()


def test_model_that_is_no_mapping_is_refused(
    taught: Taught, workspace: Workspace, trained: dict[str, Path]
) -> None:
    run = train(
        workspace,
        "ppo-seq2seq",
        models={"mapping": {"source": str(trained["policy"])}},
        params={"rule": "none"},
    )
    error = run.status["error"]
    assert error["field"] == "models.mapping"
    assert "seq2seq-reward" in error["expected"]
    # It is an ordinary language model, and a run from it leaves no mapping.
    assert load_policy(ModelPart(**taught.source)).template
    spec = workspace.spec(
        "dpo", source=taught.source["source"], limits={"max_steps": 1}
    )
    again = workspace.run(spec, "tuned")
    assert again.code == 0, again.status
    assert not (again.out / "model" / mapping.MARK).exists()
