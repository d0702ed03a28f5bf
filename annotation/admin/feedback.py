"""Feedback: append-only, so the panel reads it and never edits."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from annotation.admin.scope import ProjectFilter, ReadOnly, may
from annotation.models import Completion, Feedback
from annotation.show import badge, duration, link


def summary(judgments: list[dict[str, Any]]) -> str:
    """Return judgments in a few words: better A (3), tie, rationale."""
    said = []
    for judgment in judgments:
        kind = str(judgment.get("kind", ""))
        if kind == "compare":
            outcome = str(judgment.get("outcome", ""))
            side = {"a": "first is better", "b": "second is better"}.get(
                outcome, outcome.replace("_", " ")
            )
            strength = judgment.get("strength")
            said.append(f"{side} ({strength})" if strength else side)
        elif kind == "text":
            said.append(str(judgment.get("role", "text")))
        else:
            said.append(kind.replace("_", " "))
    return ", ".join(said) or "nothing"


@admin.register(Feedback)
class FeedbackPage(ReadOnly):
    show_full_result_count = False  # there may be a million
    list_display = (
        "said",
        "actor",
        "project",
        "task_link",
        "time_taken",
        "kept_as",
        "created_at",
    )
    list_filter = (ProjectFilter, "late", "assignment__origin")
    list_select_related = ("project", "actor", "assignment")
    search_fields = ("=id", "actor__name")
    ordering = ("-created_at",)

    @admin.display(description="answer")
    def said(self, feedback: Feedback) -> str:
        return summary(feedback.judgments)

    @admin.display(description="task")
    def task_link(self, feedback: Feedback) -> Any:
        from annotation.models import Task

        return link(Task(pk=feedback.assignment.task_id))

    @admin.display(description="active", ordering="active_ms")
    def time_taken(self, feedback: Feedback) -> str:
        return duration(feedback.active_ms / 1000)

    @admin.display(description="kept as")
    def kept_as(self, feedback: Feedback) -> Any:
        if feedback.assignment.origin == "import":
            return badge("imported")
        if feedback.supersedes_id:
            return badge("correction")
        if feedback.assignment.counted:
            return badge("counted", tone="good")
        return badge("late" if feedback.late else "kept", tone="wait")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        feedback = self.object_or_404(request, object_id)
        named = [
            judgment[key]
            for judgment in feedback.judgments
            for key in ("a", "b", "completion")
            if judgment.get(key)
        ]
        task = feedback.assignment.task
        texts = {
            str(completion.pk): completion
            for completion in Completion.objects.filter(
                pk__in=named, prompt__project=feedback.project_id
            )
        }
        return self.page(
            request,
            "annotation/feedback.html",
            title=f"feedback of {feedback.actor}",
            original=feedback,
            feedback=feedback,
            task=task,
            prompt=task.prompt,
            judgments=[
                {
                    "kind": str(judgment.get("kind", "")),
                    "words": summary([judgment]),
                    "fields": {
                        key: value for key, value in judgment.items() if key != "kind"
                    },
                    "first": texts.get(str(judgment.get("a"))),
                    "second": texts.get(str(judgment.get("b"))),
                }
                for judgment in feedback.judgments
            ],
            superseded_by=Feedback.objects.filter(supersedes=feedback).first(),
            snapshots=(
                feedback.snapshots.select_related("snapshot")[:50]
                if may(request, "observe", feedback.project)
                else ()
            ),
        )
