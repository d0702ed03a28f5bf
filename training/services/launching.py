"""Launching a run: everything that can be known to be wrong is refused here.

The registry of presets says what a method needs and which settings it has; no torch
is imported. A run that is launched is a queued row and, after commit, a message.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotation.errors import HoneError
from annotation.models import Completion, Project, Prompt
from training.engine.registry import Preset, PresetError, get, validate
from training.engine.registry.processes import needs_one_process
from training.engine.registry.tools import SNAPSHOT
from training.models import ModelVersion, Snapshot, TrainingRun
from training.services import artifacts, runs
from training.services.fitting_models import (
    check_fits,
    check_further,
    without_rows,
)
from training.services.frozen_facts import lacking
from training.services.held_out import refuse_held_out
from training.services.model_places import check_source
from training.services.refusals import shown, unlaunchable

DEFAULT_PRESETS = {
    "reward": "reward-bt",
    "dpo": "dpo",
    "ppo": "ppo",
    "online": "grpo",
    "generate": "generate",
    "score": "score",
    "evaluate": "evaluate",
}
LAUNCHERS = ("local", "accelerate")
Shape = TypeVar("Shape", bound="Strict")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Lora(Strict):
    """Low-rank adapters in place of full weights; no targets means all linear."""

    r: int = Field(16, ge=1, le=1024)
    alpha: float = Field(32.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: list[str] | None = None


class Limits(Strict):
    """Upper bounds; the rows left out are recorded with the run."""

    max_rows: int | None = Field(None, ge=1)
    seconds: float | None = Field(None, gt=0)
    max_steps: int | None = Field(None, ge=1)


class TaskPlan(Strict):
    """How the completions of a prompt are asked about, once it has them all.

    Attributes:
        per_prompt: at most so many pairs of its samples.
        state: closed tasks wait for somebody to open them.
    """

    per_prompt: int = Field(1, ge=1, le=50)
    route: Literal["human", "ai", "both"] = "human"
    priority: int = Field(5, ge=0, le=9)
    round: int = Field(0, ge=0, lt=2**31)
    state: Literal["open", "closed"] = "open"
    reason: str = Field("two samples of one model", max_length=200)


class Inputs(Strict):
    """What a run works on besides its snapshot and model.

    Attributes:
        prompt_ids: the prompts to sample for (generate) or to compare on (evaluate).
        completion_ids: the completions to score.
        reward_model: the ModelVersion that judges a policy's completions: those that
            are compared (evaluate), or those that it learns from (ppo, online).
        models: further models by the names that the method knows them by.
        generator: the name its completions are filed under; the model's own if empty.
        import_live: take completions in while the run still samples.
        tasks: make tasks of a prompt's completions once it has them all.
        suite: what an evaluation is called.
    """

    prompt_ids: list[int] = []
    completion_ids: list[UUID] = []
    reward_model: UUID | None = None
    models: dict[str, UUID] = {}
    dtype: str = Field("float32", pattern="^(float32|bfloat16)$")
    generator: str = Field("", max_length=200)
    import_live: bool = False
    tasks: TaskPlan | None = None
    suite: str = Field("", max_length=100)
    purpose: dict[str, Any] = {}


def launch(
    *,
    project: Project,
    kind: str,
    preset: str = "",
    snapshot: Snapshot | None = None,
    model: ModelVersion | None = None,
    reference: ModelVersion | None = None,
    params: Mapping[str, Any] | None = None,
    lora: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    seed: int = 0,
    name: str = "",
    backend: str = "",
    launcher: str = "local",
    priority: int = 0,
    created_by: AbstractBaseUser | None = None,
) -> TrainingRun:
    """Queue a run and wake the `gpu` workers after commit.

    Args:
        kind: a TrainingRun.Kind.
        preset: a method of the registry; the kind's usual one if empty.
        params: the preset's settings, where they differ from its defaults.
        inputs: see `Inputs`.

    Raises:
        InvalidInput: naming the first thing that is wrong.
    """
    chosen = check_preset(kind, preset or DEFAULT_PRESETS.get(kind, kind), backend)
    settings = check_params(chosen, params or {})
    given = _shape(Inputs, inputs or {}, "inputs")
    model = _check_model(project, chosen, settings, model, reference)
    _check_snapshot(project, chosen, snapshot)
    _check_inputs(project, chosen, settings, given, snapshot)
    check_fits(
        chosen,
        settings,
        given.models,
        judge=given.reward_model,
        model=model,
        reference=reference,
    )
    refuse_held_out(
        chosen,
        project,
        snapshot=snapshot,
        prompts=given.prompt_ids,
        completions=given.completion_ids,
    )
    if not 0 <= seed < 2**31:
        raise unlaunchable("seed", "a whole number from 0 to 2147483647", repr(seed))
    if launcher not in LAUNCHERS:
        raise unlaunchable("launcher", "one of " + ", ".join(LAUNCHERS), repr(launcher))
    bounds = _shape(Limits, limits or {}, "limits")
    if launcher == "accelerate":
        _check_shared(chosen, bounds)
    with transaction.atomic():
        run = TrainingRun.objects.create(
            project=project,
            name=(name or _name(chosen, model, snapshot))[:200],
            kind=chosen.task,
            preset=chosen.name,
            backend=backend or chosen.backends[0],
            params=settings,
            lora=_shape(Lora, lora, "lora").model_dump() if lora else None,
            limits=bounds.model_dump(exclude_none=True),
            inputs=given.model_dump(mode="json", exclude_defaults=True),
            seed=seed,
            snapshot=snapshot,
            model=model,
            reference=reference,
            launcher=launcher,
            priority=priority,
            state=TrainingRun.State.QUEUED,
            created_by_id=created_by.pk if created_by is not None else None,
        )
        runs.wake(run)
    return run


def check_preset(kind: str, preset: str, backend: str = "") -> Preset:
    """Return the method, if it is one of this kind and the backend can run it."""
    try:
        chosen = get(preset)
    except PresetError as error:
        raise from_preset(error) from error
    if chosen.task != kind:
        raise unlaunchable("preset", f"a preset for {kind!r}", f"{preset!r}")
    if backend and backend not in chosen.backends:
        raise unlaunchable(
            "backend", "one of " + ", ".join(chosen.backends), repr(backend)
        )
    return chosen


def check_params(preset: Preset, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting of the run, defaults filled in, so that the row says all."""
    try:
        return dict(validate(preset.name, params))
    except PresetError as error:
        raise from_preset(error) from error


