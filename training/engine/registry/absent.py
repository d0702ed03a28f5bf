"""Published methods that are not offered, each with the reason and what comes near."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Absent:
    """A method that nobody can launch here.

    Attributes:
        equation: what it would do, as the paper or its code has it.
        why: what is missing.
        instead: the preset that comes nearest; empty if none does.
    """

    name: str
    title: str
    paper: str
    equation: str
    why: str
    instead: str = ""


ABSENT: tuple[Absent, ...] = (
    Absent(
        "sspo",
        "Self-supervised preference optimisation",
        "Self-supervised Preference Optimization: Enhance Your Language Model with "
        "Preference Degree Awareness",
        "base loss + gamma CE of a classifier of how much content was removed",
        "no source of the equation was found, and the authors' repository is empty",
        "dpo",
    ),
    Absent(
        "seq2seq-reward",
        "Sequence-to-sequence reward modelling",
        "Sequence to Sequence Reward Modeling: Improving RLHF by Language Feedback",
        "token rewards from agreement with a rewriting model's output",
        "no source of the equation was found",
        "ppo",
    ),
    Absent(
        "waltz",
        "Conversation and feedback agents trained together (WaltzRL)",
        "The Alignment Waltz: Jointly Training Agents to Collaborate for Safety",
        "R(revised) - R(first) for the agent that gives feedback",
        "two policies in one rollout have no place in the loop",
    ),
    Absent(
        "profile-rl",
        "Learning to build user profiles (RLPA)",
        "Teaching Language Models to Evolve with Users: Dynamic Profile Modeling",
        "profile reward + response reward at every turn",
        "a simulated user over several turns has no place in a rollout",
    ),
)


def describe() -> list[dict[str, Any]]:
    """Return the methods that are not offered as plain data, beside those that are."""
    return [{**asdict(row), "status": "absent", "is_verified": False} for row in ABSENT]
