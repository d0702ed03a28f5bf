"""A copy of PostgreSQL's programs that an ordinary user can reach.

PostgreSQL looks for itself with access(2), which ignores capabilities: servers
handed to `nobody` do not find programs under a directory that only root may enter,
such as a checkout in /root. For the servers' life they then run from a copy.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded.identity import Identity, reachable


@contextmanager
def reachable_programs(folder: Path, identity: Identity) -> Iterator[Path]:
    """Yield `folder` (PostgreSQL's bin), or that of a copy which goes at the end."""
    if identity.uid is None or reachable(folder, identity.uid):
        yield folder
        return
    home = Path(tempfile.mkdtemp(prefix="hone-postgres-"))
    try:
        home.chmod(0o755)
        yield _copy(folder.parent, home) / folder.name
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _copy(prefix: Path, home: Path) -> Path:
    """Copy an installation, and the wheel's libraries that its programs look for."""
    copied = home / prefix.parent.name / prefix.name
    shutil.copytree(prefix, copied, copy_function=_link_or_copy, symlinks=True)
    libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name, copy_function=_link_or_copy)
    return copied


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
    return target
