"""How the engine is started: a registry of launchers, each a command line.

`local` runs one process; `accelerate` runs one per GPU, by the machine's accelerate
configuration: whole weights on every GPU, so neither FSDP nor DeepSpeed. A cluster's
submitter is one more entry: a command that stays in the foreground.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from django.conf import settings

from config.env import JUDGE_KEYS

Launcher = Callable[[Sequence[str]], list[str]]
ENGINE = "training.engine"
# The engine talks to no server: it gets none of their addresses and no secret.
WITHHELD = ("DATABASE_URL", "REDIS_URL", "HONE_SECRET_KEY", "PGPASSWORD")


def local(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", ENGINE, *arguments]


def accelerate(arguments: Sequence[str]) -> list[str]:
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    if config := os.environ.get("HONE_ACCELERATE_CONFIG"):
        command += ["--config_file", config]
    return [*command, "-m", ENGINE, *arguments]


# It kills what has not ended half a minute after a signal; saving may take longer.
HASTY = ("accelerate",)
LAUNCHERS: dict[str, Launcher] = {"local": local, "accelerate": accelerate}


def command(launcher: str, spec: Path, out: Path, earlier: Sequence[Path]) -> list[str]:
    """Return the command line of one attempt.

    Args:
        earlier: directories of earlier attempts, newest first, to continue from.
    """
    arguments = ["run", str(spec), "--out", str(out), "--parent-pipe"]
    for directory in earlier:
        arguments += ["--resume-from", str(directory)]
    return LAUNCHERS[launcher](arguments)


def offline_environment() -> dict[str, str]:
    """Return what keeps the learning libraries off the network and untracked."""
    offline = "0" if settings.MODEL_HUB else "1"
    return {
        "HF_HOME": str(settings.VAR / "cache" / "huggingface"),
        "HF_HUB_OFFLINE": offline,
        "TRANSFORMERS_OFFLINE": offline,
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "WANDB_MODE": "disabled",
        "TOKENIZERS_PARALLELISM": "false",
    }


def environment() -> dict[str, str]:
    """Return the environment of an engine: offline, and without our secrets."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in WITHHELD and not key.startswith(JUDGE_KEYS)
    }
    own = {"HONE_VAR": str(settings.VAR), "PYTHONUNBUFFERED": "1"}
    return {**kept, **offline_environment(), **own}
