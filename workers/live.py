"""Completions taken in while the run still samples (`inputs.import_live`)."""

from pathlib import Path

from training.models import TrainingRun
from training.services.generating import STREAM, Intake, read_stream
from workers.tailing import LineTail


class LiveIntake:
    """Reads completions.jsonl as it grows; does nothing for any other run."""

    def __init__(self, run: TrainingRun, out: Path) -> None:
        wanted = run.kind == run.Kind.GENERATE and run.inputs.get("import_live")
        self._intake = Intake(run) if wanted else None
        self._tail = LineTail(out / STREAM)

    def take(self) -> None:
        """Take in what was sampled since the last call."""
        if self._intake is None:
            return
        mark = self._tail.mark()
        try:
            self._intake.take(read_stream(self._tail.lines()))
        except BaseException:
            # Taking a row in twice adds nothing; leaving one out would lose it.
            self._tail.rewind(mark)
            raise
