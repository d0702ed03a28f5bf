"""How a run ends: its status, its last event and its exit code.

Of several processes the first keeps the log and writes the status; any other writes it
where it is the one that failed. Whoever fails first says why: what a failure does to
the others (a lost connection) does not hide it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from training.engine import processes
from training.engine.context import RunContext, TaskResult
from training.engine.errors import FixableError, StopState
from training.engine.events import EventLog, write_json

DONE, BUG, FIXABLE = 0, 1, 2
STATUS = "status.json"
_RESERVE_BYTES = 1 << 16


@dataclass(frozen=True)
class Ending:
    """Writes how the run in a directory ended; every method returns an exit code."""

    out: Path

    @classmethod
    def prepare(cls, out: Path) -> Self:
        """Make the directory, and keep a little room so that a full disk can be told.

        Raises:
            OSError: if it cannot be written.
        """
        out.mkdir(parents=True, exist_ok=True)
        if processes.is_main():
            with contextlib.suppress(FileNotFoundError):
                (out / STATUS).unlink()
            with contextlib.suppress(OSError):
                (out / ".reserve").write_bytes(b"\0" * _RESERVE_BYTES)
        return cls(out)

    def succeed(self, context: RunContext, result: TaskResult) -> int:
        """Write that all went well."""
        summary: dict[str, Any] = {
            "state": "succeeded",
            "step": result.step,
            "metrics": result.metrics,
            "model": result.model,
            "subset": result.subset,
            "files": list(result.files),
            "seconds": round(context.elapsed(), 3),
        }
        write_json(self.out / STATUS, {**summary, "error": None})
        self._release()
        context.events.emit("finished", **summary)
        return DONE

    def stop(self, state: StopState, step: int) -> int:
        """Write that the run was told to end, which all of its processes were."""
        if processes.is_main():
            self._tell({"state": state, "step": step, "error": None})
        return DONE

    def fail(self, error: FixableError) -> int:
        """Write what a person can mend."""
        print(f"error: {error}", file=sys.stderr)
        facts = {"state": "failed", "step": 0, "error": error.as_dict()}
        return self._failed(facts, FIXABLE)

    def crash(self, error: Exception) -> int:
        """Write that there is a bug, and keep its traceback."""
        text = "".join(traceback.format_exception(error))
        print(text, file=sys.stderr)
        details = {
            "error": "bug",
            "message": "The engine failed in a way it did not expect.",
            "expected": "the run to go on",
            "found": f"{type(error).__name__}: {str(error)[:500]}",
            "fix": "Report it with traceback.txt, spec.json and events.jsonl.",
            "field": None,
        }
        facts = {"state": "failed", "step": 0, "error": details}
        return self._failed(facts, BUG, trace=text)

    def late(self, seconds: float) -> None:
        """End a process that was told to and could not, before its launcher kills it.

        A process that waits for one that died hears nothing else, and would leave no
        word of how the run ended.
        """
        error = FixableError(
            "The run did not end when it was told to.",
            expected=f"the end of a step within {seconds:.0f} seconds of SIGTERM",
            found="a step that lasts longer, or a wait for a process that died",
            fix="Look in the log which process ended first. Where steps are long, "
            "order the end by control.json, which waits. Then resume.",
        )
        os._exit(self.fail(error))

    def _failed(self, facts: dict[str, Any], code: int, *, trace: str = "") -> int:
        if processes.count() == 1:
            self._keep(trace)
            self._tell(facts)
            return code
        first = self._claim(facts)
        if first:
            self._keep(trace)
        if processes.is_main():
            # Somebody else's failure may be what ended this process.
            told = facts if first else self._told(facts)
            self._emit(told)
            code = BUG if told["error"]["error"] == "bug" else FIXABLE
        return code

    def _claim(self, facts: dict[str, Any]) -> bool:
        """Write a status unless there is one; return whether it was written."""
        self._release()
        try:
            return write_json(self.out / STATUS, _status(facts), replace=False)
        except OSError as error:
            print(f"error: {STATUS} could not be written: {error}", file=sys.stderr)
            return True

    def _told(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Return what the status says; the given facts where it is not of a failure."""
        with contextlib.suppress(OSError, ValueError):
            found = json.loads((self.out / STATUS).read_text(encoding="utf-8"))
            if found["state"] == "failed":
                return {name: found[name] for name in ("state", "step", "error")}
        return facts

    def _tell(self, facts: dict[str, Any]) -> None:
        """Write a status other than success, and its event, even on a full disk."""
        self._release()
        try:
            write_json(self.out / STATUS, _status(facts))
        except OSError as error:
            print(f"error: {STATUS} could not be written: {error}", file=sys.stderr)
        self._emit(facts)

    def _emit(self, facts: dict[str, Any]) -> None:
        failed = facts["state"] == "failed"
        with contextlib.suppress(OSError), EventLog(self.out) as events:
            events.emit("failed" if failed else "finished", **facts)

    def _keep(self, trace: str) -> None:
        if trace:
            with contextlib.suppress(OSError):
                (self.out / "traceback.txt").write_text(trace, encoding="utf-8")

    def _release(self) -> None:
        with contextlib.suppress(OSError):
            (self.out / ".reserve").unlink()


def _status(facts: dict[str, Any]) -> dict[str, Any]:
    return {"metrics": {}, "model": None, "subset": None, **facts}
