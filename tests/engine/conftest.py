"""Data for the engine's tests; signal handlers are put back after every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.engine.support import Workspace, pair_row, prompt_rows, write_rows


@pytest.fixture(autouse=True)
def _process_state() -> Iterator[None]:
    """Undo what a run in this process changes: signal handlers and thread count."""
    handlers = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _fill(path: Path) -> Workspace:
    data = {
        "train": [pair_row(i) for i in range(48)],
        "validation": [pair_row(i, split="validation") for i in range(12)],
        "test": [pair_row(i, split="test") for i in range(16)],
        "prompts": prompt_rows(5),
        "rows": [
            {"row_id": f"r{2 * i + j}", "prompt": row["prompt"], "completion": row[s]}
            for i, row in enumerate(pair_row(i, split="test") for i in range(4))
            for j, s in enumerate(("chosen", "rejected"))
        ],
    }
    return Workspace(
        path,
        {
            name: str(write_rows(path / f"{name}.parquet", rows))
            for name, rows in data.items()
        },
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A directory with a small snapshot, prompts and rows to score."""
    return _fill(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Model directories of a tiny trained reward model and policy."""
    space = _fill(tmp_path_factory.mktemp("trained"))
    params = {"batch_size": 8, "learning_rate": 3e-3, "epochs": 2}
    reward = space.run(
        space.spec("reward", source="tiny:encoder", params=params), "reward"
    )
    policy = space.run(space.spec("dpo", params=params), "dpo")
    assert (reward.code, policy.code) == (0, 0)
    return {"reward": reward.out / "model", "policy": policy.out / "model"}
