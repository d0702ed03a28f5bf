"""Runs in two processes that meet over gloo, without a launcher's second start.

Children of this process have torch already; what a launcher says to each is put into
their environment. ``accelerate launch`` itself is used where starting and ending is
what is looked at.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate.state import AcceleratorState

SECONDS = 240
Work = Callable[[int], Any]


def both(work: Work, folder: Path, *, seconds: int = SECONDS) -> list[Any]:
    """Return what ``work`` returns in each of two processes, given its rank.

    Raises:
        AssertionError: if one fails, or they wait for each other for too long.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    fork = multiprocessing.get_context("fork")
    started = [
        fork.Process(target=_child, args=(work, rank, port, folder)) for rank in (0, 1)
    ]
    for child in started:
        child.start()
    for child in started:
        child.join(seconds)
    stuck = [child for child in started if child.exitcode is None]
    for child in stuck:
        child.kill()
        child.join()
    assert not stuck, "the processes wait for each other"
    found = [json.loads((folder / f"found-{rank}.json").read_text()) for rank in (0, 1)]
    for one in found:
        assert "error" not in one, one["error"]
    return [one["value"] for one in found]


def _child(work: Work, rank: int, port: int, folder: Path) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # What this process's parent has run alone says nothing of the two.
    AcceleratorState._reset_state(reset_partial_state=True)
    with (folder / f"log-{rank}.txt").open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        sys.stdout = os.fdopen(1, "w")
        sys.stderr = os.fdopen(2, "w")
        try:
            found = {"value": work(rank)}
        except BaseException:
            found = {"error": traceback.format_exc()}
    (folder / f"found-{rank}.json").write_text(json.dumps(found))
    os._exit(0)
