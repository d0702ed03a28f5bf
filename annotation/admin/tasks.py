"""Tasks: what is asked, of whom, and how far it has come."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse

from annotation.admin.feedback import summary
from annotation.admin.scope import ProjectFilter, ReadOnly, may, projects
from annotation.models import Task
from annotation.numbers import whole_number
from annotation.show import shorten


class RoundFilter(SimpleListFilter):
    """Filter by the round that asked; 0 is what was imported."""

    title = "round"
    parameter_name = "round"

    def lookups(
        self, request: HttpRequest, model_admin: Any
    ) -> Iterable[tuple[str, str]]:
        mine = Task.objects.filter(project__in=projects(request, "see_answers"))
        last = mine.aggregate(last=Max("round"))["last"] or 0
        if not last:
            return []
        return [("0", "imported")] + [
            (str(n), f"round {n}") for n in range(1, last + 1)
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        value = whole_number(self.value())
        return None if value is None else queryset.filter(round=value)


@admin.register(Task)
class TaskPage(ReadOnly):
    show_full_result_count = False  # there may be a million
    list_display = (
        "prompt_shown",
        "project",
        "state_shown",
        "route",
        "round",
        "priority",
        "slots",
        "reason",
    )
    list_filter = (ProjectFilter, "state", "route", RoundFilter)
    list_select_related = ("project", "prompt")
    search_fields = ("=id", "reason")
    ordering = ("-id",)

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        if _may_observe_all(request):
            return shown
        return [name for name in shown if name != "reason"]

    def get_search_fields(self, request: HttpRequest) -> Any:
        return ("=id", "reason") if _may_observe_all(request) else ("=id",)

    @admin.display(description="prompt")
    def prompt_shown(self, task: Task) -> str:
        return shorten(str(task.prompt), 70)

    @admin.display(description="answers")
    def slots(self, task: Task) -> str:
        held = f", {task.leased} held" if task.leased else ""
        return f"{task.counted} of {task.overlap}{held}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        task = self.object_or_404(request, object_id)
        observes = may(request, "observe", task.project)
        slots = task.slots.select_related("completion")
        return self.page(
            request,
            "annotation/task.html",
            title=f"task {task.pk}",
            original=task,
            task=task,
            # Their own order tells which model is which; reviewers answer tasks, too.
            slots=slots.order_by("position" if observes else "completion_id"),
            assignments=task.assignments.select_related("actor").order_by("id")[:100],
            answers=[
                (answer, summary(answer.judgments))
                for assignment in task.assignments.prefetch_related(
                    "feedback", "feedback__actor"
                ).order_by("id")[:100]
                for answer in assignment.feedback.all()
            ],
            observes=observes,
        )


def _may_observe_all(request: HttpRequest) -> bool:
    """Whether every task that is listed is of a project whose reasons I may read."""
    seen = set(projects(request, "see_answers"))
    return bool(seen) and seen <= set(projects(request, "observe"))
