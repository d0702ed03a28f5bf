"""The form that starts curation: a project, a kind, and the kind's own settings."""

from typing import Any, cast, get_origin

from django import forms
from django.db.models import Q
from unfold.widgets import UnfoldAdminSelectWidget

from annotation.admin.forms import ProjectForm, label_of, told
from annotation.errors import HoneError
from annotation.models import Judge
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

NEEDED = {
    "model": "There is no reward model yet: train one on a snapshot first.",
    "judge": "There is no judge yet: set one up first.",
    "snapshot": "There is no snapshot of pairs yet: freeze one first.",
}
LABELS = {
    "share": "Share of the labels",
    "model": "Reward model",
    "most": "Pairs at most",
    "examples": "Examples a question",
    "use": "Doubted labels",
    "models": "Reward models that vote",
    "ask_again": "Asked again",
}


class CurationForm(ProjectForm):
    """What is curated, and how; the service judges what is typed."""

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        rows = Q(project__in=self.mine)
        named: dict[str, Any] = {
            "model": ModelVersion.objects.filter(rows, role="reward"),
            "judge": Judge.objects.filter(rows).order_by("name"),
            "snapshot": Snapshot.objects.filter(rows, view="pairs", state="ready"),
        }
        for name, info in SETTINGS[kind].model_fields.items():
            common: dict[str, Any] = {
                "label": LABELS.get(name) or label_of(name),
                "help_text": told(
                    info.description or "", None if info.is_required() else info.default
                ),
            }
            if name in named:
                self.fields[name] = forms.ModelChoiceField(
                    queryset=named[name],
                    empty_label=None,
                    widget=UnfoldAdminSelectWidget,
                    **common,
                )
            elif get_origin(info.annotation) is not None:
                self.fields[name] = forms.ChoiceField(
                    choices=[(use, f"{use}: {words}") for use, words in USES.items()],
                    widget=UnfoldAdminSelectWidget,
                    **common,
                )
            else:
                self.fields[name] = forms.CharField(
                    required=False,
                    initial=f"{info.default:g}",
                    widget=number_box(),
                    **common,
                )

    def missing(self) -> list[str]:
        """Return what a box has nothing to offer of, with what makes one."""
        return [
            advice
            for name, advice in NEEDED.items()
            if isinstance(field := self.fields.get(name), forms.ModelChoiceField)
            and field.queryset is not None
            and not field.queryset.exists()
        ]

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
            self.refused(error)
            return None
