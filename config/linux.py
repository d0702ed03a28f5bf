"""What Linux's kernel does for a tree of processes, and other systems do not.

Everything here is silently nothing elsewhere.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_CHILD_SUBREAPER = 36
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


# Loaded before any fork: a child between fork and exec must not load libraries.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int, death_signal: signal.Signals) -> None:
    """Ask the kernel for `death_signal` when the parent dies. Linux; else nothing.

    For a child between fork and exec: a pre-exec hook of `subprocess.Popen`. The
    signal gets its default meaning back: a shell that starts things in the background
    has SIGINT and SIGQUIT ignored, and a child would inherit that deaf ear.
    """
    if death_signal != signal.SIGKILL:  # which nobody can be deaf to
        signal.signal(death_signal, signal.SIG_DFL)
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies. Linux; else nothing."""
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def hold_rights() -> None:
    """Let the next change from root to another user keep what root may do."""
    if _libc is not None:
        _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)


def keep_search() -> None:
    """Carry the right to search directories and read files over the next exec.

    Call after `hold_rights` and a change of user; for a child before its exec.
    """
    if _libc is None:
        return
    header = _CapHeader(CAPABILITY_VERSION_3, 0)
    data = (_CapData * 2)()
    _libc.capget(ctypes.byref(header), data)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        bit = 1 << capability
        if data[0].permitted & bit:
            data[0].effective = bit
            data[0].permitted = bit
            data[0].inheritable = bit
            data[1].effective = data[1].permitted = data[1].inheritable = 0
            _libc.capset(ctypes.byref(header), data)
            _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            return
