"""The form that launches a run, built from a preset of the registry."""

import random
from typing import Any, cast

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from annotation.admin.scope import projects
from annotation.errors import HoneError
from training.admin.fields import check, field_for, shown, typed
from training.admin.launch_boxes import LaunchBoxes, SnapshotChoice
from training.engine.registry import Preset
from training.engine.registry.further import further_models
from training.models import ModelVersion, Snapshot, TrainingRun
from training.services.asked_again import USUAL_ROWS, inputs_of, works_alone
from training.services.fitting_models import offered
from training.services.launching import launch
from training.services.promoting import NAMES, base_model

# Models that come with Hone's own packages: (source, role, what it is).
BUILT_IN = {
    "reward": [
        ("wheel:minilm", "encoder", "22M sentence encoder; minutes on a CPU"),
        ("wheel:smollm2", "policy", "135M language model; slow on a CPU"),
    ],
}
POLICIES = [("wheel:smollm2", "policy", "135M language model")]
"""Offered to every method that leaves a policy."""
FROM_SOURCE = "source"
MANY = 16
"""A method with more settings than this shows those of CHANGED_FIRST alone at first."""
CHANGED_FIRST = (
    *("learning_rate", "epochs", "prompts_per_update", "samples", "temperature"),
    *("max_new_tokens", "rule", "rule_words", "kl_coef", "beta", "critic", "minibatch"),
    *("ppo_epochs", "source_weights", "thresholds", "turns", "verdict", "directions"),
)
LORA = ("lora_r", "lora_alpha", "lora_dropout")
LIMITS = ("max_rows", "minutes", "max_steps")


def fitting(request: HttpRequest, preset: Preset) -> QuerySet[Snapshot]:
    """Return the snapshots that a method can be launched on: ready, of its view."""
    ready = Snapshot.objects.filter(
        project__in=projects(request, "train"), state=Snapshot.State.READY
    )
    view = view_of(preset)
    return ready.filter(view=view) if view else ready


def view_of(preset: Preset) -> str:
    """Return the view that a method's snapshot must have; empty if any will do."""
    return "" if works_alone(preset) else preset.view or "pairs"


def takes_policy(preset: Preset) -> bool:
    """True if the model that a method is given writes completions."""
    scores = preset.task == "score" and preset.is_published
    return preset.produces == "policy" or preset.task == "generate" or scores


def began_with(run: TrainingRun) -> dict[str, Any]:
    """Return what the form would hold for a run such as this one."""
    chosen = {f"model_{name}": pk for name, pk in run.inputs.get("models", {}).items()}
    seconds = run.limits.get("seconds")
    return {
        "snapshot": run.snapshot_id,
        "model": run.model_id and str(run.model_id),
        "reference": run.reference_id,
        "judge": run.inputs.get("reward_model"),
        "use_lora": bool(run.lora),
        "minutes": seconds / 60 if seconds else None,
        **{f"lora_{name}": value for name, value in (run.lora or {}).items()},
        **{name: run.limits.get(name) for name in ("max_rows", "max_steps")},
        **{f"param_{name}": value for name, value in run.params.items()},
        **chosen,
    }


