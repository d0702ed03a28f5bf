"""As whom the embedded servers run.

PostgreSQL refuses to run as root, so root hands the servers to `nobody`. Where
`nobody` may not walk to the files (a checkout under /root, a 0700 temporary
directory), the servers keep one capability, to search and read, instead of every
parent directory being opened to the world.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import stat
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

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

    For a child between fork and exec: a pre-exec hook of `subprocess.Popen`.
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies. Linux; else nothing."""
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@dataclass(frozen=True)
class Identity:
    """The user servers run as; `uid` None means the present one."""

    uid: int | None
    gid: int | None
    keeps_search: bool = False

    def own(self, path: Path) -> None:
        """Give `path`, and all below a directory, to this identity."""
        if self.uid is None or self.gid is None:
            return
        if path.stat().st_uid == self.uid:
            return
        for folder, _, files in os.walk(path):
            os.chown(folder, self.uid, self.gid)
            for name in files:
                os.chown(Path(folder, name), self.uid, self.gid)
        os.chown(path, self.uid, self.gid)

    def preexec(self, death_signal: signal.Signals) -> Callable[[], None]:
        """Return the hook that turns a forked child into this identity."""
        parent = os.getpid()

        def become() -> None:
            if self.uid is not None and self.gid is not None:
                if self.keeps_search and _libc is not None:
                    _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
                os.setgroups([])
                os.setgid(self.gid)
                os.setuid(self.uid)
                if self.keeps_search:
                    _keep_search()
            die_with_parent(parent, death_signal)

        return become


def _keep_search() -> None:
    """Carry the right to search directories and read files over the next exec."""
    assert _libc is not None
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


def reachable(path: Path, uid: int) -> bool:
    """Say whether user `uid` may walk to `path`, by the permission bits alone."""
    for folder in (path, *path.parents):
        status = folder.stat()
        needed = stat.S_IXUSR if status.st_uid == uid else stat.S_IXOTH
        if not status.st_mode & needed:
            return False
    return True


def server_identity(paths: Iterable[Path]) -> Identity:
    """Choose the identity for servers that must reach `paths`."""
    if os.geteuid() != 0:
        return Identity(None, None)
    nobody = pwd.getpwnam("nobody")
    is_open = all(reachable(path.resolve(), nobody.pw_uid) for path in paths)
    return Identity(nobody.pw_uid, nobody.pw_gid, keeps_search=not is_open)
