"""Snapshots: frozen batches of feedback, with what they hold and what they left out."""

from datetime import datetime, time
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.timezone import make_aware
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from annotation.admin.feedback import summary
from annotation.admin.forms import ProjectForm
from annotation.admin.scope import ProjectFilter, may
from annotation.admin.starting import Starts
from annotation.errors import HoneError
from annotation.models import Actor
from annotation.numbers import whole_number
from annotation.projections.trl import shapes_of
from annotation.projections.views import VIEWS
from annotation.show import address
from config.dispatch import enqueue
from training.admin.methods import taking
from training.api.snapshots import FILES, FREEZE
from training.models import Snapshot
from training.services.freezing import create_snapshot

DROPPED = {
    "compare: both_bad": "both were bad: neither is preferred",
    "compare: unsure": "the annotator was unsure",
    "tie": "ties, which this filter drops",
    "control task": "control tasks, whose answers are known",
    "verified pool": "the verified pool, which steers and never trains",
    "superseded": "corrected later by the same person",
    "task flagged as bad": "flagged as a bad task",
}
EXPORTS = {
    "rows": "rows of the view, each with its source",
    "trl": "TRL's format for them",
    "trl-conversational": "TRL's, conversational",
}


class FreezeForm(ProjectForm):
    """Which feedback to freeze, and whether its labels are merged."""

    name = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="Empty: a short name is made.",
    )
    view = forms.ChoiceField(
        label="View",
        choices=[
            (view.name, f"{view.name}: {view.summary}") for view in VIEWS.values()
        ],
        widget=UnfoldAdminSelectWidget,
        help_text="What a row is. The method that learns from it says which it needs.",
    )
    aggregate = forms.ChoiceField(
        label="Rows",
        choices=[
            ("label", "one row a label"),
            ("consensus", "one row a task: what its labels say together"),
            (
                "reliability",
                "one row a task: its labels, each by how reliable its annotator is",
            ),
        ],
        widget=UnfoldAdminSelectWidget,
        help_text="Where several answered a task: a row for each answer, or one.",
    )
    kinds = forms.MultipleChoiceField(
        label="Whose labels",
        choices=Actor.Kind.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None ticked: everybody's.",
    )
    rounds = forms.CharField(
        required=False,
        label="Rounds",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "all"}),
        help_text="Numbers with commas between; 0 is what was imported.",
    )
    keep_ties = forms.BooleanField(
        required=False,
        initial=True,
        label="Keep ties, as rows with soft label 0.5",
        widget=UnfoldBooleanWidget,
        help_text="Methods that take no ties leave them out, and say how many.",
    )
    since = forms.DateField(
        required=False,
        label="Answers from",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text="This day and later; empty: from the first answer on.",
    )
    until = forms.DateField(
        required=False,
        label="Answers before",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text="Earlier than this day alone; empty: up to now.",
    )

    def clean_rounds(self) -> list[int] | None:
        parts = str(self.cleaned_data["rounds"]).replace(" ", "").split(",")
        parts = [part for part in parts if part]
        numbers = [whole_number(part) for part in parts]
        if None in numbers:
            raise forms.ValidationError(
                f"Expected numbers such as 0, 1; found {', '.join(parts)[:100]}."
            )
        return [number for number in numbers if number is not None] or None

    def query(self) -> dict[str, Any]:
        """Return the filter as the view reads it, with what says nothing left out."""
        data = self.cleaned_data
        query: dict[str, Any] = {
            "aggregate": data["aggregate"],
            "ties": "keep" if data["keep_ties"] else "drop",
        }
        for name in ("kinds", "rounds"):
            if data[name]:
                query[name] = data[name]
        for name in ("since", "until"):
            if data[name]:
                moment = make_aware(datetime.combine(data[name], time.min))
                query[name] = moment.isoformat()
        return query


@admin.register(Snapshot)
class SnapshotPage(Starts):
    adding = "Freeze a snapshot"
    empty = (
        "Nothing is frozen yet. A snapshot is a batch of answers that never changes; "
        "runs learn from snapshots alone."
    )
    list_display = ("name", "project", "state_shown", "rows", "view", "created_at")
    list_filter = (ProjectFilter, "state")
    search_fields = ("name", "=id")

    def start_view(self, request: HttpRequest) -> HttpResponse:
        given = request.POST if request.method == "POST" else None
        asked = {name: request.GET.get(name) for name in ("project", "view")}
        form = FreezeForm(given, request=request, initial=asked)
        if given is not None and form.is_valid():
            try:
                snapshot = create_snapshot(
                    project=form.cleaned_data["project"],
                    name=form.cleaned_data["name"],
                    view=form.cleaned_data["view"],
                    query=form.query(),
                    user=cast(AbstractBaseUser, request.user),
                )
            except HoneError as error:
                form.add_error(None, str(error))
            else:
                enqueue(FREEZE, str(snapshot.pk))
                return HttpResponseRedirect(address(snapshot))
        return self.page(
            request,
            "training/freeze.html",
            title=self.adding,
            form=form,
        )

    def own_page(self, request: HttpRequest, snapshot: Snapshot) -> HttpResponse:
        manifest = snapshot.manifest
        waits = snapshot.state in (Snapshot.State.QUEUED, Snapshot.State.RUNNING)
        return self.page(
            request,
            "training/snapshot.html",
            title=snapshot.name,
            original=snapshot,
            snapshot=snapshot,
            manifest=manifest,
            waits=waits,
            counts=[
                (split, count, (manifest.get("ties") or {}).get(split, 0))
                for split in ("train", "validation", "test")
                if (count := (manifest.get("counts") or {}).get(split)) is not None
            ],
            dropped=[
                (DROPPED.get(why, why.replace("_", " ")), count)
                for why, count in sorted(
                    (manifest.get("dropped") or {}).items(), key=lambda one: -one[1]
                )
            ],
            runs=snapshot.runs.order_by("-created_at")[:50],
            rounds=snapshot.rounds.all(),
            members=[
                (member.feedback, summary(member.feedback.judgments))
                for member in snapshot.members.select_related(
                    "feedback__actor"
                ).order_by("id")[:10]
            ],
            members_count=manifest.get("feedback"),
            conditions=manifest.get("conditions"),
            may_train=may(request, "train", snapshot.project),
            methods=taking(snapshot.view),
            exports=[(shape, EXPORTS[shape]) for shape in shapes_of(snapshot.view)],
            files=FILES,
            export_query=urlencode(
                {
                    name: snapshot.query[name]
                    for name in ("aggregate", "ties")
                    if name in snapshot.query
                }
            ),
        )
