"""Principles: the library, what people decide on it, and readings of free texts."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from annotation.admin.forms import ProjectForm, label_of, told
from annotation.admin.scope import ProjectFilter, may
from annotation.admin.starting import Starts
from annotation.errors import HoneError
from annotation.models import Extraction, Judge, LibraryPrinciple
from annotation.services.principles import library
from annotation.services.principles.deciding import FROM, decide
from annotation.services.principles.queued import begin
from annotation.services.principles.settings import ExtractionSettings
from annotation.show import address, flat, shorten

State = LibraryPrinciple.State
DECISIONS = {
    State.APPROVED: "Approve",
    State.REJECTED: "Reject",
    State.WITHDRAWN: "Withdraw",
}
TONES: Mapping[str, str] = {State.APPROVED: "good", State.PROPOSED: "wait"}
THRESHOLDS = {
    "quote_ratio": "Quotations below this share of the text's own words are dropped: "
    "0 to 100.",
    "agree_similarity": "Cosine from which two people say the same.",
    "consensus": "Share of the others who must say the same: 1 is all of them.",
    "min_annotators": "Fewest people who wrote of a completion.",
    "merge_similarity": "Cosine from which two wordings become one principle.",
}


class PrincipleForm(ProjectForm):
    text = forms.CharField(
        max_length=2000,
        widget=UnfoldAdminTextInputWidget,
        help_text="One thing that any completion keeps or breaks, as a sentence.",
    )


class ExtractionForm(ProjectForm):
    """Who reads, and which thresholds; those of the publication to begin with."""

    judge = forms.ModelChoiceField(
        queryset=Judge.objects.none(),
        required=False,
        empty_label="none: by rules, which know English",
        widget=UnfoldAdminSelectWidget,
        help_text="A judge of the project that answers in words.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        judges = Judge.objects.filter(
            project__in=self.mine,
            backend__in=[Judge.Backend.MODEL, Judge.Backend.ENDPOINT],
        )
        self.offer("judge", judges)
        for name, text in THRESHOLDS.items():
            usual = ExtractionSettings.model_fields[name].default
            whole = isinstance(usual, int) and name == "min_annotators"
            kind: Any = forms.IntegerField if whole else forms.FloatField
            widget = UnfoldAdminDecimalFieldWidget
            if whole:
                widget = UnfoldAdminIntegerFieldWidget
            self.fields[name] = kind(
                initial=usual,
                label=label_of(name),
                help_text=told(text, usual),
                widget=widget(),
            )


@admin.register(LibraryPrinciple)
class PrinciplePage(Starts):
    sees = "see_answers"
    adding = "Write a principle"
    empty = (
        "The library is empty. Write a principle, or let the project's rationales and "
        "critiques be read for some."
    )
    tones: ClassVar[Mapping[str, str]] = TONES
    list_display = ("text", "project", "state_shown", "origin", "said", "created_at")
    list_filter = (ProjectFilter, "state", "origin")
    search_fields = ("text",)
    list_before_template = "annotation/principles_before.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(times=Count("mentions"))

    @admin.display(description="said", ordering="times")
    def said(self, row: LibraryPrinciple) -> str:
        return f"{getattr(row, 'times', 0):,}"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.decide))
        name = "annotation_libraryprinciple_decide"
        return [
            path("<int:object_id>/decide/", view, name=name),
            *super().get_urls(),
        ]

    def decide(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Approve, reject or withdraw a principle."""
        row = cast(LibraryPrinciple, self.object_or_404(request, str(object_id)))
        if not may(request, "review", row.project):
            raise PermissionDenied("Reviewers decide on principles.")
        try:
            done = decide(
                principle=row,
                state=request.POST.get("decision", ""),
                user=cast(User, request.user),
            )
        except HoneError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"It is {done.state} now.")
        return HttpResponseRedirect(address(row))

    def start_view(self, request: HttpRequest) -> HttpResponse:
        given = request.POST if request.method == "POST" else None
        initial = {"project": request.GET.get("project")}
        form = PrincipleForm(given, request=request, initial=initial)
        if given is not None and form.is_valid():
            data = form.cleaned_data
            near = library.near_duplicates(data["project"], data["text"])
            try:
                row = library.write_principle(**data, user=cast(User, request.user))
            except HoneError as error:
                form.add_error("text", str(error))
            else:
                if near:
                    alike = "; ".join(shorten(each.text) for each in near)
                    messages.warning(request, f"It reads nearly like: {alike}")
                return HttpResponseRedirect(address(row))
        return self.page(
            request,
            "annotation/principle_form.html",
            title=self.adding,
            form=form,
            verb="Add it",
        )

    def own_page(self, request: HttpRequest, row: LibraryPrinciple) -> HttpResponse:
        mentions = row.mentions.select_related("feedback", "completion")
        decides = may(request, "review", row.project)
        return self.page(
            request,
            "annotation/principle.html",
            title=shorten(row.text, 60),
            original=row,
            row=row,
            state_badge_html=self.state_shown(row),
            total=mentions.count(),
            mentions=mentions.order_by("pk")[:100],
            decisions=[
                (state, word)
                for state, word in DECISIONS.items()
                if decides and row.state in FROM[state]
            ],
        )


@admin.register(Extraction)
class ExtractionPage(Starts):
    adding = "Read texts for principles"
    empty = (
        "No texts were read yet. Annotators write them where a project asks for a "
        "rationale or a critique."
    )
    list_display = ("project", "state_shown", "read", "new", "created_at")
    list_filter = (ProjectFilter, "state")

    @admin.display(description="texts read")
    def read(self, row: Extraction) -> str:
        return f"{row.counts.get('texts', 0):,}"

    @admin.display(description="new principles")
    def new(self, row: Extraction) -> str:
        return f"{row.counts.get('new principles', 0):,}"

    def start_view(self, request: HttpRequest) -> HttpResponse:
        given = request.POST if request.method == "POST" else None
        initial = {"project": request.GET.get("project")}
        form = ExtractionForm(given, request=request, initial=initial)
        if given is not None and form.is_valid():
            data = form.cleaned_data
            try:
                row = begin(
                    project=data["project"],
                    settings={name: data[name] for name in THRESHOLDS},
                    judge=data["judge"],
                    user=cast(User, request.user),
                )
            except HoneError as error:
                form.refused(error)
            else:
                return HttpResponseRedirect(address(row))
        return self.page(
            request,
            "annotation/principle_form.html",
            title=self.adding,
            form=form,
            verb="Read them",
        )

    def own_page(self, request: HttpRequest, row: Extraction) -> HttpResponse:
        return self.page(
            request,
            "annotation/extraction.html",
            title=str(row),
            original=row,
            row=row,
            counts=flat(row.counts),
            thresholds=flat(row.thresholds),
            may_read=may(request, "research", row.project),
        )
