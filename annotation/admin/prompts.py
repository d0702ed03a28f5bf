"""Prompts and completions: immutable, so only ever read here, and as plain text."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from annotation.admin.scope import ProjectFilter, ReadOnly, may
from annotation.models import Completion, Prompt
from annotation.show import link, shorten


class OfPromptFilter(ProjectFilter):
    """Filter completions by the project of their prompt."""

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any] | None:
        if slug := self.value():
            return queryset.filter(prompt__project__slug=slug)
        return None


@admin.register(Prompt)
class PromptPage(ReadOnly):
    show_full_result_count = False  # there may be a million
    list_display = ("asked", "project", "split", "source", "created_at")
    list_filter = (ProjectFilter, "split")
    list_select_related = ("project",)
    search_fields = ("external_id", "=content_hash", "messages")
    ordering = ("-id",)

    @admin.display(description="prompt")
    def asked(self, prompt: Prompt) -> str:
        return shorten(prompt.messages[-1]["content"] if prompt.messages else "")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        prompt = self.object_or_404(request, object_id)
        names_models = may(request, "observe", prompt.project)
        # One model's come before another's; reviewers answer tasks, too.
        order = ("created_at", "id") if names_models else ("id",)
        return self.page(
            request,
            "annotation/prompt.html",
            title=f"prompt {prompt.pk}",
            original=prompt,
            prompt=prompt,
            completions=prompt.completions.order_by(*order)[:50],
            tasks=prompt.tasks.order_by("-id")[:50],
            names_models=names_models,
        )


@admin.register(Completion)
class CompletionPage(ReadOnly):
    """Says who wrote what, so it takes the right to observe."""

    show_full_result_count = False
    sees = "observe"
    project_field = "prompt__project"
    list_display = ("text_shown", "generator", "prompt_link", "created_at")
    list_filter = (OfPromptFilter,)
    list_select_related = ("prompt", "prompt__project")
    search_fields = ("generator", "=content_hash", "messages")
    ordering = ("-created_at",)

    @admin.display(description="completion")
    def text_shown(self, completion: Completion) -> str:
        return shorten(completion.text)

    @admin.display(description="prompt")
    def prompt_link(self, completion: Completion) -> Any:
        return link(completion.prompt, shorten(str(completion.prompt), 50))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        completion = self.object_or_404(request, object_id)
        return self.page(
            request,
            "annotation/completion.html",
            title="completion",
            original=completion,
            completion=completion,
            tasks=completion.task_set.order_by("-id")[:50],
        )
