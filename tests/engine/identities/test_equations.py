"""Losses and slopes of every offline method against equations written out again."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.identities.equations import EQUATIONS
from tests.engine.identities.plain import (
    DEGREES,
    EXTRAS,
    FACTORS,
    FIXED,
    GOOD,
    LENGTHS,
    LEVELS,
    MARGIN,
    MARGINS,
    MEMBERS,
    SOFT,
    STATE,
    VALUES,
    Case,
    Policy,
    Rows,
    tokens,
)
from tests.engine.identities.support import params, settings
from training.engine import registry
from training.engine.objectives.algebra import objective
from training.engine.objectives.batch import Batch
from training.engine.registry.algebra import Objective

USUAL: dict[str, Any] = {
    "beta": 0.4,
    "label_smoothing": 0.15,
    "nll_weight": 0.3,
    "gamma": 0.2,
    "alpha": 0.6,
    "eta": 0.8,
    "discount": 0.9,
    "reference_ratio": 0.4,
    "older_weight": 0.25,
    "discopop_tau": 0.3,
    "doubtful_share": 0.4,
    "desirable_weight": 1.2,
    "undesirable_weight": 0.7,
    "kl_weight": 0.1,
    "l1": 0.05,
    "beta_rejected": 0.15,
    "best_weight": 2.0,
}
"""Settings at which no term is nothing, unless a case says otherwise."""

FORMS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in EQUATIONS),
    ("rpo", {"nll_norm": "sum"}),
    ("vpo", {"direction": "optimism"}),
    ("dpo-rationale", {"rationale_form": "nll"}),
    ("orpo-rationale", {"rationale_form": "nll"}),
]


def table(rows: Rows) -> Tensor:
    width = max(LENGTHS)
    return torch.tensor(
        [[*row, *[0.0] * (width - len(row))] for row in rows], dtype=torch.float64
    )


def batch_of(view: str, link: str, policy: Tensor) -> Batch:
    values = LEVELS if link == "levels" else VALUES.get(view, [])
    columns = {"values": values, "soft_label": SOFT, "margin": MARGIN}
    columns |= {"margins": [[m] for m in MARGINS], "label": GOOD, "label_state": STATE}
    return Batch(
        policy=policy,
        mask=torch.arange(max(LENGTHS))[None, :] < torch.tensor(LENGTHS)[:, None],
        members=torch.tensor(MEMBERS[view]),
        frozen={name: table(rows) for name, rows in FIXED.items()},
        extras={name: torch.tensor(found) for name, found in EXTRAS.items()},
        columns={n: torch.tensor(v, dtype=torch.float64) for n, v in columns.items()},
        weights={name: table(rows) for name, rows in FACTORS.items()},
        read={"degrees": torch.tensor(DEGREES, dtype=torch.float64)},
        row_ids=("a", "b", "c"),
    )


def test_every_offline_method_is_written_out_here() -> None:
    offline = {
        name
        for name, p in registry.PRESETS.items()
        if isinstance(p.settings, Objective)
    }
    assert offline == set(EQUATIONS)


@pytest.mark.parametrize(
    ("name", "given"), FORMS, ids=["-".join([n, *g.values()]) for n, g in FORMS]
)
def test_loss_and_slope_are_those_of_the_equation(
    name: str, given: dict[str, Any]
) -> None:
    row = settings(name)
    known = {param.name for param in registry.get(name).params}
    chosen = {k: v for k, v in USUAL.items() if k in known} | given
    if name == "dpo":
        del chosen["label_smoothing"]  # of other losses by its name
    told = params(name, **chosen)
    rows = tokens(40, -2.5, -0.05)
    leaf = table(rows).requires_grad_(True)
    view = registry.get(name).view or "pairs"
    found = objective(row, batch_of(view, row.link, leaf), told).losses
    held = Policy(rows)
    equation = EQUATIONS[name]
    wanted = [equation(Case(held, held, at, told)) for at in range(3)]
    assert found.tolist() == pytest.approx(wanted, rel=1e-7)
    draw = random.Random(name)
    share = [0.5, 1.0, 2.0]
    (slope,) = torch.autograd.grad(
        (found * torch.tensor(share, dtype=torch.float64)).sum(), leaf
    )
    for _ in range(6):
        i = draw.randrange(len(LENGTHS))
        t = draw.randrange(LENGTHS[i])
        ends = []
        for step in (1e-5, -1e-5):
            moved = [list(r) for r in rows]
            moved[i][t] += step
            now = Policy(moved)
            ends.append(
                sum(
                    w * equation(Case(now, held, at, told))
                    for at, w in enumerate(share)
                )
            )
        expected = (ends[0] - ends[1]) / 2e-5
        assert float(slope[i, t]) == pytest.approx(expected, rel=1e-5, abs=1e-7)
    behind = ~batch_of(view, row.link, leaf).mask
    assert not slope[behind].any()
