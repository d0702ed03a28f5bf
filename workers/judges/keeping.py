"""What a judge said, kept: answers, abstentions, failures, and counts of them all."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.db.models import F
from django.utils import timezone

from annotation.models import Judge, JudgeFailure
from annotation.services.judges import actor_for
from annotation.services.judging import JudgeAnswer, record
from workers.judges.base import Backend, Failure, Presented, Said
from workers.judges.doubting import escalate_doubts

# Tasks whose answers are written together. Towards the end it is fewer: what is left
# over when the last reply comes holds up nobody but whoever waits for the batch.
AT_ONCE, LAST_ONES = 16, 4


@dataclass
class Judged:
    """What a judge did.

    Attributes:
        answers: presentations answered or abstained from, newly written.
        cached: calls whose reply was known already, and cost nothing.
        stopped: the name of the failure that ended the batch early.
    """

    tasks: int = 0
    answers: int = 0
    abstained: int = 0
    failed: int = 0
    escalated: int = 0
    tokens: int = 0
    milliseconds: int = 0
    calls: int = 0
    cached: int = 0
    cost: Decimal = field(default_factory=Decimal)
    stopped: str = ""

    def and_then(self, later: "Judged") -> "Judged":
        """Return what two batches did together; failures are those that are left."""
        names = ("answers", "abstained", "escalated", "tokens", "milliseconds")
        both = {
            name: getattr(self, name) + getattr(later, name)
            for name in (*names, "calls", "cached", "cost")
        }
        tasks = self.tasks - self.failed + later.tasks
        return replace(later, tasks=tasks, **both)


class Writer:
    """Gathers answers by task, and writes the tasks that are complete."""

    def __init__(self, judge: Judge, backend: Backend, tasks: int) -> None:
        self._left = tasks
        self.judged = Judged()
        self.stop: Failure | None = None
        self._judge, self._backend = judge, backend
        self._open: dict[int, list[tuple[Presented, Said]]] = {}
        self._whole: list[list[tuple[Presented, Said]]] = []

    def take(self, item: Presented, said: Said) -> int:
        """Take an answer; return how many tasks it made whole."""
        self.judged.tokens += said.cost.tokens
        self.judged.milliseconds += said.cost.milliseconds
        if said.failure is not None and said.failure.stops:
            self.stop = self.stop or said.failure
        group = self._open.setdefault(item.task, [])
        group.append((item, said))
        if len(group) < min(2, len(item.order)):
            return 0
        self._whole.append(self._open.pop(item.task))
        self._left -= 1
        if len(self._whole) >= min(AT_ONCE, max(self._left, LAST_ONES)):
            self.flush()
        return 1

    def flush(self) -> None:
        """Write what is whole: answers and abstentions, or why there are none."""
        groups, self._whole = self._whole, []
        good = [g for g in groups if not any(said.failure for _, said in g)]
        bad = [g for g in groups if any(said.failure for _, said in g)]
        self.judged.tasks += len(groups)
        self.judged.failed += len(bad)
        self._fail(bad)
        if not good:
            return
        actor = actor_for(
            self._judge,
            self._backend.identity,
            self._backend.description,
            self._judge.model_version,
        )
        answers = [_answer(item, said) for group in good for item, said in group]
        self.judged.escalated += escalate_doubts(self._judge, good)
        self.judged.answers += record(actor=actor, answers=answers)
        self.judged.abstained += sum(not each.judgments for each in answers)
        JudgeFailure.objects.filter(
            judge=self._judge, task__in=[g[0][0].task for g in good]
        ).delete()

    def _fail(self, groups: Iterable[list[tuple[Presented, Said]]]) -> None:
        rows = []
        for group in groups:
            failure = next(said.failure for _, said in group if said.failure)
            rows.append(
                JudgeFailure(
                    judge=self._judge,
                    task_id=group[0][0].task,
                    name=failure.name,
                    error=failure.as_json(),
                    updated_at=timezone.now(),
                )
            )
        if not rows:
            return
        again = JudgeFailure.objects.filter(
            judge=self._judge, task__in=[row.task_id for row in rows]
        )
        again.update(times=F("times") + 1)
        JudgeFailure.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["judge", "task"],
            update_fields=["name", "error", "updated_at"],
        )


def _answer(item: Presented, said: Said) -> JudgeAnswer:
    return JudgeAnswer(
        task=item.task,
        presentation=item.presentation,
        order=item.order,
        judgments=said.judgments,
        raw_text=said.raw_text,
        active_ms=said.cost.milliseconds,
        protocol=item.protocol,
    )
