"""What a preset is: data about a method, with no training code and no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

ParamValue = int | float | bool | str | None
ParamKind = Literal["int", "float", "bool", "str"]
Task = Literal["reward", "dpo", "ppo", "online", "generate", "score", "evaluate"]
Role = Literal["reward", "policy"]
Status = Literal["code", "text", "derivation", "abstract", "memory", "own"]
VERIFIED: tuple[Status, ...] = ("code", "text", "derivation")
"""What an equation can rest on; the rest of the published ones are unverified."""


REWARDING = ("better", "worse", "mapping")
"""Further models that say themselves what is good, so no judge is needed."""


class Settings(Protocol):
    """A row of an algebra: any frozen dataclass of plain values."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


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
class MadeBy:
    """Models of a run of which one must come from certain methods.

    Attributes:
        places: ``model``, ``reward``, or names of further models; one of them is
            enough.
        presets: the methods whose models will do, the usual one first.
    """

    places: tuple[str, ...]
    presets: tuple[str, ...]


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
        equation: the loss as it is written, per example, to be minimised.
        settings: its row of the family's algebra.
        columns: columns its rows must have beside those of the view; a trailing ?
            marks one that may be absent.
        models: names of the specification's further frozen ``models`` it needs.
        made_by: what its models must have been trained by.
        one_of: ``reference`` or names of further models; one of them must be given.
        rewards: how many rewards it takes, rules among them; None for any number.
        status: what the equation was verified against; ``own`` for our own tasks.
        verified: what was read or derived, in words.
        unverified: the parts that no source was found for; empty if there are none.
        tests: names of the identity tests that hold it.
        neighbour: the preset it is most easily mistaken for; a test tells them apart.
        alias_of: the preset whose loss it shares on purpose.
        not_to_confuse: another method that goes by the same name.
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
    equation: str = ""
    settings: Settings | None = None
    columns: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    made_by: tuple[MadeBy, ...] = ()
    one_of: tuple[str, ...] = ()
    rewards: int | None = None
    status: Status = "own"
    verified: str = ""
    unverified: str = ""
    tests: tuple[str, ...] = ()
    neighbour: str = ""
    alias_of: str = ""
    not_to_confuse: str = ""

    @property
    def is_published(self) -> bool:
        """True if it is a method somebody published, not a task of our own."""
        return self.status != "own"

    @property
    def is_verified(self) -> bool:
        """True if the equation was checked against code, text or a derivation."""
        return self.status in VERIFIED

    @property
    def caution(self) -> str:
        """What a user must know before trusting it; empty if nothing."""
        parts = []
        if self.is_published and not self.is_verified:
            parts.append("Unverified: no source of the equation was found.")
        if self.unverified:
            parts.append(f"Not verified: {self.unverified}.")
        if self.not_to_confuse:
            parts.append(f"Not to be confused with {self.not_to_confuse}.")
        return " ".join(parts)

    @property
    def needs_reward(self) -> bool:
        """True unless its models, or known answers, say what is good."""
        told = set(self.models) & set(REWARDING)
        return not told and not getattr(self.settings, "knows_answers", False)

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
