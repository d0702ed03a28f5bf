"""Which answers stand already, and what marks the imported ones."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from annotation.models import Assignment, Feedback, Project
from annotation.services.importing.records import Answer, RowError, shorten


def holder(answer: Answer) -> str:
    """Return what marks an imported assignment, so that a repeat finds it."""
    return f"import:{answer.client_id}"


class Ledger:
    """The answers that stand already for a chunk's tasks, and those just added."""

    def __init__(self, project: Project, tasks: set[int]) -> None:
        self.project = project
        self.used: dict[tuple[int, int], set[int]] = defaultdict(set)
        self.held: dict[tuple[int, int, str], str | None] = {}
        self.exported: set[UUID] = set()
        self.first: dict[tuple[int, UUID], tuple[int, UUID]] = {}
        rows = Assignment.objects.filter(task_id__in=tasks).values_list(
            "task_id",
            "actor_id",
            "presentation",
            "holder",
            "feedback__content_hash",
            "feedback__client_id",
        )
        for task, actor, presentation, mark, address, client in rows:
            self.used[task, actor].add(presentation)
            mark = f"import:{client}" if client else mark
            self.held[task, actor, mark] = address

    def learn_exported(self, ids: Iterable[UUID | None]) -> None:
        wanted = {pk for pk in ids if pk}
        if wanted:
            rows = Feedback.objects.filter(project=self.project, pk__in=wanted)
            self.exported = set(rows.values_list("pk", flat=True))

    def knows(self, task: int, actor: int, answer: Answer, address: str) -> bool:
        """Return whether this answer stands already.

        Raises:
            RowError: when another one stands under its name.
        """
        if answer.feedback_id in self.exported:
            return True
        key = (task, actor, holder(answer))
        if key not in self.held:
            return False
        stands = self.held[key]
        if stands and answer.judgments and stands != address:
            raise RowError(
                "labels",
                "the same answer as imported before under this row's id and "
                "annotator (a changed answer needs an id of its own)",
                shorten(answer.judgments),
            )
        return True

    def place(self, task: int, actor: int, answer: Answer) -> int:
        """Return a free presentation, and take it: the one given if it is free."""
        used = self.used[task, actor]
        place = answer.presentation
        while place in used:
            place += 1
        used.add(place)
        return place

    def remember(
        self, task: int, actor: int, answer: Answer, ids: tuple[int, UUID], address: str
    ) -> None:
        self.held[task, actor, holder(answer)] = address
        self.first[actor, answer.client_id] = ids

    def corrected(self, actor: int, answer: Answer) -> tuple[int | None, UUID | None]:
        """Return the assignment and the feedback that an answer corrects, if any."""
        if answer.supersedes is None:
            return None, None
        key = (actor, answer.supersedes)
        if key not in self.first:
            rows = Feedback.objects.filter(actor_id=actor, client_id=answer.supersedes)
            row = rows.values_list("assignment_id", "pk").first()
            if row is None:
                return None, None
            self.first[key] = row
        return self.first[key]
