"""Methods whose prompts say what is wanted of an answer, or know it."""

from training.engine.registry import online_params as settings
from training.engine.registry.online_groups import method
from training.engine.registry.online_rows import OnlineRow
from training.engine.registry.types import Preset

PRESETS: tuple[Preset, ...] = (
    method(
        "directional-alignment",
        "Directional preference alignment (DPA)",
        "Says in the system message how much each of two rewards shall count, and "
        "fine-tunes on the completion that is best by just that sum: afterwards the "
        "weights are asked for in words, without training again.",
        row=OnlineRow(
            combine="directed",
            prompts="directed",
            baseline="unit",
            select="best",
            surrogate="likelihood",
            reduction="sequence_mean",
            kl_place="none",
        ),
        rewards=2,
        own=(
            settings.number(
                "arc",
                45.0,
                "Degrees from the first reward alone that directions are drawn within.",
                0.0,
                180.0,
            ),
            settings.count("directions", 1, "Directions of each prompt.", 1, 64),
        ),
        paper="Wang et al. 2024, Arithmetic Control of LLMs for Diverse User "
        "Preferences: Directional Preference Alignment with Multi-Objective Rewards",
        equation="-log pi(argmax_y v.r(x, y) | x, v) / n, v on an arc",
        identities=(
            "one direction: RAFT on that sum of rewards",
            "the weights in a prompt are a direction of length one",
        ),
        status="text",
        verified="the authors' description of their interface",
        unverified="how many completions are drawn and kept; the wording of the "
        "system message, which is ours",
        neighbour="raft",
        tests=("test_directions_are_weighed_and_one_direction_is_raft",),
    ),
    method(
        "likelihood-rewards",
        "Rewards from the likelihood of a known answer",
        "Puts the known answer behind whatever the policy writes: how likely it then "
        "is rewards what was written, and is learned itself. Needs neither a reward "
        "model nor a rule that finds answers.",
        row=OnlineRow(
            prompts="completed",
            baseline="leave_one_out",
            reduction="sequence_sum",
            kl_place="none",
        ),
        defaults={"samples": 4},
        columns=("reference",),
        paper="Likelihood-Based Reward Designs for General LLM Reasoning",
        upstream="trl.RLOOTrainer with a reward function, and a term of trl.SFTTrainer",
        equation="E[A(z) grad log pi(z|x) + grad log pi(a*|x, z)], "
        "R(z) = log pi(a*|x, z), A by leave-one-out",
        identities=(
            "its expected gradient is the derivative of E log pi(a*|x, z)",
            "nothing drawn: fine-tuning on the answers",
        ),
        status="derivation",
        verified="notes that state the gradient; derived again",
        unverified="what stands between completion and answer, a line break here; the "
        "means per token and the other variants are left out",
        neighbour="rloo",
        tests=("test_expected_gradient_is_that_of_the_answers_likelihood",),
    ),
)
