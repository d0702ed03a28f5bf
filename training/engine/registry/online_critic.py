"""Methods with a critic: PPO, and PPO on rewards that were made safer first."""

from typing import Any

from training.engine.registry import online_params as settings
from training.engine.registry.online_rows import OnlineRow
from training.engine.registry.types import Param, ParamValue, Preset

ROW = OnlineRow(baseline="critic", kl_place="reward", kl_estimator="k1")
PPO_IDENTITIES = (
    "at ratio one the loss is minus the mean advantage",
    "with lambda 0 an advantage is the one-step error, with 1 the return less the "
    "value",
    "padding and the split into forward passes change nothing",
    "a tabular policy reaches ref * exp(score / kl_coef)",
)
PPO = Preset(
    name="ppo",
    task="ppo",
    title="Proximal policy optimisation",
    summary=(
        "Samples completions, scores them with a reward model or a rule, and moves the "
        "policy towards what scored better than its critic expected, in small steps "
        "that stay near a frozen reference."
    ),
    paper=(
        "Schulman et al. 2017, Proximal Policy Optimization Algorithms, eq. 7; for "
        "language models: Ziegler et al. 2019, Fine-Tuning Language Models from Human "
        "Preferences; details: Huang et al. 2024, The N+ Implementation Details of "
        "RLHF with PPO"
    ),
    produces="policy",
    needs=("train",),
    view="pairs",
    backends=("hone",),
    upstream="none since TRL 1.13; its last PPOTrainer (1.12) is the oracle of a bench",
    equation=(
        "-min(r_t A_t, clip(r_t, 1 - e, 1 + e) A_t)"
        " + c_v max((V - R)^2, (clip(V, V_old +- e_v) - R)^2) / 2;"
        " A by GAE on score - kl_coef (log pi_old - log pi_ref)"
    ),
    identities=PPO_IDENTITIES,
    settings=ROW,
    status="code",
    verified=(
        "losses, rewards, advantages and weights after an update agree with TRL "
        "1.12's trainer on the same completions; the optimum is reached on tabular "
        "policies"
    ),
    tests=(
        "test_gae_is_the_discounted_sum_of_one_step_errors",
        "test_surrogate_by_hand",
        "test_parts_of_a_step_add_up_to_the_step",
        "test_tabular_policy_reaches_the_kl_regularised_optimum",
    ),
    params=settings.with_critic(),
)


def variant(
    name: str,
    title: str,
    summary: str,
    *,
    row: dict[str, Any],
    own: tuple[Param, ...] = (),
    defaults: dict[str, ParamValue] | None = None,
    **about: Any,
) -> Preset:
    """Return PPO with other pieces before its critic."""
    return Preset(
        name=name,
        task="ppo",
        title=title,
        summary=summary,
        produces="policy",
        view="pairs",
        backends=("hone",),
        settings=OnlineRow(**{**vars(ROW), **row}),
        params=settings.with_critic(*own, **(defaults or {})),
        **{"neighbour": "ppo", "needs": ("train",), **about},
    )


