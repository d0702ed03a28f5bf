"""How the C library gives memory back, or rather keeps it."""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""The GNU C library's names, from its ``malloc.h``."""

_LARGE = 1 << 30
"""Bytes: blocks below this come from the heap, and so does what was freed of it."""

_PAD = 64 << 20
"""Bytes that the heap grows by at a time."""


def keep_freed_memory() -> bool:
    """Keep for the next tensor what the last one leaves; return whether that is so.

    A pass on a CPU makes and frees the same tensors at every layer and step. By default
    the GNU C library gives large ones back to the system, which hands them out again
    page by page, each filled with zeros first: a tenth of a small model's step. What
    a process holds is then its peak until it ends, which is what runs are planned by.

    Elsewhere nothing changes. A choice made by the environment (``MALLOC_...``) stands.
    """
    if not sys.platform.startswith("linux") or _is_chosen():
        return False
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is None or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        return False
    wanted = ((_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE), (_TOP_PAD, _PAD))
    taken = [change(name, value) == 1 for name, value in wanted]
    return all(taken)


def _is_chosen() -> bool:
    return any(name.startswith("MALLOC_") for name in os.environ)
