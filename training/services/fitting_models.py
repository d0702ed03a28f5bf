"""Whether the models of a run can stand where they were put, from what trained them.

A registered model knows its run, and that its method; the registry knows which method's
models fit which place. A model from elsewhere is known only if it comes with Hone:
nothing trained it. For the others the engine looks, when it loads them.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from annotation.models import Project
from training.engine.registry import Preset
from training.engine.registry.fits import UNTRAINED, Chosen, Misfit, makers, misfit
from training.engine.registry.further import further_models
from training.models import ModelVersion, Snapshot
from training.services.promoting import NAMES
from training.services.refusals import shown, unlaunchable

_PATHS = {
    "model": "model",
    "reference": "reference",
    "reward": "inputs.reward_model",
}


def chosen(version: ModelVersion) -> Chosen:
    """Return what is known of a model before it is loaded."""
    if version.run is not None:
        return Chosen(version.name, version.run.preset)
    built_in = version.source.strip() in NAMES
    return Chosen(version.name, UNTRAINED if built_in else None)


def wrong_model(
    preset: Preset,
    settings: Mapping[str, Any],
    places: Mapping[str, ModelVersion | None],
) -> tuple[str, Misfit] | None:
    """Return the first misfit and the path of the field to change, or None.

    Args:
        settings: the run's, defaults filled in.
        places: its models: model, reference, reward, and further ones by name.
    """
    found = {name: chosen(v) for name, v in places.items() if v is not None}
    if settings.get("reward_model"):
        # Named by its place alone: only the engine can tell what it is.
        found.setdefault("reward", Chosen(str(settings["reward_model"]), None))
    wrong = misfit(preset, settings, found)
    if wrong is None:
        return None
    path = wrong.place
    if not path.startswith("params."):
        path = _PATHS.get(path, f"inputs.models.{path}")
    return path, wrong


def check_further(project: Project, preset: Preset, given: Mapping[str, UUID]) -> None:
    """Refuse further models that the method does not know, or that do not fit."""
    known = {model.name: model for model in further_models(preset)}
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise unlaunchable(f"inputs.models.{name}", f"one of: {listed}", repr(name))
    for name, model in known.items():
        path = f"inputs.models.{name}"
        if name not in given:
            if model.required:
                raise unlaunchable(path, f"a {model.role} model", "none", model.help)
            continue
        found = ModelVersion.objects.filter(pk=given[name]).first()
        if found is None or found.project_id not in (None, project.pk):
            raise unlaunchable(path, f"a model of {project.slug}", "no such model")
        if found.role != model.role:
            raise unlaunchable(path, f"a {model.role} model", f"a {found.role} model")


def check_fits(
    preset: Preset,
    settings: Mapping[str, Any],
    models: Mapping[str, UUID],
    *,
    judge: UUID | None,
    model: ModelVersion,
    reference: ModelVersion | None,
) -> None:
    """Refuse models that another method trained than the one they are wanted of.

    Args:
        models: further models by name. judge: the reward model, if one is named.

    Raises:
        InvalidInput: naming the field to change.
    """
    named = {**models, **({"reward": judge} if judge is not None else {})}
    known = ModelVersion.objects.select_related("run").in_bulk(list(named.values()))
    places: dict[str, ModelVersion | None] = {
        name: known[pk] for name, pk in named.items()
    }
    wrong = wrong_model(
        preset, settings, {**places, "model": model, "reference": reference}
    )
    if wrong is not None:
        path, found = wrong
        raise shown(unlaunchable(path, found.expected, found.found, found.fix))


def without_rows(preset: Preset, snapshot: Snapshot) -> str | None:
    """Return a split that a method cannot do without and the snapshot lacks."""
    counts = snapshot.manifest.get("counts", {})
    for split in preset.needs:
        if split in ("validation", "test") and counts and not counts.get(split):
            return split
    return None


def offered(
    preset: Preset, place: str, models: QuerySet[ModelVersion]
) -> QuerySet[ModelVersion]:
    """Return the models that may stand at a place: those of the right method.

    Models from elsewhere stay, since nobody can tell before they are loaded.
    """
    presets = makers(preset, place)
    if not presets:
        return models
    known = Q(run__preset__in=presets)
    return models.filter(known | Q(run=None) & ~Q(source__in=NAMES))
