"""The form that has a routing plan predicted: the project, its queue, the costs."""

from typing import Any, cast

from django import forms
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from annotation.admin.scope import projects
from annotation.errors import HoneError
from annotation.models import Project
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
FIRST = ("project", "round", "policy", "human_cost", "ai_cost")
NUMBERS = ("human_cost", "ai_cost", "floor", "threshold", "doubt", "mixes", "seed")


class RoutingForm(forms.Form):
    """What a plan is made from; the service judges what is typed."""

    project = forms.ModelChoiceField(
        queryset=Project.objects.none(),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )
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

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = list(projects(request, "research"))
        project = cast("forms.ModelChoiceField[Project]", self.fields["project"])
        project.queryset = Project.objects.filter(pk__in=mine).order_by("name")
        for name in NUMBERS:
            info = RoutingSettings.model_fields[name]
            self.fields[name] = forms.FloatField(
                required=False,
                initial=info.default,
                label=name.replace("_", " ").capitalize().replace("Ai ", "AI "),
                help_text=info.description or "",
                widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
            )
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"help_{name}"

    def first(self) -> list[forms.BoundField]:
        return [
            self[n] for n in ("project", "round", "policy", "human_cost", "ai_cost")
        ]

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
            placed = False
            for item in error.fields:
                name = str(item["path"]).removeprefix("settings.")
                if name in self.fields:
                    self.add_error(name, f"{item['message']}; found {item['value']}.")
                    placed = True
            if not placed:
                self.add_error(None, str(error))
            return None