def from_preset(error: PresetError) -> HoneError:
    """Return the registry's refusal as a domain error."""
    return unlaunchable(error.field, error.expected, error.found, error.fix)


def _check_model(
    project: Project,
    preset: Preset,
    settings: Mapping[str, Any],
    model: ModelVersion | None,
    reference: ModelVersion | None,
) -> ModelVersion:
    if model is None:
        raise unlaunchable("model", f"the model to {_VERBS[preset.task]}", "none")
    for field, version in (("model", model), ("reference", reference)):
        if version is not None and version.project_id not in (None, project.pk):
            raise unlaunchable(
                field, f"a model of {project.slug}", f"{version}, another's"
            )
    role = {"generate": "policy", "score": "reward"}.get(preset.task)
    untrained = preset.task == "score" and preset.is_published
    if preset.produces == "policy" or untrained:
        role = "policy"
    if preset.task == "evaluate":
        role = str(settings["role"])
    if role and model.role != role:
        raise unlaunchable(
            "model", f"a {role} model to {_VERBS[preset.task]}", f"a {model.role} model"
        )
    return model


_VERBS = {
    "reward": "train a reward model from",
    "dpo": "train",
    "ppo": "train",
    "online": "train",
    "generate": "sample from",
    "score": "score with",
    "evaluate": "evaluate",
}


