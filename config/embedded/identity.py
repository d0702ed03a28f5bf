"""As whom the embedded servers run.

PostgreSQL refuses to run as root, so root hands the servers to `nobody`. Where
`nobody` may not walk to the files (a checkout under /root, a 0700 temporary
directory), the servers keep one capability, to search and read, instead of every
parent directory being opened to the world.
"""

from __future__ import annotations

import os
import pwd
import signal
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from config.linux import die_with_parent, hold_rights, keep_search


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
                if self.keeps_search:
                    hold_rights()
                os.setgroups([])
                os.setgid(self.gid)
                os.setuid(self.uid)
                if self.keeps_search:
                    keep_search()
            die_with_parent(parent, death_signal)

        return become


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