class LaunchForm(LaunchBoxes):
    """What to train on, from which model, with which settings.

    The registry and the launching service judge it; their words land on the fields.
    """

    def __init__(
        self, *args: Any, request: HttpRequest, preset: Preset, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.preset = preset
        self.values: dict[str, Any] = {}
        self.run: TrainingRun | None = None
        mine = list(projects(request, "train"))
        ready = fitting(request, preset)
        snapshots = cast(SnapshotChoice, self.fields["snapshot"])
        snapshots.queryset = ready.select_related("project")
        snapshots.several_projects = len(mine) > 1
        models = ModelVersion.objects.filter(project__in=mine) | (
            ModelVersion.objects.filter(project=None)
        )
        self._offer_models(models)
        self.fields["seed"].initial = random.randrange(1, 10_000)
        for name in ("judge", "reference"):
            role = "reward" if name == "judge" else "policy"
            field = cast("forms.ModelChoiceField[ModelVersion]", self.fields[name])
            place = "reward" if name == "judge" else name
            field.queryset = offered(preset, place, models.filter(role=role))
        self._set_judge()
        for further in further_models(preset):
            box = forms.ModelChoiceField(
                queryset=offered(
                    preset, further.name, models.filter(role=further.role)
                ),
                required=False,
                label=further.title,
                empty_label="none",
                widget=UnfoldAdminSelectWidget,
                help_text=further.help,
            )
            self.fields[f"model_{further.name}"] = box
        if not preset.is_trainable:
            for name in ("use_lora", *LORA):
                del self.fields[name]
        if works_alone(preset):
            self._set_alone()
        elif preset.task != "evaluate" and preset.produces != "policy":
            del self.fields["reference"]
        elif preset.task == "evaluate":
            against = cast(
                "forms.ModelChoiceField[ModelVersion]", self.fields["reference"]
            )
            against.empty_label = "the model it was trained from"
            against.help_text = "What a policy is compared with."
        for param in preset.params:
            if param in [*shown(preset)[0], *shown(preset)[1]]:
                self.fields[f"param_{param.name}"] = field_for(param)

    def _set_alone(self) -> None:
        """Say what a run that learns nothing does with what it is given."""
        scores = self.preset.task == "score"
        snapshot, model = self.fields["snapshot"], self.fields["model"]
        snapshot.help_text = (
            "The completions that its feedback is about are scored."
            if scores
            else "The prompts that its feedback is about are answered; what is written "
            "is kept as completions of the project."
        )
        model.label = "Model that scores" if scores else "Model that writes"
        model.help_text = "It stays as it is."
        del self.fields["max_steps"]
        most = self.fields["max_rows"]
        most.label = "Completions at most" if scores else "Prompts at most"
        most.initial = USUAL_ROWS
        most.help_text = f"Drawn by the seed; {USUAL_ROWS} if empty."
        if "reference" not in self.preset.one_of:
            del self.fields["reference"]
            return
        against = cast("forms.ModelChoiceField[ModelVersion]", self.fields["reference"])
        against.empty_label = "choose one"
        against.help_text = "The weaker model, or the one that it was tuned from."

    def _set_judge(self) -> None:
        """Keep the judge where the preset takes a reward model, and say what for."""
        if "reward_model" not in {param.name for param in self.preset.params}:
            del self.fields["judge"]
            return
        judge = cast("forms.ModelChoiceField[ModelVersion]", self.fields["judge"])
        if self.preset.is_trainable:
            judge.empty_label = "none: the rule below alone"
            judge.help_text = "Scores what the policy writes while it learns."
            judges = judge.queryset
            assert judges is not None
            newest = judges.order_by("-created_at").first()
            judge.initial = newest.pk if newest else None

    def _offer_models(self, models: Any) -> None:
        """Offer trained models, those that come with Hone, and any other source."""
        field = cast("forms.ChoiceField", self.fields["model"])
        known = models.order_by("-created_at")
        if takes_policy(self.preset):
            known = known.filter(role="policy")
        elif self.preset.task == "score":
            known = known.filter(role="reward")
        if self.preset.task == "evaluate":
            known = known.filter(role__in=["policy", "reward"])
        rows = list(known[:200])
        standing = {row.source for row in rows if row.run_id is None}
        built_in = [
            (f"base:{role}:{source}", f"{NAMES[source]}: {words}")
            for source, role, words in self._built_in()
            if source not in standing or self.preset.task == "reward"
        ]
        choices: list[Any] = []
        if rows:
            named = [
                (str(row.pk), f"{row.name} ({row.get_role_display()})") for row in rows
            ]
            choices.append(("Models of your projects", named))
        if built_in:
            choices.insert(0, ("Models that come with Hone", built_in))
        if self.preset.is_trainable:
            choices.append(("Elsewhere", [(FROM_SOURCE, "another model …")]))
        field.choices = choices
        if not self.preset.is_trainable:
            del self.fields["source"]
        if takes_policy(self.preset) and rows:
            field.initial = str(rows[0].pk)

    def _built_in(self) -> list[tuple[str, str, str]]:
        if takes_policy(self.preset):
            return POLICIES
        return BUILT_IN.get(self.preset.task, [])

    # --- what the template draws -------------------------------------------------

    def _bound(self, names: Any) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    def what(self) -> list[forms.BoundField]:
        further = [f"model_{model.name}" for model in further_models(self.preset)]
        usual = ("snapshot", "model", "source", "judge", "reference")
        return self._bound((*usual, *further))

    def own_settings(self) -> list[forms.BoundField]:
        """Return the method's settings; of many, those that most people change."""
        own = [param.name for param in shown(self.preset)[0]]
        if len(own) > MANY:
            own = [name for name in own if name in CHANGED_FIRST]
        return self._bound(f"param_{name}" for name in own)

    def further_settings(self) -> list[forms.BoundField]:
        """Return the method's other settings, which fold away."""
        first = {field.name for field in self.own_settings()}
        own = [f"param_{param.name}" for param in shown(self.preset)[0]]
        return self._bound(name for name in own if name not in first)

    def further_has_errors(self) -> bool:
        return any(field.errors for field in self.further_settings())

    def loop_settings(self) -> list[forms.BoundField]:
        return self._bound(f"param_{param.name}" for param in shown(self.preset)[1])

    def lora_settings(self) -> list[forms.BoundField]:
        return self._bound(("use_lora", *LORA))

    def limits(self) -> list[forms.BoundField]:
        return self._bound((*LIMITS, "seed", "name"))

    def loop_has_errors(self) -> bool:
        return any(field.errors for field in self.loop_settings())

    # --- judging and launching ---------------------------------------------------

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        given = {
            param.name: typed(param, data.get(f"param_{param.name}"))
            for param in self.preset.params
            if f"param_{param.name}" in self.fields
        }
        self.values, errors = check(self.preset, given)
        for name, words in errors.items():
            self.add_error(self.box_of(f"params.{name}"), words)
        if data.get("model") == FROM_SOURCE and not data.get("source"):
            self.add_error("source", "Expected the model's source; found nothing.")
        return data

    def box_of(self, path: str) -> str | None:
        """Return the form's field for the service's word for it."""
        head, _, rest = path.partition(".")
        name = {
            "params": f"param_{rest}",
            "lora": f"lora_{rest}" if rest else "use_lora",
            "limits": "minutes" if rest == "seconds" else rest,
            "inputs": rest.replace("models.", "model_")
            if rest.startswith("models.")
            else "judge",
        }.get(head, head)
        return name if name in self.fields else None

    def _model(self, snapshot: Snapshot) -> tuple[ModelVersion, str]:
        """Return the chosen model's row and the role it plays."""
        chosen = self.cleaned_data["model"]
        role = "policy" if takes_policy(self.preset) else "encoder"
        if chosen == FROM_SOURCE:
            source = self.cleaned_data["source"]
        elif chosen.startswith("base:"):
            _, role, source = chosen.split(":", 2)
        else:
            row = ModelVersion.objects.get(pk=chosen)
            return row, row.role
        made = base_model(project=snapshot.project, source=source, role=role)
        return made, made.role

    def launch(self) -> TrainingRun | None:
        """Queue the run, or put the service's refusal on the fields and return None."""
        data = self.cleaned_data
        try:
            model, role = self._model(data["snapshot"])
            if self.preset.task == "evaluate":
                self.values["role"] = role
            judge = data.get("judge")
            return launch(
                project=data["snapshot"].project,
                kind=self.preset.task,
                preset=self.preset.name,
                snapshot=data["snapshot"],
                model=model,
                reference=self._reference(model),
                params=self.values,
                lora=self._lora(),
                limits=self._limits(),
                inputs=self._inputs(judge),
                seed=data["seed"],
                name=data["name"],
                created_by=cast(AbstractBaseUser, self.request.user),
            )
        except HoneError as error:
            self.refused(error)
            return None

    def _inputs(self, judge: ModelVersion | None) -> dict[str, Any]:
        """Return the models that the run reads beside its own and its reference."""
        chosen = {
            model.name: found
            for model in further_models(self.preset)
            if (found := self.cleaned_data.get(f"model_{model.name}")) is not None
        }
        inputs: dict[str, Any] = {}
        if works_alone(self.preset):
            data = self.cleaned_data
            inputs = inputs_of(
                self.preset,
                data["snapshot"],
                limit=data.get("max_rows"),
                seed=data["seed"],
            )
        if judge is not None:
            inputs["reward_model"] = str(judge.pk)
        if chosen:
            inputs["models"] = {name: str(found.pk) for name, found in chosen.items()}
        return inputs

    def _reference(self, model: ModelVersion) -> ModelVersion | None:
        """Return what the policy is measured against: its parent, where none is named.

        Training needs no name: the engine takes the model as it was at the start.
        """
        chosen = cast(ModelVersion | None, self.cleaned_data.get("reference"))
        if chosen is None and self.preset.task == "evaluate" and model.role == "policy":
            return model.parent or model
        return chosen

    def _lora(self) -> dict[str, Any] | None:
        data = self.cleaned_data
        if not data.get("use_lora"):
            return None
        given = {name.removeprefix("lora_"): data.get(name) for name in LORA}
        return {key: value for key, value in given.items() if value is not None}

    def _limits(self) -> dict[str, Any]:
        data = self.cleaned_data
        minutes = data.get("minutes")
        given = {
            "max_rows": data.get("max_rows"),
            "max_steps": data.get("max_steps"),
            "seconds": minutes * 60 if minutes is not None else None,
        }
        return {key: value for key, value in given.items() if value is not None}
