"""Methods that compare completions of one prompt with each other: no critic."""

from typing import Any

from training.engine.registry import online_params as settings
from training.engine.registry.online_rows import OnlineRow
from training.engine.registry.types import Param, ParamValue, Preset


def method(
    name: str,
    title: str,
    summary: str,
    *,
    row: OnlineRow,
    own: tuple[Param, ...] = (),
    defaults: dict[str, ParamValue] | None = None,
    **about: Any,
) -> Preset:
    """Return a preset of the online task."""
    return Preset(
        name=name,
        task="online",
        title=title,
        summary=summary,
        produces="policy",
        needs=("train",),
        view="pairs",
        backends=("hone",),
        settings=row,
        params=settings.without_critic(row, *own, **(defaults or {})),
        **about,
    )


GRPO_ROW = OnlineRow(normaliser="std", reduction="sequence_mean")
GRPO_PAPER = "Shao et al. 2024, DeepSeekMath, section 4.1"

PRESETS: tuple[Preset, ...] = (
    method(
        "grpo",
        "Group relative policy optimisation",
        "Compares each completion with the others of its prompt, in units of the "
        "group's spread, and needs no critic.",
        row=GRPO_ROW,
        defaults={"kl_coef": 0.04},
        paper=GRPO_PAPER,
        upstream="trl.GRPOTrainer, loss_type grpo",
        equation="-mean_t min(r_t A, clip(r_t) A) + kl_coef k3; "
        "A = (R - mean R) / (std R + 1e-4)",
        identities=(
            "advantages of a group add up to zero",
            "shifting or scaling a group's rewards changes nothing",
        ),
        status="code",
        verified="TRL's trainer; of the tie k2 times the ratio as it stands is "
        "differentiated here, which has the gradient of TRL's k3 times the ratio",
        neighbour="dr-grpo",
        tests=("test_group_advantages_are_blind_to_shift_and_scale",),
    ),
    method(
        "dr-grpo",
        "GRPO without its two biases (Dr. GRPO)",
        "Leaves out the division by the group's spread and by each completion's "
        "length, which favour easy prompts and long wrong answers.",
        row=OnlineRow(reduction="constant", kl_place="none"),
        paper="Liu et al. 2025, Understanding R1-Zero-Like Training",
        upstream="trl.GRPOTrainer, loss_type dr_grpo, scale_rewards none",
        equation="-(1/L) sum_t min(r_t A, clip(r_t) A); A = R - mean R",
        identities=("the loss grows with the completion's length",),
        status="code",
        verified="TRL's trainer",
        neighbour="grpo",
        tests=("test_presets_weigh_lengths_as_they_say",),
    ),
    method(
        "dapo",
        "Decoupled clip and dynamic sampling (DAPO)",
        "Clips rises later than falls, averages over all tokens of a step, and leaves "
        "out prompts whose completions all score alike.",
        row=OnlineRow(normaliser="std", select="informative", kl_place="none"),
        defaults={"clip_high": 0.28},
        paper="Yu et al. 2025, DAPO, eqs. 8 to 12",
        upstream="trl.GRPOTrainer, loss_type dapo; it does not sample again either",
        equation="-sum_t min(r_t A, clip(r_t, 1 - e_low, 1 + e_high) A) / tokens",
        identities=("groups without spread are left out",),
        status="code",
        verified="TRL's trainer for the loss",
        unverified="left-out prompts are not replaced by further sampling",
        neighbour="grpo",
        tests=("test_filters_keep_what_they_say",),
    ),
    method(
        "gspo",
        "Group sequence policy optimisation",
        "GRPO whose ratio is that of the whole completion, per token, and is clipped "
        "as one.",
        row=OnlineRow(
            normaliser="std",
            ratio="sequence_mean",
            reduction="sequence_mean",
            kl_place="none",
        ),
        defaults={"clip_low": 3e-4, "clip_high": 4e-4},
        paper="Zheng et al. 2025, Group Sequence Policy Optimization",
        upstream="trl.GRPOTrainer, importance_sampling_level sequence",
        equation="-min(s A, clip(s) A); s = exp(mean_t log r_t)",
        identities=("the ratio is the geometric mean of the tokens'",),
        status="code",
        verified="TRL's trainer",
        neighbour="grpo",
        tests=("test_sequence_ratios_are_products_and_per_token_means",),
    ),
    method(
        "rloo",
        "REINFORCE leave-one-out",
        "Compares each completion with the mean of the others of its prompt; the tie "
        "to the reference is part of the reward.",
        row=OnlineRow(
            baseline="leave_one_out",
            ratio="sequence",
            reduction="sequence_mean",
            kl_place="reward",
            kl_estimator="k1",
        ),
        defaults={"samples": 4},
        paper="Ahmadian et al. 2024, Back to Basics: Revisiting REINFORCE-Style "
        "Optimization for RLHF",
        upstream="trl.RLOOTrainer",
        equation="A_i = R_i - mean_{j != i} R_j; R with -kl_coef log(pi / ref)",
        identities=("advantages are G / (G - 1) times those of the group mean",),
        status="code",
        verified="TRL's trainer",
        neighbour="p3o",
        tests=("test_leave_one_out_is_a_scaled_group_mean",),
    ),
    method(
        "p3o",
        "Pairwise PPO (P3O)",
        "Samples two completions a prompt and learns from half their difference in "
        "reward: offsets of a prompt's reward cannot matter.",
        row=OnlineRow(
            baseline="partner",
            ratio="sequence",
            reduction="sequence_mean",
            kl_place="reward",
            kl_estimator="k1",
        ),
        defaults={"samples": 2},
        paper="Wu et al. 2024, Pairwise Proximal Policy Optimization",
        equation="ascend (R_1 - R_2) grad(log pi(y_1) - log pi(y_2)) / 2",
        identities=(
            "its expected gradient is the policy gradient",
            "an offset of both rewards changes nothing",
        ),
        status="derivation",
        verified="a summary of the authors' post; the gradient derived again",
        unverified="details of its two clipped variants; ratios are clipped one by one",
        neighbour="rloo",
        tests=("test_p3o_gradient_is_the_policy_gradient",),
    ),
    method(
        "beta-normalised-po",
        "Beta normalisation policy optimisation (BNPO)",
        "For rewards of 0 and 1: divides by a Beta density fitted to the prompts' "
        "success rates, which adapts the normalisation as they move.",
        row=OnlineRow(normaliser="beta", reduction="sequence_sum", kl_place="none"),
        defaults={"samples": 16, "clip_high": 0.28},
        paper="Xiao et al. 2025, BNPO: Beta Normalization Policy Optimization",
        equation="A = (R - p) / Beta(p; 1 + a/3, 1 + b/3), a and b by moments of p",
        identities=(
            "Beta(1, 1): REINFORCE with a baseline",
            "Beta(3/2, 3/2): proportional to GRPO",
        ),
        status="code",
        verified="the authors' code; both limits derived again",
        neighbour="grpo",
        not_to_confuse="TRL's loss_type bnpo, which normalises by token count",
        tests=("test_beta_weights_have_both_limits",),
    ),
    method(
        "adora",
        "Advantages by temporary use of prompts (ADORA)",
        "GRPO that weighs prompts down while their right answers are not the longer "
        "ones.",
        row=OnlineRow(normaliser="std", select="temporary", reduction="sequence_mean"),
        own=settings.TEMPORARY,
        defaults={"kl_coef": 0.04},
        paper="ADORA: training reasoning models with dynamic advantage estimation",
        equation="A = lambda A_GRPO for flagged prompts",
        identities=("only flagged groups are scaled", "weight 1: GRPO"),
        status="code",
        verified="the authors' code for the weight",
        unverified="the rule by which a prompt is flagged",
        neighbour="grpo",
        tests=("test_only_flagged_groups_are_scaled",),
    ),
    method(
        "d3s",
        "Dual-level down-sampling (D3S)",
        "Learns from the completions whose advantages are spread widest, and of those "
        "from the tokens where advantage times entropy is largest.",
        row=OnlineRow(normaliser="std", select="spread", reduction="sequence_mean"),
        own=settings.SPREAD,
        defaults={"kl_coef": 0.04},
        paper="Dynamic Dual-Level Down-Sampling (D3S)",
        equation="argmax_S Var(A_S), |S| = N; then the top K% of |A_t| H_t",
        identities=(
            "the subset is the one that an exhaustive search finds",
            "all completions and tokens: GRPO",
        ),
        status="derivation",
        verified="published notes; the subset checked by exhaustive search",
        unverified="its schedule, which is left out: both shares stay as they are set",
        neighbour="grpo",
        tests=("test_spread_subset_is_what_a_search_finds",),
    ),
    method(
        "grpo-pairwise",
        "GRPO on pairwise strengths (Think-RM)",
        "Advantages from a table of strengths between a prompt's completions; with "
        "differences of one reward, as here, it is GRPO.",
        row=OnlineRow(normaliser="skew", reduction="sequence_mean"),
        defaults={"kl_coef": 0.04},
        paper="Hong et al. 2025, Think-RM",
        equation="A_i = sum_j D_ij / sqrt(G / (2 (G - 1)) sum_ij D_ij^2)",
        identities=("with D_ij = r_i - r_j it is GRPO exactly",),
        status="derivation",
        verified="published notes; the identity derived again",
        neighbour="grpo",
        alias_of="grpo",
        tests=("test_skew_table_of_differences_is_grpo",),
    ),
    method(
        "self-play",
        "Self-play on win rates (SPO)",
        "The reward of a completion is its mean chance to beat the other completions "
        "of its prompt: general preferences need no scale.",
        row=OnlineRow(
            transform="win_rate",
            baseline="leave_one_out",
            ratio="sequence",
            reduction="sequence_mean",
            kl_place="reward",
            kl_estimator="k1",
        ),
        paper="Swamy et al. 2024, A Minimaximalist Approach to RLHF (SPO)",
        equation="R(y_i) = mean_{j != i} P(y_i > y_j)",
        identities=(
            "rewards of a group average one half",
            "rock, paper, scissors: the average policy becomes uniform",
        ),
        status="derivation",
        verified="the abstract; both identities derived",
        neighbour="rloo",
        not_to_confuse="self-supervised preference optimisation (SSPO)",
        tests=("test_self_play_of_a_cycle_averages_to_uniform",),
    ),
    method(
        "grpo-multi",
        "GRPO on a weighted sum of rewards",
        "Several reward models and rules, weighed and added before they are compared.",
        row=GRPO_ROW,
        defaults={"kl_coef": 0.04},
        paper="Optimizing Safe and Aligned Language Generation: A Multi-Objective "
        "GRPO Approach",
        upstream="trl.GRPOTrainer, reward_weights",
        equation="R = sum_k w_k R_k",
        identities=("one weight of 1 and the rest 0: GRPO on that reward",),
        status="abstract",
        unverified="the published weights",
        neighbour="grpo",
        alias_of="grpo",
        tests=("test_normalising_first_gives_every_source_the_same_say",),
    ),
    method(
        "gdpo",
        "GRPO on rewards that are normalised one by one",
        "Several rewards, each centred and scaled within its prompt's group before "
        "they are added: a small scale no longer drowns in a large one.",
        row=OnlineRow(
            combine="normalise_then_sum",
            normaliser="batch",
            reduction="sequence_mean",
        ),
        defaults={"kl_coef": 0.04},
        paper="TRL documentation, multi_objective_aggregation (GDPO)",
        upstream="trl.GRPOTrainer, multi_objective_aggregation normalize_then_sum",
        equation="A = batch-normalised sum_k w_k (R_k - mean R_k) / std R_k",
        identities=("scaling one of the rewards changes nothing",),
        status="code",
        verified="TRL's trainer",
        neighbour="grpo-multi",
        tests=("test_normalising_first_gives_every_source_the_same_say",),
    ),
    method(
        "raft",
        "Reward-ranked fine-tuning (RAFT)",
        "Fine-tunes on the best of several completions of each prompt, again and "
        "again: no negative gradient, no reference.",
        row=OnlineRow(
            baseline="unit",
            select="best",
            surrogate="likelihood",
            reduction="sequence_mean",
            kl_place="none",
        ),
        paper="Dong et al. 2023, RAFT: Reward rAnked FineTuning",
        equation="-log pi(argmax_y R(y)) / n",
        identities=(
            "what is kept earns the expected maximum of the samples",
            "its gradient is that of fine-tuning on the kept completion",
        ),
        status="abstract",
        verified="the abstract; both identities derived",
        unverified="the published settings",
        neighbour="rloo",
        tests=("test_raft_is_fine_tuning_on_the_best",),
    ),
    method(
        "superhf",
        "Supervised learning from the best of many (SuperHF)",
        "Fine-tunes on the best of many completions of each prompt, held to the "
        "reference by the divergence of their whole distributions.",
        row=OnlineRow(
            baseline="unit",
            select="best",
            surrogate="likelihood",
            reduction="sequence_mean",
            kl_place="loss",
            kl_estimator="whole",
        ),
        defaults={"samples": 32, "kl_coef": 0.23, "prompts_per_update": 8},
        paper="Mukobi et al. 2023, SuperHF: Supervised Iterative Learning from Human "
        "Feedback",
        equation="-log pi(best) / n + kl_coef mean_t KL(ref || pi)",
        identities=(
            "no tie: RAFT",
            "the tie is 0 where policy and reference agree, and counts from the "
            "reference to the policy",
        ),
        status="code",
        verified="the authors' code",
        unverified="the optional bonus for likely completions, which is left out",
        neighbour="raft",
        tests=("test_distance_is_that_of_whole_distributions",),
    ),
)
