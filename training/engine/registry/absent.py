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
        "cooper",
        "Policy and reward model that learn together (Cooper)",
        "Cooper: Co-Optimizing Policy and Reward Models",
        "GRPO on R(x, reference answer, y), and -log sig(R(y+) - R(y-)) in turns",
        "reward models are frozen while a policy learns; its checkpoints would have to "
        "hold two models and two optimisers",
        "grpo",
    ),
    Absent(
        "sparse-po",
        "Learned token masks (SparsePO) and masks from activations (MaPO)",
        "SparsePO: Controlling Preference Alignment of LLMs via Sparse Token Masks",
        "-log sig(beta ([u - k](yw) - [u - k](yl))) + l1 norms of the masks",
        "masks read the reference's activations at every layer, which the cache of "
        "frozen models does not hold; the masked score and the norm are there",
        "t-reg",
    ),
    Absent(
        "meta-reward",
        "Meta-learned reward models (MetaRM, Secrets of RLHF II)",
        "Wang et al. 2024, Secrets of RLHF in Large Language Models Part II",
        "theta' = theta + eta grad J, J the spread of rewards of the policy's samples; "
        "theta <- theta - alpha grad L_bt(theta')",
        "every step would draw samples of the policy beside the pairs, and take its "
        "gradient at weights it then gives back; the contrastive option is offered",
        "reward-contrastive",
    ),
    Absent(
        "directional-alignment",
        "Directional preference alignment (DPA)",
        "Wang et al. 2024, Arithmetic Control of LLMs for Diverse User Preferences",
        "fine-tuning on argmax_y v.r(x, y), v in the system prompt",
        "prompts are not rewritten while a policy samples",
        "raft",
    ),
    Absent(
        "likelihood-rewards",
        "Rewards from the likelihood of a reference answer",
        "Likelihood-Based Reward Designs for General LLM Reasoning",
        "R(z) = log pi(a*|x, z), and its own gradient",
        "part of its gradient flows through the reward, which is the policy's own "
        "likelihood of the reference; rewards are numbers here",
        "grpo",
    ),
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
