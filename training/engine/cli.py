"""The engine's command line: run a specification, or list the presets."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.engine import registry
from training.engine.allocator import keep_freed_memory
from training.engine.context import RunContext, TaskResult
from training.engine.control import Control, watch_parent
from training.engine.errors import FixableError, Interrupted, full_disk
from training.engine.events import EventLog, write_json
from training.engine.registry import absent, page
from training.engine.sources import needs_hub
from training.engine.spec import Spec, load_spec

DONE, BUG, FIXABLE = 0, 1, 2
_RESERVE_BYTES = 1 << 16


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the process's exit code.

    0: the run ended in order (``status.json`` says how); 2: a person can mend it;
    1: a bug, with its traceback in ``traceback.txt``; 75: the supervisor died.
    """
    parser = argparse.ArgumentParser(prog="python -m training.engine")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a specification")
    run.add_argument("spec", type=Path, help="JSON file; see the engine's README")
    run.add_argument("--out", type=Path, required=True, help="directory of this run")
    run.add_argument(
        "--resume",
        action="store_true",
        help="continue from the newest whole checkpoint in --out",
    )
    run.add_argument(
        "--resume-from",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="continue from an earlier attempt's directory; may be repeated",
    )
    run.add_argument(
        "--parent-pipe",
        action="store_true",
        help="exit at once when stdin closes, because the supervisor has died",
    )
    presets = commands.add_parser("presets", help="list the methods and settings")
    presets.add_argument("--json", action="store_true", help="as JSON")
    methods = commands.add_parser("methods", help="list the published methods")
    form = methods.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--markdown", action="store_true", help="as the page in docs/")
    noise = commands.add_parser(
        "overoptimisation", help="study best-of-n against models that learned noise"
    )
    noise.add_argument("--seeds", type=int, default=5)
    noise.add_argument("--html", type=Path, help="write the page here")
    noise.add_argument("--json", type=Path, help="write the numbers here")
    arguments = parser.parse_args(argv)
    if arguments.command == "methods":
        return _list_methods(as_json=arguments.json, as_markdown=arguments.markdown)
    if arguments.command == "presets":
        return _list_presets(as_json=arguments.json)
    if arguments.command == "overoptimisation":
        return _study_noise(arguments)
    if arguments.parent_pipe:
        watch_parent()
    earlier = [arguments.out] if arguments.resume else []
    earlier += arguments.resume_from
    keep_freed_memory()
    return run_spec(arguments.spec, arguments.out, resume_from=tuple(earlier))


def run_spec(spec_path: Path, out: Path, *, resume_from: tuple[Path, ...] = ()) -> int:
    """Run a specification in this process; return the exit code."""
    started_at = time.monotonic()
    is_main = os.environ.get("RANK", "0") == "0"
    try:
        reserve = _prepare(out)
    except OSError as error:
        print(
            f"error: {out} cannot be written\n  found: {error}\n"
            "  fix:   choose a directory this user may write to",
            file=sys.stderr,
        )
        return FIXABLE
    control = Control(out)
    control.listen()
    try:
        spec = load_spec(spec_path)
        _set_environment(spec)
        with EventLog(out if is_main else None) as events:
            context = RunContext(
                spec=spec,
                params=spec.values(),
                out=out,
                events=events,
                control=control,
                resume_from=resume_from,
                started_at=started_at,
            )
            result = _run_task(context)
            if is_main:
                _succeed(context, result)
        return DONE
    except Interrupted as stop:
        if is_main:
            _end(out, reserve, {"state": stop.state, "step": stop.step, "error": None})
        return DONE
    except KeyboardInterrupt:
        _end(out, reserve, {"state": "cancelled", "step": 0, "error": None})
        return DONE
    except FixableError as error:
        return _fail(out, reserve, error)
    except Exception as error:
        mendable = full_disk(error, out) or _out_of_memory(error)
        if mendable is not None:
            return _fail(out, reserve, mendable)
        return _crash(out, reserve, error)


def _prepare(out: Path) -> Path:
    """Make the directory, and keep a little room so that a full disk can be told."""
    out.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        (out / "status.json").unlink()
    reserve = out / ".reserve"
    with contextlib.suppress(OSError):
        reserve.write_bytes(b"\0" * _RESERVE_BYTES)
    return reserve


