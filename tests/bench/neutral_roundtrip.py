"""Import every row of the development data and export it again in its own layout.

    python -m tests.bench.neutral_roundtrip [--data DIR] [--only FOLDER ...] [--json]

Makes its own servers in a temporary directory, one project a folder, and exits with 1
when a row differs in any field, is bad, or a second import adds something.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HONE_DATA", str(ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--only", nargs="*", help="folders")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hone-bench-"))
    os.environ["HONE_VAR"] = str(folder / "var")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        names = given.only or sorted(p.name for p in given.data.iterdir() if p.is_dir())
        results = []
        for name in names:
            results.append(round_trip(given.data / name, folder))
            if not given.json:
                print(
                    "{folder:24} {rows:6,} rows  {bad} bad  {differ} differ  "
                    "{again} again  {seconds:6.1f} s".format(**results[-1]),
                    flush=True,
                )
        if given.json:
            print(json.dumps(results))
        return int(
            any(item["bad"] or item["differ"] or item["again"] for item in results)
        )
    finally:
        from config.services import stop_services

        stop_services(folder / "var")
        shutil.rmtree(folder, ignore_errors=True)


def round_trip(folder: Path, work: Path) -> dict[str, Any]:
    """Import a folder's files twice and export them; count what is not as it was."""
    from annotation.services.importing import import_file
    from annotation.services.projects import create_project
    from tests.annotation.data.neutral import files_of, rows_in, spelt, taken_out

    project = create_project(slug=folder.name.replace("_", "-"))
    start = time.perf_counter()
    bad = again = 0
    for path in files_of(folder):
        bad += import_file(project=project, path=path).counts["bad_rows"]
        again += import_file(project=project, path=path).counts["answers"]
    back = {row["id"]: spelt(row) for row in taken_out(project)}
    rows = differ = 0
    for path in files_of(folder):
        for row in rows_in(path):
            rows += 1
            differ += back.get(row["id"]) != spelt(row)
    return {
        "folder": folder.name,
        "rows": rows,
        "bad": bad,
        "differ": differ,
        "again": again,
        "seconds": time.perf_counter() - start,
    }


if __name__ == "__main__":
    sys.exit(main())
