"""Editing a project's questions: what is saved is the next version.

One form a question for what all kinds share; what is particular to a kind, such as
its scale, is JSON. Everything is checked by the rules of `annotation/protocols/`, and
each message stands at the field that it is about.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from annotation.errors import InvalidInput
from annotation.protocols.presets import PRESETS
from annotation.protocols.questions import Common, dump_questions, parse_questions

Questions = list[dict[str, Any]]
SHARED = ("id", "text", "help", "criterion", "required", "reason", "stage", "reveal")
KINDS = {
    get_args(kind.model_fields["kind"].annotation)[0]: (kind.__doc__ or "").split("\n")[
        0
    ]
    for kind in Common.__subclasses__()
}
# What a kind needs besides, where no preset shows it.
FURTHER = {
    "best_worst": {},
    "step": {
        "labels": [
            {"id": "correct", "label": "Correct"},
            {"id": "wrong", "label": "Wrong"},
        ],
        "first_error": False,
    },
}


def particulars(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a question holds besides what all kinds share."""
    shared = {*SHARED, "kind"}
    return {name: value for name, value in question.items() if name not in shared}


def examples() -> dict[str, str]:
    """Return settings to begin with, as JSON, for each kind."""
    found: dict[str, Any] = dict(FURTHER)
    for preset in PRESETS.values():
        for question in preset.questions:
            found.setdefault(question["kind"], particulars(question))
    return {kind: as_json(found[kind]) for kind in KINDS}


def as_json(settings: Mapping[str, Any]) -> str:
    """Return settings as one reads and edits them, without what is as usual."""
    told = {name: value for name, value in settings.items() if value not in (None, [])}
    return json.dumps(told, indent=2, ensure_ascii=False)


if TYPE_CHECKING:
    FormSet = forms.BaseFormSet["QuestionForm"]
else:
    FormSet = forms.BaseFormSet  # takes no parameter when it runs


class QuestionForm(forms.Form):
    """One question. Nothing is checked here but that the settings are JSON."""

    kind = forms.ChoiceField(
        choices=[("", "choose a kind"), *((kind, kind) for kind in KINDS)],
        widget=UnfoldAdminSelectWidget,
    )
    id = forms.CharField(
        required=False,
        label="Name",
        help_text="Answers go by it: keep it while the question means the same.",
        widget=UnfoldAdminTextInputWidget,
    )
    text = forms.CharField(
        required=False, label="Wording", widget=UnfoldAdminTextInputWidget
    )
    help = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
    criterion = forms.CharField(
        required=False,
        help_text="What is judged, such as helpful; empty: overall.",
        widget=UnfoldAdminTextInputWidget,
    )
    required = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )
    reason = forms.ChoiceField(
        choices=[(each, each) for each in ("off", "optional", "required")],
        initial="off",
        label="Reason in words",
        widget=UnfoldAdminSelectWidget,
    )
    stage = forms.IntegerField(
        initial=0,
        min_value=0,
        max_value=9,
        help_text="Asked when the stages before are answered.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    reveal = forms.ChoiceField(
        choices=[("none", "nothing"), ("outcome", "what came of each completion")],
        initial="none",
        label="Shows from here on",
        widget=UnfoldAdminSelectWidget,
    )
    settings = forms.CharField(
        required=False,
        label="Settings of the kind",
        help_text="JSON: scale, categories and so on, as docs/protocols.md lists them.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "spellcheck": "false"}),
    )

    def clean_settings(self) -> dict[str, Any]:
        given = str(self.cleaned_data["settings"]).strip() or "{}"
        try:
            settings = json.loads(given)
        except ValueError as error:
            raise forms.ValidationError(f"This is not JSON: {error}.") from error
        if not isinstance(settings, dict):
            raise forms.ValidationError("Expected an object: {…}.")
        elsewhere = [name for name in settings if name in (*SHARED, "kind")]
        if elsewhere:
            raise forms.ValidationError(f"{elsewhere[0]} has a field of its own above.")
        return settings

    def question(self) -> dict[str, Any]:
        """Return the question as it would be stored, unchecked."""
        given = self.cleaned_data
        shared = {name: given[name] for name in SHARED}
        criterion = given["criterion"].strip() or None
        return {
            **given["settings"],
            **shared,
            "criterion": criterion,
            "kind": given["kind"],
        }


class QuestionList(FormSet):
    """All questions of a version, in order."""

    questions: Questions

    def clean(self) -> None:
        """Hold all of them against the rules; put each message at its field."""
        if any(self.errors) or not self.management_form.is_valid():
            return
        asked = [form for form in self.ordered_forms if form.cleaned_data.get("kind")]
        try:
            self.questions = dump_questions(
                parse_questions([form.question() for form in asked])
            )
        except InvalidInput as error:
            self.show(error.fields, asked)
            raise forms.ValidationError(error.message) from error

    def show(
        self, problems: Sequence[Mapping[str, Any]], asked: Sequence[QuestionForm]
    ) -> None:
        """Put problems, whose paths begin with a question's place, at their fields."""
        for problem in problems:
            place, _, rest = str(problem["path"]).partition(".")
            if not place.isdigit():
                raise forms.ValidationError(f"The {problem['message']}.")
            field = rest.split(".")[0]
            form = asked[int(place)]
            if field in form.fields and field != "settings":
                form.add_error(field, f"It {problem['message']}.")
            else:
                named = f"{rest} {problem['message']}" if rest else problem["message"]
                form.add_error("settings", f"{named}.")


QuestionFormSet = forms.formset_factory(
    QuestionForm, formset=QuestionList, extra=1, can_order=True, can_delete=True
)


def initial_of(questions: Questions) -> list[dict[str, Any]]:
    """Return what the forms show of stored questions."""
    return [
        {
            **{name: question[name] for name in SHARED},
            "kind": question["kind"],
            "criterion": question["criterion"] or "",
            "settings": as_json(particulars(question)),
        }
        for question in dump_questions(parse_questions(questions))
    ]
