"""The form that starts curation: a project, a kind, and the kind's own settings."""

from typing import Any, cast, get_origin

from django import forms
from django.db.models import Q
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from annotation.admin.scope import projects
from annotation.errors import HoneError
from annotation.models import Judge, Project
from training.admin.fields import number_box
from training.models import CurationJob, ModelVersion, Snapshot
from training.services.curation_jobs import SETTINGS, USES, create_job

KINDS = {
    "verify": "Set labels of people apart that steer and measure, and never train.",
    "iterate": "Find pairs near what the reward model gets wrong, and have a judge "
    "answer them with verified pairs as examples.",
    "votes": "Let reward models that never met a label vote on it: suspected flips, "
    "bands of strength, and who is asked again.",
    "recycle": "Hold labels against models, the verified pool and judges: keep them, "
    "turn them round, leave them out, or ask again.",
}


class CurationForm(forms.Form):
    """What is curated, and how; the service judges what is typed."""

    project = forms.ModelChoiceField(
        queryset=Project.objects.none(),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(
        self, *args: Any, request: HttpRequest, kind: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.request = kind, request
        mine = list(projects(request, "research"))
        project = cast("forms.ModelChoiceField[Project]", self.fields["project"])
        project.queryset = Project.objects.filter(pk__in=mine).order_by("name")
        rows = Q(project__in=mine)
        named: dict[str, Any] = {
            "model": ModelVersion.objects.filter(rows, role="reward"),
            "judge": Judge.objects.filter(rows).order_by("name"),
            "snapshot": Snapshot.objects.filter(rows, view="pairs", state="ready"),
        }
        for name, info in SETTINGS[kind].model_fields.items():
            told: dict[str, Any] = {
                "label": name.replace("_", " ").capitalize(),
                "help_text": info.description or "",
            }
            if name in named:
                self.fields[name] = forms.ModelChoiceField(
                    queryset=named[name],
                    empty_label=None,
                    widget=UnfoldAdminSelectWidget,
                    **told,
                )
            elif get_origin(info.annotation) is not None:
                self.fields[name] = forms.ChoiceField(
                    choices=[(use, f"{use}: {words}") for use, words in USES.items()],
                    widget=UnfoldAdminSelectWidget,
                    **told,
                )
            else:
                self.fields[name] = forms.CharField(
                    required=False,
                    initial=f"{info.default:g}",
                    widget=number_box(),
                    **told,
                )
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"help_{name}"

    def settings(self) -> dict[str, Any]:
        """Return what was typed; what was left empty is the default."""
        found = {}
        for name in SETTINGS[self.kind].model_fields:
            value = self.cleaned_data.get(name)
            if value not in (None, ""):
                found[name] = str(getattr(value, "pk", value)).replace(",", ".")
        return found

    def start(self) -> CurationJob | None:
        """Start the job, or put the refusal on the fields and return None."""
        try:
            return create_job(
                project=self.cleaned_data["project"],
                kind=self.kind,
                settings=self.settings(),
                by=cast(Any, self.request.user),
            )
        except HoneError as error:
            placed = False
            for item in error.fields:
                if item["path"] in self.fields:
                    self.add_error(str(item["path"]), str(item["message"]))
                    placed = True
            if not placed:
                self.add_error(None, str(error))
            return None
