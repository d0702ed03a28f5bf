"""Forms of the panel's own pages: the reader's projects, help, and refusals."""

from typing import Any, ClassVar, cast

from django import forms
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from annotation.admin.scope import projects
from annotation.errors import HoneError
from annotation.models import Project
from annotation.permissions import Capability

SPELLED = {"ai": "AI", "kl": "KL", "ppo": "PPO", "url": "URL", "sha256": "SHA-256"}


def label_of(name: str) -> str:
    """Return a setting's name as people write it: "kl_coef" is "KL coef"."""
    words = [SPELLED.get(word, word) for word in name.split("_")]
    said = " ".join(words)
    return said[:1].upper() + said[1:]


def told(help_text: str, default: Any) -> str:
    """Return what a setting does, with what it is where nobody says otherwise."""
    if default is None or default == "":
        return help_text
    if isinstance(default, bool):
        usual = "on" if default else "off"
    else:
        usual = f"{default:g}" if isinstance(default, float) else str(default)
    return f"{help_text} Default: {usual}."


class Box(forms.BoundField):
    """A field as `annotation/field.html` draws it, which holds its help and errors."""

    def build_widget_attrs(
        self, attrs: dict[str, Any], widget: forms.Widget | None = None
    ) -> dict[str, Any]:
        """Tie the box to its help; of several boxes, the fieldset around is tied."""
        if not self.use_fieldset:
            attrs = {"aria-describedby": f"help_{self.html_name}", **attrs}
        return super().build_widget_attrs(attrs, widget)


class OwnForm(forms.Form):
    """A form that a service judges: what it refuses is said where it was typed."""

    bound_field_class = Box

    def box_of(self, path: str) -> str | None:
        """Return the field for a service's word for it, or None."""
        rest = path.removeprefix("settings.")
        named = (path, rest, f"set_{rest}")
        return next((name for name in named if name in self.fields), None)

    def refused(self, error: HoneError) -> None:
        """Put a refusal on the fields that it names, else above the form."""
        placed = False
        for item in error.fields:
            if (name := self.box_of(str(item["path"]))) is not None:
                message, found = str(item["message"]), item.get("value")
                words = message[:1].upper() + message[1:]
                if found not in (None, "", "…"):
                    words = f"{words}; found {found}"
                self.add_error(name, words.removesuffix(".") + ".")
                placed = True
        if not placed:
            self.add_error(None, str(error))


class ProjectForm(OwnForm):
    """A form that begins with one of the reader's projects."""

    takes: ClassVar[Capability] = "research"

    project = forms.ModelChoiceField(
        queryset=Project.objects.none(),
        empty_label=None,
        help_text="Where it belongs, and whose members see it.",
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.mine = list(projects(request, self.takes))
        self.offer("project", Project.objects.filter(pk__in=self.mine).order_by("name"))

    def offer(self, name: str, queryset: Any) -> None:
        """Let a field choose among these rows."""
        cast("forms.ModelChoiceField[Any]", self.fields[name]).queryset = queryset
