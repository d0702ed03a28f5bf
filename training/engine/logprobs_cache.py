"""What frozen models said, kept on disk: each runs once over each sequence.

Keyed by the content of the model and of the sequence, so that the next epoch, run or
method over the same reference finds it again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from training.engine import processes
from training.engine.errors import FixableError, disk_error
from training.engine.layout import Branch, can_share, lay_out
from training.engine.logprobs import token_logprobs
from training.engine.sources import cache_directory

Tick = Callable[[int], None]

_VERSION = 1
_AT_ONCE = 500
"""Keys looked up by one query."""


def model_hash(model: PreTrainedModel) -> str:
    """Return a hash of a model's weights and of the settings that shape its output."""
    digest = hashlib.blake2b(digest_size=16)
    settings = {
        key: value
        for key, value in model.config.to_dict().items()
        if not key.startswith("_") and key not in ("transformers_version", "hone")
    }
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        raw = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(raw.numpy().data)
    return digest.hexdigest()


def branch_hash(branch: Branch) -> bytes:
    """Return a hash of a branch's tokens and of the boundary between its parts."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(len(branch.prompt).to_bytes(8, "little"))
    digest.update(np.asarray(branch.prompt + branch.completion, dtype="<i8").tobytes())
    return digest.digest()


class LogprobCache:
    """Token log-probabilities of one frozen model, in one file.

    Raises:
        FixableError: if the file is damaged or cannot be written; says what to delete.
    """

    def __init__(self, model: str, directory: Path | None = None) -> None:
        directory = directory or cache_directory().parent / "logprobs"
        self.path = directory / f"{model}.sqlite"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(self.path, timeout=120)
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS logprobs (branch BLOB PRIMARY KEY, "
                "crc INTEGER NOT NULL, tokens BLOB NOT NULL) WITHOUT ROWID"
            )
            found = self._file.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, _VERSION):
                raise self._damaged(f"version {found}")
            self._file.execute(f"PRAGMA user_version = {_VERSION}")
        except OSError as error:
            raise self._unwritable(error) from error
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def get(self, branches: Sequence[Branch]) -> list[np.ndarray | None]:
        """Return what is known of each branch: float32 values, or None."""
        keys = [branch_hash(branch) for branch in branches]
        found: dict[bytes, tuple[int, bytes]] = {}
        wanted = list(dict.fromkeys(keys))
        try:
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                for key, crc, raw in self._file.execute(
                    "SELECT branch, crc, tokens FROM logprobs "
                    f"WHERE branch IN ({marks})",
                    part,
                ):
                    found[key] = crc, raw
        except sqlite3.Error as error:
            raise self._failure(error) from error
        return [
            self._values(*found[key], len(branch.completion)) if key in found else None
            for key, branch in zip(keys, branches, strict=True)
        ]

    def put(self, branches: Sequence[Branch], values: Sequence[np.ndarray]) -> None:
        """Keep the values of branches; those that are known already stay."""
        rows = []
        for branch, tokens in zip(branches, values, strict=True):
            raw = tokens.astype("<f4").tobytes()
            rows.append((branch_hash(branch), zlib.crc32(raw), raw))
        try:
            with self._file:
                self._file.executemany(
                    "INSERT OR IGNORE INTO logprobs VALUES (?, ?, ?)", rows
                )
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _values(self, crc: int, raw: bytes, tokens: int) -> np.ndarray:
        if zlib.crc32(raw) != crc:
            raise self._damaged("values that differ from their checksum")
        values = np.frombuffer(raw, dtype="<f4")
        if len(values) != tokens:
            raise self._damaged(f"{len(values)} values for {tokens} tokens")
        return values

    def _failure(self, error: sqlite3.Error) -> FixableError:
        said = str(error)
        if "full" in said:
            return disk_error(self.path.parent)
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in said:
            return self._unwritable(error)
        return self._damaged(said)

    def _damaged(self, found: str) -> FixableError:
        return FixableError(
            "The cache of a frozen model's log-probabilities is damaged.",
            expected=f"what this program wrote to {self.path}",
            found=found,
            fix=f"Delete {self.path}; its values are computed again.",
            field="cache",
        )

    def _unwritable(self, error: Exception) -> FixableError:
        return FixableError(
            "The cache of log-probabilities cannot be used.",
            expected=f"a file at {self.path} that this user may write",
            found=str(error),
            fix="Set HONE_VAR to a writable directory, or mend its permissions.",
            field="cache",
        )


@torch.no_grad()
def frozen_logprobs(
    model: PreTrainedModel,
    branches: Sequence[Branch],
    groups: Sequence[int],
    *,
    pad_token_id: int,
    batch_size: int,
    cache: LogprobCache | None = None,
    tick: Tick | None = None,
) -> list[np.ndarray]:
    """Return each branch's token log-probabilities under a frozen model, float32.

    Known ones come from the cache, equal ones are run once, and what is run is kept
    after every batch, so an interrupted pass goes on where it was. Several processes
    run a share each, and all must call; the first one alone reads and writes the cache.

    Args:
        groups: branches of one number may share their prompt's pass.
        batch_size: groups in one forward pass.
        tick: called with the number of branches done, in all processes alike; it may
            raise to end early.

    Raises:
        FixableError: if the model yields a number that is none, naming the model.
    """
    model.eval()
    known: dict[Branch, np.ndarray] = {}
    if cache is not None:
        for branch, kept in zip(branches, cache.get(branches), strict=True):
            if kept is not None:
                known[branch] = kept
    known = processes.from_main(known)
    pending: dict[int, list[Branch]] = {}
    claimed = set(known)
    for branch, group in zip(branches, groups, strict=True):
        if branch not in claimed:
            claimed.add(branch)
            pending.setdefault(group, []).append(branch)
    # Longest first: padding is short, and a batch that does not fit is met at once.
    order = sorted(pending, key=lambda g: -max(len(b) for b in pending[g]))
    batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    each = processes.count()
    for start in range(0, len(batches), each):
        own = batches[start : start + each][processes.rank() :][:1]
        here = [(branch, g) for batch in own for g in batch for branch in pending[g]]
        found = _run(model, here, pad_token_id) if here else {}
        fresh: dict[Branch, np.ndarray] = {}
        for part in processes.everyones(found):
            fresh |= part
        if cache is not None:
            cache.put(list(fresh), list(fresh.values()))
        known |= fresh
        if tick is not None:
            tick(len(known))
    return [known[branch] for branch in branches]


def _run(
    model: PreTrainedModel, batch: Sequence[tuple[Branch, int]], pad_token_id: int
) -> dict[Branch, np.ndarray]:
    """Return what a model says of branches, each given with its group's number."""
    run = [branch for branch, _ in batch]
    layout = lay_out(
        run,
        pad_token_id=pad_token_id,
        groups=[g for _, g in batch] if can_share(model) else None,
    ).to(model.device)
    rows = token_logprobs(model, layout).float().cpu().numpy()
    found = {b: row[: len(b.completion)] for b, row in zip(run, rows, strict=True)}
    if not all(np.isfinite(row).all() for row in found.values()):
        raise FixableError(
            "A frozen model yields values that are no numbers.",
            expected="finite log-probabilities",
            found="NaN or infinity",
            fix="Check the model's weights; in bfloat16, try float32.",
            field="reference",
        )
    return found
