"""What a preset is: data about a method, with no training code and no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ParamValue = int | float | bool | str | None
ParamKind = Literal["int", "float", "bool", "str"]
Task = Literal["reward", "dpo", "generate", "score", "evaluate"]
Role = Literal["reward", "policy"]


@dataclass(frozen=True)
class Param:
    """One setting of a preset: enough to draw a form field and to check a value.

    Attributes:
        name: the key in the specification's ``params``.
        kind: the type a value must have; an int is also accepted for a float.
        default: used when the specification leaves the setting out.
        help: one sentence for the form, the command line and the docs page.
        minimum: smallest accepted number, inclusive.
        maximum: largest accepted number, inclusive.
        choices: the accepted strings, if the setting is a choice.
        nullable: True if ``None`` is accepted (the setting is then off).
    """

    name: str
    kind: ParamKind
    default: ParamValue
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    nullable: bool = False


@dataclass(frozen=True)
class Preset:
    """A named method: what it is, what it needs and which settings it has.

    Attributes:
        name: the key used in specifications and on the command line.
        task: which engine task runs it.
        title: a short name for people.
        summary: one or two sentences on what it does.
        paper: the publication it comes from; empty for internal tasks.
        produces: the role of the model it leaves, if it leaves one.
        needs: names of the specification's ``data`` files it cannot run without.
        view: the view of the feedback its rows come from, if any.
        backends: the backends that can run it, the default first.
        upstream: what the named library does for it.
        identities: facts its tests hold it to.
        params: its settings.
    """

    name: str
    task: Task
    title: str
    summary: str
    paper: str = ""
    produces: Role | None = None
    needs: tuple[str, ...] = ()
    view: str | None = None
    backends: tuple[str, ...] = ("trl",)
    upstream: str = ""
    identities: tuple[str, ...] = ()
    params: tuple[Param, ...] = ()

    @property
    def is_trainable(self) -> bool:
        """True if running the preset leaves a new model."""
        return self.produces is not None

    def param(self, name: str) -> Param:
        """Return the setting called ``name``.

        Raises:
            KeyError: if the preset has no such setting.
        """
        for param in self.params:
            if param.name == name:
                return param
        raise KeyError(name)


class PresetError(ValueError):
    """A preset or one of its settings is not acceptable; says how to mend it."""

    def __init__(self, *, field: str, expected: str, found: str, fix: str) -> None:
        super().__init__(f"{field}: expected {expected}, found {found}. {fix}")
        self.field = field
        self.expected = expected
        self.found = found
        self.fix = fix
