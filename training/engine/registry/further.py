"""The further models that a run of a method may name, for forms and checks."""

from __future__ import annotations

from dataclasses import dataclass

from training.engine.registry.algebra import Objective
from training.engine.registry.online_rows import OnlineRow
from training.engine.registry.types import Preset, Role


@dataclass(frozen=True)
class FurtherModel:
    """A model beside the one that is trained, by its name in ``models``.

    Attributes:
        role: what kind of model it is.
        title: a label for people.
        help: one sentence for the form.
        required: whether the method runs without it.
    """

    name: str
    role: Role
    title: str
    help: str
    required: bool = False


PREVIOUS = FurtherModel(
    "previous",
    "policy",
    "Previous iterate",
    "The policy of the round before; empty: the model it starts from.",
)
OLDER = FurtherModel(
    "previous_2", "policy", "Iterate before it", "The policy of two rounds before."
)
TEACHERS = (
    FurtherModel("teacher_1", "policy", "Teacher", "An aligned model to surpass."),
    FurtherModel("teacher_2", "policy", "Second teacher", "Averaged with the first."),
)
RATIO = (
    FurtherModel("better", "policy", "Likelier under", "The tuned model."),
    FurtherModel("worse", "policy", "Than under", "The model it was tuned from."),
)
REWARDS = (
    FurtherModel(
        "reward_2",
        "reward",
        "Second reward model",
        "Named reward_2 in weights and thresholds.",
    ),
    FurtherModel(
        "reward_3",
        "reward",
        "Third reward model",
        "Named reward_3 in weights and thresholds.",
    ),
)
POLICY = FurtherModel(
    "policy",
    "policy",
    "Policy that samples",
    "The policy whose completions the reward model shall tell apart.",
)
SAFETY = FurtherModel(
    "safety", "reward", "Safety model", "The reward that the last test is about."
)

MAPPING = FurtherModel(
    "mapping",
    "policy",
    "Mapping to preferred answers",
    "A model of seq2seq-reward, which writes answers again.",
)
CONVERSATION = FurtherModel(
    "conversation",
    "policy",
    "Conversation agent",
    "The frozen policy that answers, and answers again after feedback.",
)
FEEDBACK = FurtherModel(
    "feedback",
    "policy",
    "Feedback agent",
    "A frozen model of waltz, which says what to better.",
)
USER = FurtherModel(
    "user",
    "policy",
    "Simulated user",
    "The frozen policy that plays the person whose profile is in the context.",
)
VALUES = FurtherModel(
    "value",
    "reward",
    "Values of beginnings",
    "A model of reward-values with the vocabulary of the model that is steered.",
)

EVALUATION = (
    FurtherModel(
        "gold",
        "reward",
        "Better reward model",
        "Scores what the judge picks of a policy's samples: best-of-n.",
    ),
    FurtherModel(
        "other",
        "reward",
        "Another reward model",
        "The distance of the evaluated reward model to this one is measured.",
    ),
)


def further_models(preset: Preset) -> tuple[FurtherModel, ...]:
    """Return what a run of a method may name beside model, reference and judge."""
    row = preset.settings
    found: list[FurtherModel] = []
    if isinstance(row, Objective):
        older = {param.name for param in preset.params} & {"older_weight"}
        if row.mix in ("history", "extrapolated") or _looks_back(row):
            found.append(PREVIOUS)
        if row.mix == "extrapolated" or older:
            found.append(OLDER)
        if row.mix == "teachers":
            found += TEACHERS
    if isinstance(row, OnlineRow):
        found += [model for model in RATIO if model.name in preset.models]
        if "safety_source" in {param.name for param in preset.params}:
            found.append(SAFETY)
        found += REWARDS
    needed = (POLICY, VALUES, MAPPING, CONVERSATION, FEEDBACK, USER)
    found += [model for model in needed if model.name in preset.models]
    if preset.task == "evaluate":
        found += EVALUATION
    return tuple(_as_needed(model, preset) for model in found)


def _looks_back(row: Objective) -> bool:
    return (
        row.label == "self" or row.link == "attributes" or "trust_region" in row.anchors
    )


def _as_needed(model: FurtherModel, preset: Preset) -> FurtherModel:
    needed = model.name in preset.models
    return FurtherModel(model.name, model.role, model.title, model.help, needed)
