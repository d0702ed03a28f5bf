"""A stand-in for the engine: ends as it is told to, in no time.

    python fake_engine.py MODE run SPEC --out DIR ...

Modes: train (until told to stop, obeys SIGTERM), stubborn (ignores SIGTERM, and has a
child that does, too), crash (ends without a status), done (leaves a model), slow
(leaves one after a while).
"""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

mode, arguments = sys.argv[1], sys.argv[2:]
out = Path(arguments[arguments.index("--out") + 1])
told = False


def emit(seq: int, event: str, **fields: object) -> None:
    line = {"seq": seq, "at": datetime.now(UTC).isoformat(), "event": event, **fields}
    with (out / "events.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def status(state: str, **fields: object) -> None:
    if state == "succeeded":
        (out / "model").mkdir()
        (out / "model" / "config.json").write_text("{}")
    told_by = {
        "state": state,
        "step": 3,
        "error": None,
        "metrics": {},
        "model": "model",
    }
    (out / "status.json").write_text(json.dumps(told_by | fields))


def stop(*_: object) -> None:
    global told
    told = True


signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == "stubborn" else stop)
emit(1, "started", step=0)
if mode == "crash":
    print("about to fall over", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "stubborn":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (out / "child").write_text(str(child.pid))
seq = 1
while mode != "done" and not told and (mode != "slow" or seq < 40):
    seq += 1
    emit(seq, "metrics", step=seq, metrics={"loss": 1 / seq}, progress={"total": 600})
    time.sleep(0.05)
if mode == "train":
    order = json.loads((out / "control.json").read_text())["action"]
    status({"cancel": "cancelled", "preempt": "preempted"}[order])
else:
    status("succeeded")
