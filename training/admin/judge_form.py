"""The form that sets up a judge: its columns, and its settings from their own types."""

from typing import Any, Literal, cast, get_args, get_origin
from uuid import UUID

from django import forms
from django.http import HttpRequest
from pydantic.fields import FieldInfo
from unfold.widgets import (
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from annotation.admin.forms import ProjectForm, label_of, told
from annotation.errors import HoneError
from annotation.models import Actor, Judge, Project
from annotation.models.judges import DIGITS, PLACES
from annotation.services.judge_settings import JudgeSettings
from training.admin.fields import number_box
from training.models import ModelVersion
from training.services.judges import save_judge

HELP = {
    "url": "Address of an endpoint, up to and with /v1.",
    "model": "What the endpoint calls the model.",
    "key": "Name of the environment variable of the workers that holds the key, "
    "HONE_JUDGE_KEY_…; never the key itself.",
    "logprobs": "Ask for log-probabilities; turn it off where the endpoint has none.",
    "samples": "Replies to a question where there are no log-probabilities.",
    "temperature": "Of those replies: 0 is the likeliest always, 1 is as it comes.",
    "max_tokens": "Tokens of a reply in words.",
    "timeout_seconds": "Seconds for one try, from connecting to the last byte.",
    "tries": "Tries of one call, with growing pauses between.",
    "per_minute": "Calls a minute at most; empty is no limit.",
    "method": "Ask directly, or write a rubric first and apply it.",
    "instructions": "What counts, in your words; empty takes Hone's.",
    "principle": "What a principle reward model is asked about in comparisons.",
    "min_mass": "Least probability on the offered letters together, 0 to 1; "
    "below it the judge abstains.",
    "on_change": "When the endpoint says that it runs another model: stop, or go on as "
    "another actor.",
    "tie_within": "This close to 0.5 it calls a tie, where the question offers one.",
    "dissent": "A panel escalates to people beyond this share on the smaller side.",
}
LABELS = {
    "model": "Model's name there",
    "key": "Key's variable",
    "logprobs": "Log-probabilities",
    "max_tokens": "Tokens at most",
    "timeout_seconds": "Patience",
    "per_minute": "Calls a minute at most",
    "min_mass": "Least mass on letters",
    "on_change": "Where the model changes",
}
FIRST = ("url", "model", "key", "logprobs", "instructions", "method")
LONG = ("instructions",)


def amount(label: str | None = None, help_text: str = "", **told: Any) -> forms.Field:
    """Return a box for an amount that the judge's columns can hold."""
    return forms.DecimalField(
        max_digits=DIGITS,
        decimal_places=PLACES,
        min_value=0,
        label=label,
        help_text=help_text,
        widget=number_box(),
        **told,
    )


def setting_field(name: str, info: FieldInfo) -> forms.Field:
    """Return a box for a setting; the settings' own type judges what is typed."""
    common: dict[str, Any] = {
        "label": LABELS.get(name) or label_of(name),
        "help_text": told(
            HELP[name], info.default if info.annotation is not bool else None
        ),
        "required": False,
    }
    if info.annotation is bool:
        return forms.BooleanField(
            initial=info.default, widget=UnfoldBooleanWidget, **common
        )
    if get_origin(info.annotation) is Literal:
        offered = [(each, each.replace("_", " ")) for each in get_args(info.annotation)]
        return forms.ChoiceField(
            choices=offered,
            initial=info.default,
            widget=UnfoldAdminSelectWidget,
            **common,
        )
    initial = "" if info.default is None else str(info.default)
    is_text = isinstance(info.default, str)
    box: forms.Widget = UnfoldAdminTextInputWidget() if is_text else number_box()
    if name in LONG:
        box = UnfoldAdminTextareaWidget(attrs={"rows": 4})
    return forms.CharField(initial=initial, widget=box, **common)


class JudgeForm(ProjectForm):
    """One judge: which AI, how it is asked, and what it may spend."""

    name = forms.CharField(
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text="What it is called here; its answers go by it.",
    )
    backend = forms.ChoiceField(
        choices=Judge.Backend.choices,
        initial=Judge.Backend.ENDPOINT,
        label="What is asked",
        help_text="Who gives the answers. The boxes for other kinds may stay empty.",
        widget=UnfoldAdminSelectWidget,
    )
    model_version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(),
        required=False,
        label="Model of ours",
        help_text="For a model of ours alone: a reward model, a policy or a judge.",
        widget=UnfoldAdminSelectWidget,
    )
    replays = forms.ModelChoiceField(
        queryset=Actor.objects.none(),
        required=False,
        label="Recorded actor",
        help_text="For recorded labels alone: whose imported labels are given again.",
        widget=UnfoldAdminSelectWidget,
    )
    members = forms.ModelMultipleChoiceField(
        queryset=Judge.objects.none(),
        required=False,
        label="Members of the panel",
        help_text="For a panel alone: two judges or more, each asked on its own.",
        widget=UnfoldAdminSelectMultipleWidget,
    )
    price_prompt = amount(
        "Price of reading",
        "Money for a million tokens of prompt; 0 is free.",
        initial=0,
    )
    price_completion = amount(
        "Price of writing", "Money for a million tokens of reply; 0 is free.", initial=0
    )
    budget = amount(
        help_text="The most it may ever spend, in the same money. Empty: no limit.",
        required=False,
    )
    concurrency = forms.IntegerField(
        min_value=1,
        max_value=256,
        initial=4,
        label="Calls at once",
        help_text="Calls that are under way at the same time; 4 to begin with.",
        widget=number_box(),
    )

    def __init__(self, *args: Any, judge: Judge | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.judge = judge
        mine = [judge.project_id] if judge else self.mine
        if judge:
            self.offer("project", Project.objects.filter(pk=judge.project_id))
        models = ModelVersion.objects.exclude(role=ModelVersion.Role.ENCODER)
        self.offer(
            "model_version",
            models.filter(project__in=mine) | models.filter(project=None),
        )
        self.offer("replays", Actor.objects.filter(project__in=mine, user=None))
        judges = Judge.objects.filter(project__in=mine).exclude(backend="panel")
        self.offer("members", judges)
        for name, info in JudgeSettings.model_fields.items():
            self.fields[f"set_{name}"] = setting_field(name, info)

    def what(self) -> list[forms.BoundField]:
        names = ("project", "name", "backend", "model_version", "replays", "members")
        return [self[name] for name in names]

    def first(self) -> list[forms.BoundField]:
        return [self[f"set_{name}"] for name in FIRST]

    def money(self) -> list[forms.BoundField]:
        names = ("price_prompt", "price_completion", "budget", "concurrency")
        return [self[name] for name in names]

    def others(self) -> list[forms.BoundField]:
        return [
            self[f"set_{name}"]
            for name in JudgeSettings.model_fields
            if name not in FIRST
        ]

    def others_have_errors(self) -> bool:
        return any(field.errors for field in self.others())

    def settings(self) -> dict[str, Any]:
        """Return what was set, without what is the default anyway."""
        found: dict[str, Any] = {}
        for name, info in JudgeSettings.model_fields.items():
            raw = self.cleaned_data.get(f"set_{name}")
            if info.annotation is bool:
                value: Any = bool(raw)
            else:
                value = (
                    str(raw or "").strip().replace(",", ".")
                    if _is_number(info)
                    else str(raw or "").strip()
                )
                if value == "" and not isinstance(info.default, str):
                    value = None
            if value is not None and value != info.default:
                found[name] = value
        return found

    def save(self, request: HttpRequest) -> Judge | None:
        """Write the judge, or put the refusal on the fields and return None."""
        data = self.cleaned_data
        judge = self.judge or Judge(created_by_id=request.user.pk)
        model = data["model_version"]
        judge.project, judge.name = data["project"], data["name"]
        judge.backend = data["backend"]
        judge.model_version = cast(UUID, model.pk) if model else None
        judge.replays = data["replays"]
        judge.settings = self.settings()
        judge.price_prompt = data["price_prompt"]
        judge.price_completion = data["price_completion"]
        judge.budget, judge.concurrency = data["budget"], data["concurrency"]
        try:
            return save_judge(judge, members=list(data["members"]))
        except HoneError as error:
            self.refused(error)
            return None


def _is_number(info: FieldInfo) -> bool:
    return not isinstance(info.default, str)
