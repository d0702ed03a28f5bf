"""Degrees of what is missing: the classifier, its copies, and its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.engine.identities.support import arms, draw, losses
from tests.engine.support import Finished, Workspace, pair_row, say
from training.engine.layout import Branch, lay_out
from training.engine.logprobs import token_logprobs
from training.engine.models import load_policy
from training.engine.objectives.batch import Batch
from training.engine.preferences.degrees import Degrader, DegreeHead, degree_forward
from training.engine.spec import ModelPart
from training.engine.tokens import tokenize

DEGREES = 4


def test_degree_term_is_a_cross_entropy() -> None:
    logits = draw(8, DEGREES, seed=3)
    batch = arms(
        draw(8) - 6,
        [[0, 1], [2, 3]],
        frozen={"reference": draw(8, seed=1) - 6},
        columns={"soft_label": torch.ones(2).double()},
        extras={
            "degree_1": torch.tensor([4, 7]),
            "degree_2": torch.tensor([5, -1]),  # its text was too short
            "degree_3": torch.tensor([6, -1]),
        },
    )
    batch = replace(batch, read={"degrees": logits})
    told = logits.log_softmax(-1)
    by_hand = [
        -(told[0, 0] + told[4, 1] + told[5, 2] + told[6, 3]) / 4,
        -(told[2, 0] + told[7, 1]) / 2,
    ]
    dpo = losses("dpo", batch)
    for gamma in (0.5, 2.0):
        extra = losses("sspo", batch, gamma=gamma) - dpo
        assert torch.allclose(extra, gamma * torch.stack(by_hand), atol=1e-6)
    assert torch.equal(losses("sspo", batch, gamma=0.0), dpo)


def test_copies_lose_their_rarest_words_first() -> None:
    texts = ["the cat sat", "the dog sat", "the owl flew by, the end"]
    degrader = Degrader(texts, DEGREES)
    copies = degrader.copies(say("assistant", "the owl sat\n\nby the lake"))
    said = {name: copy[-1]["content"] for name, copy in copies.items()}
    assert said == {
        "degree_1": "the owl sat\n\nby the",
        "degree_2": "the sat\n\nthe",
        "degree_3": "the the",
    }
    # Two words have no quarter: degrees that would lack no more are left out.
    assert list(degrader.copies(say("assistant", "two words"))) == ["degree_2"]
    assert degrader.copies(say("assistant", "one")) == {}


def test_forward_says_the_same_log_probabilities() -> None:
    model = load_policy(ModelPart(source="tiny:causal"), seed=1).model.eval()
    items = [Branch((5, 6, 7), (8, 9)), Branch((5, 6, 7), (9, 10, 11))]
    layout = lay_out(items, pad_token_id=0, groups=[0, 0])
    plain = token_logprobs(model, layout)
    with torch.no_grad():
        states = model(torch.tensor([[5, 6, 7, 9, 10, 11]]), output_hidden_states=True)
        mean = states.hidden_states[-1][0, 2:5].mean(0)
    head = DegreeHead(model.config.hidden_size, DEGREES)
    degree_forward(model, head)
    read = model(layout=layout)
    assert torch.allclose(read["policy"], plain, atol=1e-5)
    assert torch.allclose(read["degrees"][1], head(mean[None])[0], atol=1e-5)


PARAMS = {"batch_size": 8, "learning_rate": 3e-3, "checkpoint_steps": 30}


def run(space: Workspace, preset: str, steps: int, **params: float) -> Finished:
    given = {**PARAMS, "epochs": 20, **params}
    spec = space.spec("dpo", preset=preset, params=given, limits={"max_steps": steps})
    found = space.run(spec, f"{preset}-{len(list(space.path.iterdir()))}")
    assert found.code == 0, found.status
    return found


def weights(found: Finished) -> dict[str, torch.Tensor]:
    model = load_policy(ModelPart(source=str(found.out / "model"))).model
    return dict(model.state_dict())


def test_without_weight_degrees_are_dpo(workspace: Workspace) -> None:
    ours = weights(run(workspace, "sspo", 3, gamma=0.0))
    dpo = weights(run(workspace, "dpo", 3))
    assert ours.keys() == dpo.keys()
    assert all(torch.equal(ours[name], dpo[name]) for name in dpo)


def test_degrees_are_told_apart_on_unseen_completions(workspace: Workspace) -> None:
    found = run(workspace, "sspo", 31, gamma=1.0)
    metrics = found.status["metrics"]
    assert metrics["last/anchors/degrees"] < metrics["first/anchors/degrees"]
    assert metrics["last/degrees/accuracy"] > 1 / DEGREES
    dpo = weights(run(workspace, "dpo", 1))
    assert weights(found).keys() == dpo.keys()
    # The classifier ends with the run; a checkpoint keeps it for a run that goes on.
    (stored,) = found.out.glob("checkpoints/checkpoint-30/degree_head.pt")
    accuracy = unseen_accuracy(found.out / "model", stored)
    assert accuracy > 1.5 / DEGREES


def unseen_accuracy(model: Path, stored: Path) -> float:
    """Return how often the degree of a copy is named, of completions never seen."""
    loaded = load_policy(ModelPart(source=str(model)))
    head = DegreeHead(loaded.model.config.hidden_size, DEGREES)
    head.load_state_dict(torch.load(stored, weights_only=True))
    rows = [pair_row(i, split="test") for i in range(24)]
    degrader = Degrader([row["chosen"][0]["content"] for row in rows], DEGREES)
    branches, kinds = [], []
    for row in rows:
        copies = {"degree_0": row["chosen"], **degrader.copies(row["chosen"])}
        ids, parts = tokenize(loaded.tokenizer, row["prompt"], list(copies.values()))
        branches += [Branch(tuple(ids), tuple(part)) for part in parts]
        kinds += [int(name[-1]) for name in copies]
    degree_forward(loaded.model.eval(), head)
    with torch.no_grad():
        read = loaded.model(layout=lay_out(branches, pad_token_id=0))
    right = read["degrees"].argmax(-1) == torch.tensor(kinds)
    return float(right.float().mean())


def test_run_with_degrees_goes_on_where_it_stopped(workspace: Workspace) -> None:
    whole = run(workspace, "sspo", 4, checkpoint_steps=2)
    spec = sorted(workspace.path.glob("spec-dpo-*.json"))[0]
    again = workspace.run(spec, "again", resume_from=(whole.out,))
    assert again.events[0]["resumed_from"]["step"] == 2
    one, other = weights(whole), weights(again)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", ["degree_1", "degree_3"])
def test_batch_without_copies_is_still_one(name: str) -> None:
    """All texts of a batch may be too short for a degree."""
    batch = Batch(
        policy=torch.zeros(3, 1),
        mask=torch.ones(3, 1, dtype=torch.bool),
        members=torch.tensor([[0, 1]]),
        frozen={"reference": torch.zeros(3, 1)},
        columns={"soft_label": torch.ones(1)},
        extras={name: torch.tensor([2])},
        read={"degrees": torch.zeros(3, DEGREES)},
    )
    extra = losses("sspo", batch, gamma=1.0) - losses("dpo", batch)
    assert float(extra) == pytest.approx(float(torch.tensor(4.0).log()))
