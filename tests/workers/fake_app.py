"""The Celery application with the stand-in for the engine, for `celery --app`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from config.celery import app
from workers import launchers

__all__ = ["app"]
FAKE = Path(__file__).with_name("fake_engine.py")


def fake(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, str(FAKE), os.environ["FAKE_ENGINE"], *arguments]


launchers.LAUNCHERS["local"] = fake
