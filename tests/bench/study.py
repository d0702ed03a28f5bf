"""A platform of its own for a study: servers, migrations, and runs to wait for.

Use it before importing anything of Django's: it sets Django up.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from training.models import TrainingRun

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("HONE_DATA") or ROOT.parent / "shared" / "data")


@contextmanager
def platform() -> Iterator[Path]:
    """Set Django up over servers of this study's own; yield their data directory.

    HONE_BENCH_VAR names a directory to keep.
    """
    from config.services import stop_services

    kept = os.environ.get("HONE_BENCH_VAR")
    var = Path(kept or tempfile.mkdtemp(prefix="hone-bench-")).resolve()
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ["HONE_VAR"] = str(var)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    try:
        yield var
    finally:
        stop_services(var)
        if not kept:
            shutil.rmtree(var, ignore_errors=True)


def wait_for(run: "TrainingRun") -> "TrainingRun":
    """Show a run's progress until it ends; leave the study if it fails."""
    with tqdm(desc=run.name, unit=" steps", disable=None) as bar:
        while run.state in run.OPEN_STATES:
            time.sleep(2)
            run.refresh_from_db()
            bar.total = run.total_steps
            bar.update(run.step - bar.n)
    if run.state != "succeeded":
        sys.exit(f"{run.name} {run.state}: {run.error}\n{run.log_tail[-2000:]}")
    return run


def data_file(name: str) -> Path:
    """Return a file of the development data; leave the study where there is none."""
    path = DATA / name
    if not path.is_file():
        sys.exit(
            f"Expected the development data at {path}, found nothing. Set HONE_DATA to "
            "its folder; the study is skipped."
        )
    return path