PRESETS: tuple[Preset, ...] = (
    PPO,
    variant(
        "ppo-par",
        "PPO on preference as reward (PAR)",
        "Learns from the chance to win against the reference's own completions, which "
        "is bounded, so that no reward can be driven up for ever.",
        row={"transform": "par"},
        own=settings.PAR,
        defaults={"kl_coef": 0.005},
        paper="Fu et al. 2025, Reward Shaping to Mitigate Reward Hacking in RLHF",
        equation="R' = mean_m sigmoid(k (R(y) - R(y_ref_m)))",
        identities=(
            "a completion as good as the reference's gets one half",
            "an offset of a prompt's rewards changes nothing",
        ),
        status="code",
        verified="the authors' code",
        tests=("test_par_is_bounded_and_blind_to_offsets",),
    ),
    variant(
        "ppo-lsc",
        "PPO on log-sigmoid-centred rewards",
        "Learns from log sigmoid(reward - centre), the centre being a high quantile of "
        "the reference's rewards: what is good enough earns hardly more.",
        row={"transform": "lsc"},
        own=settings.LSC,
        paper="Wang et al. 2024, Transforming and Combining Rewards for Aligning LLMs",
        equation="u = log sigmoid(R(y) - R_ref(x)); several are summed",
        identities=(
            "the exponent of the sum is the product of win chances",
            "the slope falls from 1 to 0 across the centre",
        ),
        status="code",
        verified="a published re-implementation with the 85th percentile, normal fit",
        unverified="details of the original that the re-implementation does not fix",
        tests=("test_lsc_sums_to_the_product_of_win_chances",),
    ),
    variant(
        "ppo-ensemble-mean",
        "PPO on the mean of an ensemble",
        "Learns from the mean of several reward models (all models that are named).",
        row={"combine": "mean"},
        paper="Coste et al. 2024, Reward Model Ensembles Help Mitigate "
        "Overoptimization",
        equation="R = mean_k R_k",
        identities=("with one member it is PPO",),
        status="code",
        verified="the authors' code",
        tests=("test_ensembles_of_one_or_of_equals_are_that_one",),
    ),
    variant(
        "ppo-ensemble-worst",
        "PPO on the worst of an ensemble (WCO)",
        "Learns from the lowest of several reward models, so that all must agree.",
        row={"combine": "minimum"},
        paper="Coste et al. 2024, Reward Model Ensembles Help Mitigate "
        "Overoptimization",
        equation="R = min_k R_k",
        identities=("an adversarial member is bounded by the minimum",),
        status="code",
        verified="the authors' code",
        tests=("test_ensembles_of_one_or_of_equals_are_that_one",),
    ),
    variant(
        "ppo-ensemble-uncertain",
        "PPO on an ensemble less its variance (UWO)",
        "Learns from the mean of several reward models less a penalty for how much "
        "they disagree.",
        row={"combine": "mean_less_variance"},
        own=settings.VARIANCE,
        paper="Coste et al. 2024, Reward Model Ensembles Help Mitigate "
        "Overoptimization",
        equation="R = mean_k R_k - lambda var_k R_k (population variance)",
        identities=("members that agree give their mean",),
        status="code",
        verified="the authors' code; its PPO part takes the unbiased variance, which "
        "is k / (k - 1) times as large, its best-of-n part the population's, as here",
        tests=("test_ensembles_of_one_or_of_equals_are_that_one",),
    ),
    variant(
        "pf-ppo",
        "PPO on filtered completions (PF-PPO)",
        "Keeps of each prompt's completions the best and one other before it learns: "
        "reward models are most reliable there.",
        row={"select": "best_random"},
        defaults={"samples": 4},
        paper="Zhang et al. 2024, Policy Filtration in RLHF to Fine-Tune LLM for Code "
        "Generation",
        equation="the buffer holds argmax R and one other drawn at random, per prompt",
        identities=("the best is always kept, with one other of its group",),
        status="code",
        verified="the authors' code",
        tests=("test_filters_keep_what_they_say",),
    ),
    variant(
        "pf-ppo-extremes",
        "PPO on the best and worst completions (PF-PPO, BW)",
        "Keeps of each prompt's completions the best and the worst before it learns.",
        row={"select": "best_worst"},
        defaults={"samples": 4},
        paper="Zhang et al. 2024, Policy Filtration in RLHF to Fine-Tune LLM for Code "
        "Generation",
        equation="the buffer holds argmax R and argmin R, per prompt",
        identities=("exactly the extremes are kept",),
        status="code",
        verified="the authors' code",
        neighbour="pf-ppo",
        tests=("test_filters_keep_what_they_say",),
    ),
    variant(
        "ppo-maxmin",
        "PPO for the group that fares worst (MaxMin)",
        "Takes one reward model for each group of annotators and learns in every "
        "update from that of the group whose mean reward is lowest.",
        row={"combine": "worst_group"},
        own=settings.WORST,
        paper="Chakraborty et al. 2024, MaxMin-RLHF",
        equation="max_pi min_u E[R_u] - beta KL(pi || ref)",
        identities=(
            "two opposed groups with a compromise: their means meet",
            "one group: PPO",
        ),
        status="memory",
        unverified="the form of the algorithm; its toy result was derived again",
        tests=("test_worst_group_brings_opposed_groups_together",),
    ),
    variant(
        "ppo-constrained",
        "PPO under reward thresholds",
        "Lifts each reward to a threshold and no further: multipliers weigh rewards "
        "that fall short, and what is left of the weight ties to the reference.",
        row={"combine": "constrained"},
        own=settings.CONSTRAINED,
        defaults={"kl_coef": 0.2},
        paper="Moskovitz et al. 2024, Confronting Reward Model Overoptimization with "
        "Constrained RLHF",
        equation="A = (K - sum f(l_k)) A_KL + sum f(l_k) A_k; dual descent on "
        "sum f(l_k) (mean R_k - threshold_k)",
        identities=(
            "a bandit's cost settles at its threshold",
            "a multiplier falls above the threshold and rises below",
        ),
        status="code",
        verified="the authors' code for multipliers and their step",
        unverified="one critic of the mixed reward stands in for one critic a reward",
        tests=("test_constrained_bandit_meets_its_threshold",),
    ),
    variant(
        "hc-rlhf",
        "PPO under thresholds, tested on held-out prompts (HC-RLHF)",
        "Learns to clear the thresholds by a margin that a test would ask for, then "
        "tests one reward on prompts it never saw: safety/passed says whether its "
        "mean reaches the threshold with the asked confidence. A policy that does not "
        "pass is no solution.",
        row={"combine": "constrained"},
        own=(*settings.CONSTRAINED, *settings.SAFETY),
        defaults={"kl_coef": 0.2},
        paper="Reinforcement Learning from Human Feedback with High-Confidence Safety "
        "Constraints (HC-RLHF)",
        equation="dual descent on mean R_k - inflation t_(1-delta) sd / sqrt n - "
        "threshold_k; then pass if the held-out bound reaches the threshold",
        identities=(
            "an unsafe policy passes with probability at most delta",
            "no inflation: ppo-constrained",
        ),
        status="memory",
        unverified="the inflated bound of its training step; the two other bounds of "
        "the test hold for any rewards between known limits",
        needs=("train", "test"),
        neighbour="ppo-constrained",
        tests=(
            "test_unsafe_policy_passes_as_rarely_as_promised",
            "test_inflated_constraint_asks_for_more_the_less_is_known",
        ),
    ),
    variant(
        "ufo",
        "PPO over several tries (UFO)",
        "Asks a question again, up to so many times, saying only that the try was "
        "wrong; an early right answer earns most, and saying the same again costs. "
        "Right is what holds the prompt's reference, word by word.",
        row={"prompts": "answered"},
        own=(settings.count("turns", 5, "Tries of a question, at most.", 1, 16),),
        paper="A Simple 'Try Again' Can Elicit Multi-Turn LLM Reasoning (UFO, unary "
        "feedback as observation)",
        columns=("reference",),
        equation="R = 2^-k if the try after k wrong ones is right, less "
        "0.5 (1 - distinct tries / tries); every try earns R",
        identities=(
            "one turn: 1 if right, 0 if not",
            "repeating a wrong answer lowers the reward",
            "what is said in between is never learned",
        ),
        status="code",
        verified="the authors' environment: decay from the first try, penalty of one "
        "half",
        unverified="every try is a completion of its own that earns the episode's "
        "reward, so the tie of later tries is not charged to earlier ones; the "
        "wording, and how an answer is found right, are ours",
        tests=(
            "test_tries_earn_less_and_repetition_costs",
            "test_question_is_asked_again_until_it_is_right",
        ),
    ),
    variant(
        "ppo-gap",
        "PPO on the gap to the reference (PIT)",
        "Learns from how much better a completion is than what the reference wrote to "
        "the same prompt: to improve on an answer, not to reach a score.",
        row={"transform": "gap"},
        own=settings.PAR[:1],
        paper="Enabling Language Models to Implicitly Learn Self-Improvement (PIT)",
        equation="R'(y) = mean_m (R(y) - R(y_ref_m))",
        identities=(
            "a completion's gap to itself is 0",
            "one reference answer: a reward with an offset",
        ),
        status="memory",
        unverified="its gap reward model, which reads both texts; here the gap is a "
        "difference of two scores",
        tests=("test_gap_to_itself_is_nothing",),
    ),
    variant(
        "pairwise-rl",
        "PPO on the chance to beat an anchor (Pairwise-RL)",
        "Learns from the chance to win against one anchor answer; with a Bradley-Terry "
        "reward model, as here, it is PAR with that anchor.",
        row={"transform": "par"},
        own=(
            settings.count(
                "reference_samples", 1, "Anchors of the reference, a prompt.", 1, 64
            ),
            settings.PAR[1],
        ),
        defaults={"kl_coef": 0.005},
        paper="A Unified Pairwise Framework for RLHF (Pairwise-RL)",
        equation="R'(y) = P(y > anchor)",
        identities=("chances of both orders add up to one", "PAR with one reference"),
        status="memory",
        unverified="its generative pairwise judge and how that is calibrated",
        neighbour="ppo-par",
        alias_of="ppo-par",
        tests=("test_par_is_bounded_and_blind_to_offsets",),
    ),
    variant(
        "self-rewarding-ppo",
        "PPO on demonstrations alone",
        "The reward is what a model tuned on demonstrations finds likelier than its "
        "base does: models.better over models.worse.",
        row={},
        defaults={"rule": "none"},
        models=("better", "worse"),
        paper="Self-Rewarding PPO: Aligning Large Language Models with Demonstrations "
        "Only",
        equation="R = log pi_better(y|x) - log pi_worse(y|x)",
        identities=("two equal models reward nothing",),
        status="derivation",
        verified="the reward from the abstract, its optimum derived",
        unverified="the published coefficients",
        tests=("test_likelihood_ratio_is_the_difference_of_two_models",),
    ),
)
