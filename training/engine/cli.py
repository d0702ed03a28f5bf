"""The engine's command line: run a specification, or list the presets."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from training.engine import processes, registry
from training.engine.allocator import keep_freed_memory
from training.engine.context import RunContext, TaskResult
from training.engine.control import BusyError, Control, alone_in, watch_parent
from training.engine.ending import DONE, FIXABLE, Ending
from training.engine.errors import FixableError, Interrupted, full_disk
from training.engine.events import EventLog
from training.engine.provenance import note_method
from training.engine.registry import absent, page
from training.engine.registry.processes import needs_one_process
from training.engine.sources import needs_hub
from training.engine.spec import Spec, load_spec


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
    try:
        with alone_in(out):
            return _run_spec(spec_path, out, resume_from)
    except BusyError:
        why, found = "is in use", "another run that goes on there"
        fix = "wait for it, or choose another directory"
    except OSError as error:
        why, found = "cannot be written", str(error)
        fix = "choose a directory that this user may write to"
    print(
        f"error: {out} {why}\n  expected: a directory for this run alone\n"
        f"  found:    {found}\n  fix:      {fix}",
        file=sys.stderr,
    )
    return FIXABLE


def _run_spec(spec_path: Path, out: Path, resume_from: tuple[Path, ...]) -> int:
    started_at = time.monotonic()
    ending = Ending.prepare(out)
    control = Control(out)
    control.listen(late=ending.late)
    try:
        spec = load_spec(spec_path)
        _set_environment(spec)
        _join(spec)
        with EventLog(out if processes.is_main() else None) as events:
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
            # A run has succeeded when all of its processes have.
            processes.meet()
            if processes.is_main():
                if result.model is not None:
                    note_method(out / result.model, registry.get(spec.preset))
                ending.succeed(context, result)
        return DONE
    except Interrupted as stop:
        if processes.is_main():
            control.obeyed()
        return ending.stop(stop.state, stop.step)
    except KeyboardInterrupt:
        return ending.stop("cancelled", 0)
    except FixableError as error:
        return ending.fail(error)
    except Exception as error:
        mendable = (
            full_disk(error, out) or _out_of_memory(error) or processes.lost(error)
        )
        return ending.crash(error) if mendable is None else ending.fail(mendable)


def _join(spec: Spec) -> None:
    """Meet the other processes of the run, if what it does can be shared.

    Raises:
        FixableError: if it cannot, or they do not meet.
    """
    if processes.count() == 1:
        return
    alone = needs_one_process(registry.get(spec.preset), seconds=spec.limits.seconds)
    if alone is not None:
        raise FixableError(
            alone.message,
            expected="one process",
            found=f"{processes.count()} processes",
            fix=f"Launch it by itself, as one process. {alone.fix}".strip(),
            field=alone.field,
        )
    processes.join()


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
