"""The form that starts a round, built from the round's own settings."""

from collections.abc import Iterable
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

from django import forms
from pydantic.fields import FieldInfo
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from annotation.admin.forms import ProjectForm, label_of, told
from annotation.errors import HoneError
from annotation.models import Judge
from training.admin.fields import number_box
from training.admin.routing_form import WORDS as POLICIES
from training.models import ModelVersion, Round
from training.services import rounds
from training.services.round_settings import RoundSettings

SIMPLE = (int, float, bool, str)
FIRST = (
    "min_labels",
    "prompts",
    "samples",
    "pairs",
    "strategy",
    "random_share",
    "gate",
    "gate_judge",
    "seconds",
)
"""The settings that are shown first; the other simple ones are behind a fold."""
WHO = (
    "routing",
    "judge",
    "human_share",
    "audit_share",
    "human_cost",
    "ai_cost",
    "max_spend",
    "ai_confidence",
    "judge_doubt",
    "overlap",
)
"""The settings that say who answers the queue."""
LABELS = {
    "routing": "Policy of routing",
    "human_share": "People's share at most",
    "audit_share": "Exploration floor",
    "human_cost": "Cost of a person's answer",
    "ai_cost": "Cost of a judge's answer",
    "max_spend": "Money at most",
    "ai_confidence": "Sure enough for a judge",
    "judge_doubt": "A judge's doubt",
    "overlap": "People for each pair",
}
WORDS: dict[str, dict[str, str]] = {"routing": POLICIES}
"""What the choices of a setting mean, where their names do not say it."""


def kind_of(info: FieldInfo) -> type | None:
    """Return the plain type of a setting, or None for recipes and filters.

    A choice among words is text.
    """
    if get_origin(info.annotation) is Literal:
        return str
    is_union = get_origin(info.annotation) in (Union, UnionType)
    kinds = get_args(info.annotation) if is_union else (info.annotation,)
    plain = [kind for kind in kinds if kind in SIMPLE]
    return cast(type, plain[0]) if plain else None


SETTINGS = {
    name: (info, kind)
    for name, info in RoundSettings.model_fields.items()
    if (kind := kind_of(info)) is not None
}


def setting_field(name: str, info: FieldInfo, kind: type) -> forms.Field:
    """Return a box for a setting; the service judges what is typed."""
    common: dict[str, Any] = {
        "label": LABELS.get(name) or label_of(name),
        "help_text": told(
            info.description or "", info.default if kind is not bool else None
        ),
        "required": False,
    }
    if kind is bool:
        return forms.BooleanField(
            initial=info.default, widget=UnfoldBooleanWidget, **common
        )
    if get_origin(info.annotation) is Literal:
        means = WORDS.get(name, {})
        words = [
            (word, f"{word}: {means[word]}" if word in means else word)
            for word in get_args(info.annotation)
        ]
        return forms.ChoiceField(
            choices=words,
            initial=info.default,
            widget=UnfoldAdminSelectWidget(),
            **common,
        )
    initial = "" if info.default is None else str(info.default)
    box = UnfoldAdminTextInputWidget() if kind is str else number_box()
    return forms.CharField(initial=initial, widget=box, **common)


def _judge_field(mine: Iterable[int]) -> forms.ChoiceField:
    """Return the choice among the judges and panels of one's projects."""
    judges = Judge.objects.filter(project__in=mine).select_related("project")
    named = [(str(each.pk), f"{each} ({each.project})") for each in judges]
    return forms.ChoiceField(
        choices=[("", "the round's own reward model"), *named],
        required=False,
        label="Who answers besides people",
        help_text="A judge or a panel of the project, at its own cost.",
        widget=UnfoldAdminSelectWidget(),
    )


class RoundForm(ProjectForm):
    """Where a round starts, what starts its training, and how it asks again."""

    policy = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(),
        required=False,
        label="Policy it starts from",
        empty_label="the last round's outcome, or the base model",
        help_text="The policy that is trained further and sampled from.",
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        policies = ModelVersion.objects.filter(role="policy")
        self.offer(
            "policy",
            policies.filter(project__in=self.mine) | policies.filter(project=None),
        )
        for name, (info, kind) in SETTINGS.items():
            self.fields[f"set_{name}"] = setting_field(name, info, kind)
        self.fields["set_judge"] = _judge_field(self.mine)

    def where(self) -> list[forms.BoundField]:
        return [self["project"], self["policy"]]

    def first(self) -> list[forms.BoundField]:
        return [self[f"set_{name}"] for name in FIRST]

    def who(self) -> list[forms.BoundField]:
        return [self[f"set_{name}"] for name in WHO]

    def others(self) -> list[forms.BoundField]:
        shown = (*FIRST, *WHO)
        return [self[f"set_{name}"] for name in SETTINGS if name not in shown]

    def others_have_errors(self) -> bool:
        return any(field.errors for field in self.others())

    def settings(self, last: Round | None) -> dict[str, Any]:
        """Return the settings; recipes are the last round's, as they are not shown."""
        kept = {
            name: value
            for name, value in (last.settings if last else {}).items()
            if name not in SETTINGS
        }
        for name, (_, kind) in SETTINGS.items():
            raw = self.cleaned_data.get(f"set_{name}")
            if kind is bool:
                kept[name] = bool(raw)
                continue
            text = str(raw or "").strip()
            if kind is str:
                kept[name] = text or RoundSettings.model_fields[name].default
            elif text:
                kept[name] = _number(text)
            elif RoundSettings.model_fields[name].default is None:
                kept[name] = None
        return kept

    def start(self) -> Round | None:
        """Start the round, or put the refusal on the fields and return None."""
        project = self.cleaned_data["project"]
        last = project.rounds.order_by("-number").first()
        try:
            return rounds.start(
                project=project,
                settings=self.settings(last),
                policy=self.cleaned_data["policy"],
            )
        except HoneError as error:
            self.refused(error)
            return None


def _number(text: str) -> int | float | str:
    """Return what was typed as a number, or as it is for the service to refuse."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return text
    return int(value) if value.is_integer() else value
