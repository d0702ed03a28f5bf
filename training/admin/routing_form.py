"""The form that has a routing plan predicted: the project, its queue, the costs."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from annotation.admin.forms import ProjectForm, label_of, told
from annotation.errors import HoneError
from training.models import RoutingPlan
from training.services import routing
from training.services.routing_settings import RoutingSettings

WORDS = {
    "default": "whatever is known to work best here",
    "random": "at random",
    "all-ai": "judges answer all but the floor",
    "all-human": "people answer everything",
    "quotas": "fixed shares by feature",
    "uncertainty": "where the reward model is unsure",
    "disagreement": "where judge and reward model disagree",
    "variance": "where the ensemble is apart",
    "predicted-linear": "highest predicted gain",
    "predicted-mix": "best of simulated mixes",
    "predicted-greedy": "highest marginal gain, one by one",
    "escalation": "where the judge is unsure; a second person on conflict",
}
LABELS = {
    "human_cost": "Cost of a person's answer",
    "ai_cost": "Cost of a judge's answer",
    "floor": "Exploration floor",
    "threshold": "Sure enough for a judge",
    "mixes": "Candidate mixes",
}
FIRST = ("project", "round", "policy", "human_cost", "ai_cost")
NUMBERS = ("human_cost", "ai_cost", "floor", "threshold", "doubt", "mixes", "seed")


class RoutingForm(ProjectForm):
    """What a plan is made from; the service judges what is typed."""

    round = forms.IntegerField(
        required=False,
        min_value=0,
        label="Queue",
        help_text="The round's number, or empty for all open tasks.",
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
    )
    policy = forms.ChoiceField(
        choices=[(name, f"{name}: {words}") for name, words in WORDS.items()],
        initial="default",
        help_text=RoutingSettings.model_fields["policy"].description or "",
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in NUMBERS:
            info = RoutingSettings.model_fields[name]
            self.fields[name] = forms.FloatField(
                required=False,
                initial=info.default,
                label=LABELS.get(name) or label_of(name),
                help_text=told(info.description or "", info.default),
                widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
            )

    def first(self) -> list[forms.BoundField]:
        return [self[name] for name in FIRST]

    def others(self) -> list[forms.BoundField]:
        return [self[name] for name in NUMBERS if not name.endswith("_cost")]

    def others_have_errors(self) -> bool:
        return any(field.errors for field in self.others())

    def make(self) -> RoutingPlan | None:
        """Make the plan, or put the refusal on the fields and return None."""
        settings: dict[str, Any] = {"policy": self.cleaned_data["policy"]}
        for name in NUMBERS:
            value = self.cleaned_data.get(name)
            if value is not None:
                settings[name] = int(value) if value == int(value) else value
        try:
            return routing.create_plan(
                project=self.cleaned_data["project"],
                round=self.cleaned_data["round"],
                settings=settings,
            )
        except HoneError as error:
            self.refused(error)
            return None
