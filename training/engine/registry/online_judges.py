"""Judges that learn to reason by their own verdicts."""

from dataclasses import replace

from training.engine.registry import online_params as settings
from training.engine.registry.online_groups import GRPO_ROW, method
from training.engine.registry.types import MadeBy, Preset

PRESETS: tuple[Preset, ...] = (
    method(
        "think-rm",
        "Judges that reason before they judge (Think-RM)",
        "Asks a language model which of a pair's completions is better, lets it "
        "reason, and rewards a verdict that agrees with the pair's label. Start it "
        "from a model that was fine-tuned (sft) on written judgements; what it leaves "
        "is a judge.",
        row=replace(GRPO_ROW, prompts="judged"),
        own=(
            settings.choice(
                "verdict",
                "binary",
                "Ask for the better answer, or for a strength from -3 to 3.",
                "binary",
                "graded",
            ),
        ),
        defaults={
            "kl_coef": 1e-4,
            "learning_rate": 2e-6,
            "max_new_tokens": 512,
            "max_prompt_tokens": 2048,
        },
        paper="Hong et al. 2025, Think-RM: Enabling Long-Horizon Reasoning in "
        "Generative Reward Models",
        upstream="trl.SFTTrainer, then trl.GRPOTrainer with a reward function",
        equation="GRPO on R = 1 if the last verdict is the label's, 1/2 if a "
        "strength's sign alone is, else 0",
        identities=(
            "the last verdict counts; none, or one out of range, earns nothing",
            "a pair and its mirror image have opposite right verdicts",
        ),
        status="code",
        verified="the authors' code: table of rewards, eight samples, step size, tie",
        unverified="the wording of the question, which is ours; judgements to "
        "fine-tune on are not filtered by length here",
        neighbour="grpo",
        tests=("test_last_verdict_counts", "test_pair_and_its_mirror_disagree"),
    ),
    method(
        "cooper",
        "Policy and reward model that learn together (Cooper)",
        "The reward model reads the known answer beside each completion, and after "
        "every update learns from the completions that the answer proves right or "
        "wrong, so that what fools it today does not tomorrow. Start it from a model "
        "of reward-polar; what it becomes lies beside the policy as reward/.",
        row=replace(GRPO_ROW, prompts="referenced", judge="learns"),
        own=(
            settings.number(
                "reward_learning_rate",
                1e-6,
                "The reward model's own step size; 0 keeps it as it is, which is GRPO.",
                0.0,
                1.0,
            ),
        ),
        defaults={"kl_coef": 0.04},
        columns=("reference",),
        made_by=(MadeBy(("reward",), ("reward-polar",)),),
        paper="Cooper: Co-Optimizing Policy and Reward Models in Reinforcement "
        "Learning for Large Language Models",
        upstream="trl.GRPOTrainer and trl.RewardTrainer, one after the other",
        equation="GRPO on R(x, reference answer, y), and in turns "
        "-log sig(R(y+) - R(y-)), y+ verified right, y- wrong",
        identities=(
            "no step of the reward model: GRPO on its scores",
            "an answer that fools the reward model loses score once it is caught",
        ),
        status="memory",
        unverified="where wrong completions come from: here the policy's own; the "
        "rule that verifies, here whether the known answer stands in the completion",
        neighbour="grpo",
        tests=(
            "test_cooper_without_steps_is_grpo",
            "test_answer_that_fools_a_learning_judge_loses_its_score",
        ),
    ),
)
