"""The run specification: one JSON file that says everything a run needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_core import PydanticCustomError

from training.engine import registry
from training.engine.errors import FixableError
from training.engine.registry import ParamValue, Preset, PresetError
from training.engine.registry.further import further_models
from training.engine.registry.types import Task


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: Any) -> Any:
        """Refuse true and false, which would pass for the numbers 1 and 0."""
        if isinstance(value, bool):
            raise PydanticCustomError("no_bool", "Expected no true or false here")
        return value


class ModelPart(_Part):
    """Which model: a directory, a hub id, a .gguf file, wheel:NAME or tiny:NAME."""

    source: str = Field(min_length=1)
    dtype: Literal["float32", "bfloat16"] = "float32"


class DataPart(_Part):
    """The Parquet files, each optional here; the preset says which it needs."""

    train: Path | None = None
    validation: Path | None = None
    test: Path | None = None
    prompts: Path | None = None
    rows: Path | None = None


class LoraPart(_Part):
    """Low-rank adapters; null ``targets`` means every linear layer."""

    r: int = Field(default=16, ge=1, le=1024)
    alpha: float = Field(default=32.0, gt=0, le=65536)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] | None = None


class LimitsPart(_Part):
    """Upper bounds of a run; null means none."""

    max_rows: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    max_steps: int | None = Field(default=None, ge=1)


class Spec(_Part):
    """A run, as the platform or a person writes it.

    ``backend`` null means the preset's first. ``models`` are further frozen models by
    the names that the preset gives them, such as earlier iterates.
    """

    version: Literal[1]
    task: Task
    preset: str
    backend: Literal["trl", "hone"] | None = None
    seed: int = Field(default=0, ge=0, lt=2**31)
    model: ModelPart
    reference: ModelPart | None = None
    models: dict[str, ModelPart] = {}
    data: DataPart = DataPart()
    params: dict[str, Any] = {}
    lora: LoraPart | None = None
    limits: LimitsPart = LimitsPart()

    def values(self) -> dict[str, ParamValue]:
        """Return the preset's settings with defaults filled in."""
        return registry.validate(self.preset, self.params)

    def sources(self) -> list[str]:
        """Return every model source the run loads."""
        sources = [self.model.source]
        if self.reference is not None:
            sources.append(self.reference.source)
        sources += [part.source for part in self.models.values()]
        judge = self.params.get("reward_model")
        if isinstance(judge, str):
            sources.append(judge)
        return sources


def load_spec(path: Path) -> Spec:
    """Read and check a specification; relative paths are relative to its folder.

    Raises:
        FixableError: if the file is missing, not JSON, or says something impossible.
    """
    try:
        raw = json.loads(
            path.read_text(encoding="utf-8"), object_pairs_hook=_without_repeats
        )
        json.dumps(raw, ensure_ascii=False).encode("utf-8")
    except FileNotFoundError:
        raise FixableError(
            "There is no specification.",
            expected=f"a JSON file at {path}",
            found="no such file",
            fix="Give the path of a specification; see the engine's README.",
            field="spec",
        ) from None
    except OSError as error:
        raise FixableError(
            "The specification cannot be read.",
            expected=f"a JSON file at {path}",
            found=str(error)[:300],
            fix="Give the path of a file that this user may read.",
            field="spec",
        ) from error
    except (ValueError, RecursionError) as error:
        # Besides what is no JSON: numbers of thousands of digits, thousands of levels,
        # a setting that is given twice, half a character.
        raise FixableError(
            "The specification is not JSON.",
            expected="one JSON object in UTF-8",
            found=str(error)[:300],
            fix=f"Correct {path}.",
            field="spec",
        ) from error
    if not isinstance(raw, dict):
        raise FixableError(
            "The specification is no JSON object.",
            expected='an object such as {"version": 1, "task": "dpo", ...}',
            found=repr(raw)[:200],
            fix=f"Correct {path}; the engine's README has a whole one.",
            field="spec",
        )
    return parse_spec(raw, base=path.parent)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members; of one given twice nobody knows which is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is given twice in one object")
    return found


def parse_spec(raw: Any, *, base: Path | None = None) -> Spec:
    """Check a specification that is already loaded.

    Raises:
        FixableError: naming the first field that is wrong.
    """
    try:
        spec = Spec.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise FixableError(
            f"The specification's {where} is wrong.",
            expected=first["msg"],
            found=repr(first.get("input"))[:200],
            fix=f"Correct {where}; {error.error_count()} field(s) are wrong in all.",
            field=where,
        ) from error
    try:
        preset = registry.get(spec.preset)
        spec.values()
    except PresetError as error:
        raise FixableError(
            f"The specification's {error.field} is wrong.",
            expected=error.expected,
            found=error.found,
            fix=error.fix,
            field=error.field,
        ) from error
    _check_consistent(spec, preset)
    spec = spec.model_copy(update={"backend": spec.backend or preset.backends[0]})
    return _with_absolute_paths(spec, base) if base is not None else spec


def _check_consistent(spec: Spec, preset: Preset) -> None:
    if preset.task != spec.task:
        raise FixableError(
            "Task and preset do not belong together.",
            expected=f"task {preset.task!r} for preset {preset.name!r}",
            found=f"task {spec.task!r}",
            fix="Change one of them.",
            field="task",
        )
    if spec.backend is not None and spec.backend not in preset.backends:
        raise FixableError(
            "This backend cannot run the preset.",
            expected=f"one of {', '.join(preset.backends)}",
            found=repr(spec.backend),
            fix="Choose a backend that the preset lists.",
            field="backend",
        )
    known = {*preset.models, *(model.name for model in further_models(preset))}
    for name in spec.models:
        # Online methods weigh reward models by whatever name they are given.
        if name not in known and preset.task not in ("ppo", "online"):
            raise FixableError(
                "The method does not know a model by this name.",
                expected=f"one of: {', '.join(sorted(known)) or 'none'}",
                found=f"models.{name}",
                fix=f"Correct the name, or leave it out: {preset.title} reads nothing "
                "else.",
                field=f"models.{name}",
            )
    for name in preset.models:
        if name not in spec.models:
            raise FixableError(
                "The run lacks a model.",
                expected=f"a model source as models.{name} for preset {preset.name!r}",
                found=f"models: {', '.join(spec.models) or 'none'}",
                fix=f"Give models.{name}.source.",
                field=f"models.{name}",
            )
    if preset.task == "score" and "reference" in preset.one_of and not spec.reference:
        raise FixableError(
            "There is no second model to compare with.",
            expected="reference.source: the weaker model, or the one tuned from",
            found="none",
            fix="Give it, or choose the preset likelihood.",
            field="reference",
        )
    for name in preset.needs:
        if getattr(spec.data, name) is None:
            raise FixableError(
                "The run has no data to work on.",
                expected=f"a Parquet file as data.{name} for preset {preset.name!r}",
                found="null",
                fix=f"Give data.{name}.",
                field=f"data.{name}",
            )


def _with_absolute_paths(spec: Spec, base: Path) -> Spec:
    paths = {}
    for name, value in spec.data:
        if not isinstance(value, Path):
            continue
        try:
            paths[name] = (base / value).resolve()
        except (ValueError, OSError, RuntimeError) as error:
            raise FixableError(
                f"The specification's data.{name} is no path.",
                expected="the path of a Parquet file",
                found=f"{str(value)[:200]!r}: {error}",
                fix=f"Correct data.{name}.",
                field=f"data.{name}",
            ) from error
    return spec.model_copy(update={"data": spec.data.model_copy(update=paths)})