def _check_snapshot(
    project: Project, preset: Preset, snapshot: Snapshot | None
) -> None:
    needed = preset.is_trainable or preset.task == "evaluate"
    if snapshot is None:
        if needed:
            raise unlaunchable(
                "snapshot",
                "a frozen snapshot",
                "none",
                "Freeze a snapshot of the project's feedback first.",
            )
        return
    if snapshot.project_id != project.pk:
        raise unlaunchable(
            "snapshot", f"a snapshot of {project.slug}", "another project's"
        )
    if snapshot.state != Snapshot.State.READY:
        raise unlaunchable(
            "snapshot",
            "a snapshot that is ready",
            f"one that is {snapshot.get_state_display()}",
            "Wait until it is frozen, or mend what its page names.",
        )
    view = preset.view or "pairs"
    if needed and snapshot.view != view:
        raise unlaunchable("snapshot", f"the view {view!r}", repr(snapshot.view))
    missing = lacking(preset, snapshot.manifest) if needed else None
    if missing is not None:
        name, remedy = missing
        raise shown(
            unlaunchable(
                "snapshot",
                f"rows with {name}, which {preset.title} needs",
                f"none among the training rows of {snapshot.name}",
                remedy,
            )
        )
    split = without_rows(preset, snapshot) if needed else None
    if split is not None:
        raise unlaunchable(
            "snapshot",
            f"rows of the split {split}, which {preset.title} needs",
            f"none in {snapshot.name}",
            f"Import prompts of the split {split}, or hold more of them out.",
        )


def _check_inputs(
    project: Project,
    preset: Preset,
    settings: Mapping[str, Any],
    inputs: Inputs,
    snapshot: Snapshot | None,
) -> None:
    if preset.task == "evaluate":
        _check_suite(settings)
    if preset.task == "generate" and not inputs.prompt_ids:
        raise unlaunchable("inputs.prompt_ids", "at least one prompt", "none")
    if preset.task == "score" and not inputs.completion_ids:
        raise unlaunchable("inputs.completion_ids", "at least one completion", "none")
    check_further(project, preset, inputs.models)
    named = inputs.reward_model or settings.get("reward_model") or inputs.models
    if settings.get("rule") == "none" and not named and preset.needs_reward:
        raise unlaunchable(
            "inputs.reward_model",
            "a reward model or a rule that scores completions",
            "neither",
            "Choose the reward model that judges, or set the setting rule.",
        )
    if inputs.prompt_ids:
        wanted = set(inputs.prompt_ids)
        found = Prompt.objects.filter(project=project, pk__in=wanted).count()
        if found != len(wanted):
            raise unlaunchable(
                "inputs.prompt_ids",
                f"prompts of {project.slug}",
                f"{len(wanted) - found} that it does not have",
            )
    if inputs.completion_ids:
        ids = set(inputs.completion_ids)
        found = Completion.objects.filter(prompt__project=project, pk__in=ids).count()
        if found != len(ids):
            raise unlaunchable(
                "inputs.completion_ids",
                f"completions of {project.slug}",
                f"{len(ids) - found} that it does not have",
            )
    if inputs.reward_model is None and settings.get("reward_model"):
        check_source(str(settings["reward_model"]).strip(), project)
    if inputs.reward_model is not None:
        judge = ModelVersion.objects.filter(pk=inputs.reward_model).first()
        if judge is None or judge.project_id not in (None, project.pk):
            raise unlaunchable(
                "inputs.reward_model", f"a model of {project.slug}", "no such model"
            )
        if judge.role != ModelVersion.Role.REWARD:
            raise unlaunchable(
                "inputs.reward_model", "a reward model", f"a {judge.role}"
            )


def _check_suite(settings: Mapping[str, Any]) -> None:
    """Refuse a published test set that is not there, and files named by their place."""
    if settings["suite_file"] is not None:
        raise unlaunchable(
            "params.suite_file",
            "nothing: a published test set is found by the name of its suite",
            "a path",
            "Name the suite alone.",
        )
    if settings["suite"] != SNAPSHOT:
        artifacts.suite_file(str(settings["suite"]))


def _shape(shape: type[Shape], value: Any, field: str) -> Shape:
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join([field, *(str(part) for part in first["loc"])])
        raise unlaunchable(path, first["msg"], repr(first["input"])[:200]) from error


def _name(preset: Preset, model: ModelVersion, snapshot: Snapshot | None) -> str:
    link = "from" if preset.is_trainable else "of"
    data = f" on {snapshot.name}" if snapshot else ""
    return f"{preset.title} {link} {model.name}{data}"


def _check_shared(preset: Preset, limits: Limits) -> None:
    """Refuse several processes for what only one can do."""
    alone = needs_one_process(preset, seconds=limits.seconds)
    if alone is not None:
        why = f"{alone.message} {alone.fix}".strip()
        raise unlaunchable("launcher", "local: one process", "accelerate", why)
