"""The workspace's wire types are made from the API that runs."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.browser.serving import ROOT


def test_the_generated_types_match_the_api() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine; `make frontend` brings one")
    checked = subprocess.run(
        [node, "types.mjs", "--check"],
        cwd=ROOT / "frontend",
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert checked.returncode == 0, checked.stderr
