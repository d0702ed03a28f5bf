"""Imports: a file goes in through the panel, and its page says what became of it."""

from typing import Any, cast, get_args

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from annotation.admin.forms import OwnForm, ProjectForm
from annotation.admin.scope import ProjectFilter, projects
from annotation.admin.starting import Starts
from annotation.errors import HoneError
from annotation.models import Import
from annotation.services.importing import ImportOptions
from annotation.services.importing.grouping import MOST
from annotation.services.importing.options import Layout
from annotation.services.importing.queued import receive
from annotation.services.media import TYPES as IMAGE_TYPES
from annotation.show import address

LAYOUTS = {
    "auto": "tell each row's layout by its fields",
    "neutral": "neutral: rows with every label under its own actor",
    "trl": "TRL: preferences, good or bad, examples, steps",
    "bare": "bare: prompts with one or more completions",
    "feedback": "feedback, as Hone exports it",
}
PAIRS = {"all": "all pairs", "chain": "each with the next"}
COUNTED = {
    "rows": "rows read",
    "bad_rows": "bad rows",
    "prompts": "new prompts",
    "completions": "new completions",
    "tasks": "new tasks",
    "answers": "new answers",
    "known_answers": "answers known",
    "warnings": "warnings",
}


class ImportForm(ProjectForm):
    """A file, where it goes and how it is read."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="JSONL, JSONL in gzip, or Parquet.",
    )
    layout = forms.ChoiceField(
        choices=[(name, LAYOUTS.get(name, name)) for name in get_args(Layout)],
        widget=UnfoldAdminSelectWidget,
        help_text="How its rows are written. Telling them apart by their fields is "
        "right for nearly every file.",
    )
    completions = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST,
        label="Completions of a task",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Of bare rows. Empty: pairs for comparisons, all for an order, "
        "one at a time for what is asked of each.",
    )
    pairs = forms.ChoiceField(
        choices=list(PAIRS.items()),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Of bare rows that are compared.",
    )
    strict = forms.BooleanField(
        required=False,
        label="All rows or none",
        widget=UnfoldBooleanWidget,
        help_text="One bad row, and nothing of the file goes in. Otherwise bad rows "
        "are left out and named.",
    )
    closed = forms.BooleanField(
        required=False,
        label="Do not ask people about it",
        widget=UnfoldBooleanWidget,
        help_text="For files whose labels are all that is wanted.",
    )


class ImageForm(OwnForm):
    """An image to upload beside the file; its script speaks to the API."""

    file = forms.FileField(
        required=False,
        label="Image",
        widget=UnfoldAdminFileFieldWidget,
        help_text="PNG, JPEG, GIF, WebP or AVIF.",
    )
    alt = forms.CharField(
        required=False,
        max_length=300,
        label="What it shows",
        widget=UnfoldAdminTextInputWidget,
        help_text="For people who cannot see it, and for models that read text alone.",
    )
    markdown = forms.CharField(
        required=False,
        label="The line for the text",
        widget=UnfoldAdminTextInputWidget,
        help_text="Appears once the image is stored; put it into a prompt or reply.",
    )

    def __init__(self) -> None:
        super().__init__(prefix="image")
        self.fields["file"].widget.attrs["accept"] = ",".join(
            type_ for type_, _ in IMAGE_TYPES.values()
        )
        self.fields["markdown"].widget.attrs["readonly"] = True


@admin.register(Import)
class ImportPage(Starts):
    adding = "Import a file"
    empty = (
        "Nothing was imported yet. A file of prompts with completions becomes tasks; "
        "one with labels trains as it is."
    )
    list_display = ("name", "project", "state_shown", "rows", "bad", "created_at")
    list_filter = (ProjectFilter, "state")
    search_fields = ("name",)

    @admin.display(description="rows")
    def rows(self, row: Import) -> str:
        return f"{row.counts.get('rows', 0):,}"

    @admin.display(description="bad rows")
    def bad(self, row: Import) -> str:
        return f"{row.counts.get('bad_rows', 0):,}"

    def start_view(self, request: HttpRequest) -> HttpResponse:
        posted = request.method == "POST"
        form = ImportForm(
            request.POST if posted else None,
            request.FILES if posted else None,
            request=request,
            initial={"project": request.GET.get("project")},
        )
        if posted and form.is_valid():
            return self._take(request, form.cleaned_data)
        return self.page(
            request,
            "annotation/import_form.html",
            title=self.adding,
            form=form,
            image_form=ImageForm(),
            image_max_bytes=settings.MEDIA_MAX_BYTES,
            image_projects={
                pk: each.slug for pk, each in projects(request, "research").items()
            },
        )

    def _take(self, request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
        """Import an upload and go to the page that says what became of it."""
        upload = cast("UploadedFile[Any]", given["file"])
        options = ImportOptions(
            layout=given["layout"],
            strict=given["strict"],
            closed=given["closed"],
            completions=given["completions"],
            pairs=given["pairs"] or "all",
        )
        try:
            row = receive(
                project=given["project"],
                name=str(upload.name),
                pieces=upload.chunks(),
                options=options,
                user=cast(AbstractBaseUser, request.user),
            )
        except HoneError as error:
            messages.error(request, str(error))
            # Where something was read, a row says which lines are at fault.
            kept = given["project"].imports.filter(name=str(upload.name)[:300]).first()
            if kept is None or kept.state == Import.State.DONE:
                return HttpResponseRedirect(request.get_full_path())
            row = kept
        return HttpResponseRedirect(address(row))

    def own_page(self, request: HttpRequest, row: Import) -> HttpResponse:
        return self.page(
            request,
            "annotation/import.html",
            title=row.name,
            original=row,
            row=row,
            sentence=sentence(row),
            figures=[
                (word, row.counts[name])
                for name, word in COUNTED.items()
                if row.counts.get(name) or name in ("rows", "bad_rows", "tasks")
                if name in row.counts
            ],
        )


def sentence(row: Import) -> str:
    """Return what became of a file, in one sentence."""
    if row.state == Import.State.RUNNING:
        return "It is being read; this page looks again by itself."
    bad = row.counts.get("bad_rows", 0)
    if row.state == Import.State.FAILED:
        if row.strict and bad:
            return "Nothing went in: it was to be all rows or none, and some are bad."
        return "It could not be read. What was expected and found is said below."
    added = row.counts.get("tasks", 0) + row.counts.get("answers", 0)
    added += row.counts.get("prompts", 0) + row.counts.get("completions", 0)
    if not added and not bad:
        return "All of it was here already: nothing was added."
    if bad:
        return f"It went in, but for {bad:,} bad rows, which are named below."
    return "All of it went in."
