"""The real web server on the test database, and what its people work on."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.test import Client

from annotation.models import Project
from annotation.services.importing import ImportOptions, import_file
from annotation.services.projects import create_project

ROOT = Path(__file__).resolve().parents[2]
STARTED_WITHIN_SECONDS = 60


class WebServer:
    """gunicorn as `manage.py up` runs it, on a port that it keeps when restarted."""

    def __init__(self, *, port: int, environment: Mapping[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {**environment, "HONE_PORT": str(port)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn"),
                *("--config", "config/web.py", "config.wsgi:application"),
            ],
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,
        )
        deadline = time.monotonic() + STARTED_WITHIN_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the web server ended: {self._process.returncode}")
            try:
                urllib.request.urlopen(f"{self.url}/api/v1/session", timeout=5).close()
            except OSError:  # not there yet, or too busy to answer in time
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(f"no web server at {self.url} in {STARTED_WITHIN_SECONDS} s")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as a power cut does: all at once, with nothing said."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None


def make_person(username: str, **more: Any) -> User:
    user: User = get_user_model().objects.create_user(
        username=username, password="a long pass phrase", **more
    )
    return user


def session_cookie(user: User) -> str:
    """Sign somebody in without the screen; return the session cookie's value."""
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def make_project(
    *,
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    members: Mapping[User, str],
    slug: str = "everyday",
    **settings: Any,
) -> Project:
    """Make a project whose queue holds one comparison of each row's completions.

    Args:
        folder: where the file to import may lie.
        rows: {"prompt", "completions"} of the bare layout, see docs/data.md.
    """
    settings = {"name": "Everyday help", "guidelines": GUIDELINES} | settings
    project = create_project(slug=slug, members=dict(members), **settings)
    if rows:
        path = folder / f"{slug}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        import_file(
            project=project,
            path=path,
            options=ImportOptions(layout="bare", strict=True),
        )
    return project


def numbered(count: int) -> list[dict[str, Any]]:
    """Return rows whose texts say which task they are."""
    return [
        {
            "prompt": f"Question {number:02}: how do I keep bread fresh?",
            "completions": [
                f"Keep loaf {number:02} in a bread box, cut side down.",
                f"Put loaf {number:02} in the refrigerator, wrapped in foil.",
            ],
        }
        for number in range(1, count + 1)
    ]


GUIDELINES = """\
# What to look for

Prefer the answer that **does what was asked**, is true, and says no more than it
needs.

1. Read both.
2. Pick a side, and how sure you are.
3. *Same* is for texts of equal worth; *both bad* for two that nobody should get.
"""