def _set_environment(spec: Spec) -> None:
    """Settle what the libraries read when they are first imported."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["DISABLE_TELEMETRY"] = "1"
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that wait by spinning would take the processor from whoever they wait
    # for on a machine that does other work too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not needs_hub(spec.sources()):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("TQDM_DISABLE", "1")


def _run_task(context: RunContext) -> TaskResult:
    # Imported late: a wrong specification is told without waiting for torch.
    import datasets
    import transformers

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
        transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    # What libraries plan to rename concerns us, not the reader of a run's log.
    warnings.filterwarnings("ignore", category=FutureWarning)
    context.control.check()
    task = importlib.import_module(f"training.engine.tasks.{context.spec.task}")
    result = task.run(context)
    assert isinstance(result, TaskResult)
    return result


def _succeed(context: RunContext, result: TaskResult) -> None:
    summary: dict[str, Any] = {
        "state": "succeeded",
        "step": result.step,
        "metrics": result.metrics,
        "model": result.model,
        "subset": result.subset,
        "files": list(result.files),
        "seconds": round(context.elapsed(), 3),
    }
    write_json(context.out / "status.json", {**summary, "error": None})
    with contextlib.suppress(OSError):
        (context.out / ".reserve").unlink()
    context.events.emit("finished", **summary)


def _fail(out: Path, reserve: Path, error: FixableError) -> int:
    print(f"error: {error}", file=sys.stderr)
    _end(out, reserve, {"state": "failed", "step": 0, "error": error.as_dict()})
    return FIXABLE


def _crash(out: Path, reserve: Path, error: Exception) -> int:
    text = "".join(traceback.format_exception(error))
    print(text, file=sys.stderr)
    with contextlib.suppress(OSError):
        (out / "traceback.txt").write_text(text, encoding="utf-8")
    details = {
        "error": "bug",
        "message": "The engine failed in a way it did not expect.",
        "expected": "the run to go on",
        "found": f"{type(error).__name__}: {str(error)[:500]}",
        "fix": "Report it with traceback.txt, spec.json and events.jsonl.",
        "field": None,
    }
    _end(out, reserve, {"state": "failed", "step": 0, "error": details})
    return BUG


def _end(out: Path, reserve: Path, facts: dict[str, Any]) -> None:
    """Write a status other than success, and its event; a full disk is no obstacle."""
    with contextlib.suppress(OSError):
        reserve.unlink()
    status = {"metrics": {}, "model": None, "subset": None, **facts}
    try:
        write_json(out / "status.json", status)
    except OSError as error:
        print(f"error: status.json could not be written: {error}", file=sys.stderr)
    failed = facts["state"] == "failed"
    with contextlib.suppress(OSError), EventLog(out) as events:
        events.emit("failed" if failed else "finished", **facts)


def _out_of_memory(error: BaseException) -> FixableError | None:
    text = f"{type(error).__name__}: {error}".lower()
    # PyTorch says "can't allocate memory" of the machine's own, and "out of memory" of
    # an accelerator's.
    told = ("out of memory", "can't allocate memory", "cannot allocate memory")
    if not isinstance(error, MemoryError) and not any(words in text for words in told):
        return None
    return FixableError(
        "The machine ran out of memory.",
        expected="a batch that fits",
        found=str(error)[:300],
        fix="Lower batch_size or max_length, turn gradient_checkpointing on, or use "
        "LoRA; raise gradient_accumulation to keep the effective batch.",
        field="params.batch_size",
    )


def _list_methods(*, as_json: bool, as_markdown: bool) -> int:
    if as_json:
        offered = [row for row in registry.describe() if row["status"] != "own"]
        print(json.dumps([*offered, *absent.describe()], indent=2))
    else:
        print(page.markdown() if as_markdown else page.listing(), end="")
    return DONE


def _study_noise(arguments: argparse.Namespace) -> int:
    from training.engine.evaluate.studies import run_studies

    if arguments.seeds < 2:
        print("error: expected --seeds of at least 2", file=sys.stderr)
        return FIXABLE
    run_studies(seeds=arguments.seeds, page=arguments.html, numbers=arguments.json)
    return DONE


def _list_presets(*, as_json: bool) -> int:
    if as_json:
        print(json.dumps(registry.describe(), indent=2))
        return DONE
    for preset in registry.PRESETS.values():
        print(f"{preset.name}: {preset.title}")
        print(f"  {preset.summary}")
        if preset.caution:
            print(f"  Caution: {preset.caution}")
        if preset.paper:
            print(f"  {preset.paper}")
        for param in preset.params:
            print(f"    {param.name} = {param.default!r}: {param.help}")
        print()
    return DONE
