"""Memory that a pass frees is there for the next one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from tests.engine.support import ROOT

PASSES = """
import resource
from training.engine.allocator import keep_freed_memory
print(keep_freed_memory())
import torch
def passes(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        made = [torch.ones(megabytes << 18) for megabytes in (48, 4, 90, 16)]
        del made
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
passes(4)
print(passes(20))
"""
PAGES = 20 * (48 + 4 + 90 + 16) * 256
"""Pages of 4 KB in what twenty passes make."""


def faults(**environment: str) -> tuple[str, int]:
    """Return whether memory was kept, and how many new pages passes asked for."""
    kept, count = subprocess.run(
        [sys.executable, "-c", PASSES],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return kept, int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not the GNU C library")
def test_freed_memory_is_used_again_unless_the_environment_decides() -> None:
    kept, count = faults()
    assert kept == "True"
    assert count < PAGES / 4
    left, asked = faults(MALLOC_ARENA_MAX="1")
    assert left == "False"
    assert asked > PAGES / 2
