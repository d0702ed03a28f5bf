"""Reward models of one score: other losses, other rows, the same head."""

from training.engine.registry.rewards_algebra import RewardRow
from training.engine.registry.rewards_common import (
    CENTRE,
    MARGIN,
    SOFT,
    real,
    reward_method,
    whole,
    words,
)
from training.engine.registry.types import Param, Preset

FLIPS = real("label_smoothing", 0.1, "Share e of wrong labels.", high=0.499)
TIE = real("tie_width", 0.5, "Where to start learning the tie width.", low=1e-3)

ROBUST = reward_method(
    "reward-robust",
    "Reward model under known label flips",
    summary="Bradley-Terry made unbiased under a known share of flipped labels. "
    "Unbounded below: stop early or keep the learning rate small.",
    equation="L = [(1-e)*(-log sig(D)) - e*(-log sig(-D))] / (1-2e)",
    settings=RewardRow(loss="robust"),
    own=[FLIPS, SOFT, MARGIN, CENTRE],
    paper="Provably Robust DPO: Aligning Language Models with Noisy Feedback, for "
    "rewards in place of log-ratios",
    status="derivation",
    verified="unbiasedness was derived",
    identities=["the mean over flips of L is the clean loss", "e = 0 is reward-bt"],
    tests=["test_robust_loss_is_clean_on_average"],
    neighbour="reward-smoothed",
    not_to_confuse="rdpo, which trains a policy",
)
SMOOTHED = reward_method(
    "reward-smoothed",
    "Reward model with label smoothing (Secrets of RLHF II)",
    summary="Bradley-Terry against labels that are taken to be wrong with chance e.",
    equation="L = -(1-e)*log sig(D) - e*log sig(-D)",
    settings=RewardRow(loss="smoothed"),
    own=[FLIPS, SOFT, MARGIN, CENTRE],
    paper="Wang et al. 2024, Secrets of RLHF in Large Language Models Part II: Reward "
    "Modeling, label smoothing",
    status="text",
    verified="the paper; the minimiser D = logit(1-e) was derived",
    identities=["the loss is least at D = logit(1-e)", "e = 0 is reward-bt"],
    tests=["test_smoothed_loss_is_least_at_its_label"],
    neighbour="reward-robust",
)
CONTRASTIVE = reward_method(
    "reward-contrastive",
    "Contrastive reward model (Secrets of RLHF II)",
    summary="Bradley-Terry on states that keep pairs apart: a pair's difference must "
    "be like itself under other dropout, and unlike that of other pairs. For models "
    "that have dropout; it stays on.",
    equation="L = -log sig(D) + b*(-log softmax_j cos(d_i, d'_j)/t at j = i), "
    "d = f(y_w) - f(y_l)",
    settings=RewardRow(loss="contrastive"),
    own=[
        real("contrast_weight", 0.1, "Weight b of the contrast; 0 is reward-bt."),
        real("contrast_temperature", 0.05, "Temperature t of likeness.", low=1e-3),
        SOFT,
        MARGIN,
    ],
    paper="Wang et al. 2024, Secrets of RLHF in Large Language Models Part II: Reward "
    "Modeling, contrastive learning",
    status="text",
    verified="the paper (SimCSE on differences of features)",
    unverified="the published weight and temperature; the variants on features of "
    "single completions and by clusters (SwAV) are left out",
    identities=[
        "b = 0 is reward-bt",
        "where all differences are alike the contrast is log B",
    ],
    tests=["test_contrast_tells_pairs_apart"],
    neighbour="reward-smoothed",
)
RAO_KUPPER = reward_method(
    "reward-rao-kupper",
    "Bradley-Terry with ties (Rao-Kupper)",
    summary="Ties are an outcome of their own: likely where scores are near. How "
    "near is learned.",
    equation="P(a>b) = sig(D-w), P(tie) = (e^2w - 1)*sig(D-w)*sig(-D-w), L = -log P",
    settings=RewardRow(loss="rao_kupper"),
    own=[TIE, MARGIN],
    paper="Rao and Kupper 1967, Ties in Paired-Comparison Experiments: A "
    "Generalization of the Bradley-Terry Model",
    status="derivation",
    verified="the three probabilities add up to one for every D and w",
    identities=["probabilities add up to 1", "w -> 0 without ties is Bradley-Terry"],
    tests=["test_tie_laws_are_probabilities"],
    neighbour="reward-davidson",
)
DAVIDSON = reward_method(
    "reward-davidson",
    "Bradley-Terry with ties (Davidson)",
    summary="Ties are an outcome of their own, weighed against the geometric mean of "
    "both sides.",
    equation="(P(a>b), P(b>a), P(tie)) = softmax(D/2, -D/2, log v), L = -log P",
    settings=RewardRow(loss="davidson"),
    own=[TIE, MARGIN],
    paper="Davidson 1970, On Extending the Bradley-Terry Model to Accommodate Ties in "
    "Paired Comparison Experiments",
    status="derivation",
    verified="the odds of a over b without ties are Bradley-Terry's",
    identities=["probabilities add up to 1", "P(a>b)/P(b>a) = exp(D)"],
    tests=["test_tie_laws_are_probabilities"],
    neighbour="reward-rao-kupper",
)
PLACKETT_LUCE = reward_method(
    "reward-plackett-luce",
    "Rankings (Plackett-Luce)",
    summary="Learns from whole or partial rankings with ties: best first, each stage "
    "a softmax over what is left.",
    equation="L = -sum_i [r_(i) - log sum_{j>=i} exp r_(j)], ties by Efron",
    settings=RewardRow(data="lists", loss="plackett_luce"),
    paper="Plackett 1975, The Analysis of Permutations; ties: Efron 1977",
    status="derivation",
    verified="equal to Bradley-Terry for two; Efron's ties equal the sum over orders "
    "at equal scores",
    identities=["a list of two is reward-bt", "adding a number changes nothing"],
    tests=["test_plackett_luce_of_two_is_bradley_terry", "test_ties_in_lists"],
    neighbour="reward-lambda",
    batch=4,
)
LAMBDA = reward_method(
    "reward-lambda",
    "Rankings by what their order is worth (lambda)",
    summary="All pairs of a ranking, each weighted by how much swapping it would "
    "cost a ranking measure.",
    equation="L = sum_{i>j} |G_i-G_j|*|1/log(1+rk_i) - 1/log(1+rk_j)|*(-log sig(D_ij))",
    settings=RewardRow(data="lists", loss="lambda"),
    paper="Liu et al. 2024, LiPO: Listwise Preference Optimization through "
    "Learning-to-Rank, for rewards",
    status="derivation",
    verified="the weights follow from the ranking measure",
    unverified="the exponent of the gain",
    identities=["two completions are weighted Bradley-Terry"],
    tests=["test_lambda_loss_weighs_pairs"],
    neighbour="reward-plackett-luce",
    batch=4,
)
EURUS = reward_method(
    "reward-eurus",
    "Sign-anchored reward model (Eurus)",
    summary="Right answers score above zero and wrong ones below, for tasks with true "
    "answers; not for taste.",
    equation="L = -log sig(D) - w*[log sig(r_c) + log sig(-r_r)]",
    settings=RewardRow(loss="anchored", blind_to=("user",)),
    own=[real("anchor_weight", 1.0, "Weight w of the anchors; 0 is reward-bt.")],
    paper="Yuan et al. 2024, Advancing LLM Reasoning Generalists with Preference "
    "Trees, section 3.2",
    status="abstract",
    verified="",
    unverified="the weight of the anchors; the equation is from memory",
    identities=["w = 0 is reward-bt", "at the optimum the sign says right or wrong"],
    tests=["test_anchors_put_zero_between_right_and_wrong"],
)
COST = reward_method(
    "reward-cost",
    "Cost model (safe and unsafe)",
    summary="Learns which side is less safe and whether each is unsafe, so that zero "
    "parts them. Rows have the safer side as chosen; the value is minus the cost.",
    equation="L = -log sig(c_u - c_s) - log sig(s_u*c_u) - log sig(s_s*c_s), s = +-1",
    settings=RewardRow(loss="cost", aggregation="weighted", blind_to=("user",)),
    paper="HC-RLHF: High-Confidence Safe Reinforcement Learning from Human Feedback",
    columns=["chosen_unsafe", "rejected_unsafe"],
    status="code",
    verified="the authors' code",
    identities=["a cost above 0 says unsafe", "the value is minus the cost"],
    tests=["test_cost_signs_part_safe_from_unsafe"],
    neighbour="reward-eurus",
)
CONTEXT = reward_method(
    "reward-context",
    "Reward model conditioned on context (RPR)",
    summary="Judges under a criterion or profile that stands before the prompt, so "
    "the same pair may turn under another.",
    equation="L = -log sig(r(x+z, y_w) - r(x+z, y_l))",
    settings=RewardRow(map="context"),
    own=[SOFT, MARGIN, CENTRE],
    paper="Improving Context-Aware Preference Modeling for Language Models (RPR)",
    columns=["context"],
    status="abstract",
    verified="",
    unverified="how the context is written into the prompt",
    identities=["without the context nothing tells the two apart"],
    tests=["test_context_turns_a_pair"],
    upstream="trl.RewardTrainer, if contexts are written into the prompts",
)
FSPO = reward_method(
    "reward-fspo",
    "Few-shot personal reward model (FSPO)",
    summary="Judges for a person after some of that person's own comparisons, which "
    "stand before the prompt; never one of the same prompt.",
    equation="L = -log sig(r(shots+x, y_w) - r(shots+x, y_l))",
    settings=RewardRow(map="shots", named="annotator", blind_to=("prompt_offset",)),
    own=[whole("shots", 4, "Pairs of the same person shown before the prompt."), SOFT],
    paper="FSPO: Few-Shot Preference Optimization of Synthetic Preference Data in "
    "LLMs Elicits Effective Personalization to Real Users",
    columns=["annotator"],
    status="abstract",
    verified="",
    unverified="how shots are written and chosen",
    identities=[
        "no shots is reward-bt",
        "a pair's own prompt is never among its shots",
    ],
    tests=["test_shots_come_from_other_prompts"],
    neighbour="reward-context",
)
DOVE = reward_method(
    "reward-dove",
    "Joint instruction and response preferences (DOVE)",
    summary="Compares answers to different prompts, which fixes the level of each "
    "prompt that other methods leave free.",
    equation="L = -log sig(r(x_w, y_w) - r(x_l, y_l))",
    settings=RewardRow(map="joint", blind_to=("user",)),
    own=[SOFT, MARGIN],
    paper="Comparing Bad Apples to Good Oranges: Aligning Large Language Models via "
    "Joint Preference Optimization (DOVE)",
    columns=["rejected_prompt"],
    status="code",
    verified="the authors' code, for rewards in place of log-ratios",
    identities=["equal prompts give reward-bt", "a number added per prompt changes L"],
    tests=["test_joint_pairs_fix_the_level_of_prompts"],
    upstream="trl.RewardTrainer takes whole conversations of different prompts",
)
POLAR = reward_method(
    "reward-polar",
    "Reward against a reference answer (POLAR, fine-tuning)",
    summary="Scores a candidate after a reference answer to the same prompt; without "
    "a reference, after the prompt alone, which it did not train on.",
    equation="L = -log sig(r(x, ref, y_w) - r(x, ref, y_l))",
    settings=RewardRow(map="reference"),
    own=[SOFT],
    paper="Pre-Trained Policy Discriminators are General Reward Models (POLAR)",
    columns=["reference"],
    status="code",
    verified="the paper and its serving code",
    unverified="the wording around the reference, which is ours; pre-training on "
    "pairs of policies is the same loss on other rows",
    identities=["equal candidates give 1/2"],
    tests=["test_reference_stands_before_the_candidate"],
    neighbour="reward-context",
)
HERON = reward_method(
    "reward-heron",
    "Hierarchical factors (HERON)",
    summary="Labels each pair by the first factor, in order of importance, whose "
    "values differ by more than its margin; then Bradley-Terry.",
    equation="y_w = side that wins at the first j with |z_j(a) - z_j(b)| > d_j",
    settings=RewardRow(map="factors"),
    own=[words("factor_margins", "0,0", "A margin for each factor, with commas.")],
    paper="Deep Reinforcement Learning from Hierarchical Weak Preference Feedback "
    "(HERON)",
    columns=["chosen_factors", "rejected_factors"],
    status="memory",
    verified="",
    unverified="the form of the margins",
    identities=["without margins the order has no cycle; with margins it may"],
    tests=["test_factors_are_compared_in_order"],
)
ENSEMBLE = reward_method(
    "reward-ensemble",
    "Ensemble of heads (mean, worst case, mean less variance)",
    summary="Several heads on one backbone, each on its own resample of the rows; the "
    "paper trains whole models apart, which costs more and differs more.",
    equation="L = mean_k w_k*(-log sig(D_k)), w_k ~ Poisson(1); "
    "r = mean, min or mean - c*var of r_k",
    settings=RewardRow(loss="bootstrap", aggregation="mean"),
    own=[
        whole("members", 5, "Heads of the ensemble.", low=2),
        Param(
            "ensemble",
            "str",
            "mean",
            "How members become one value.",
            choices=("mean", "minimum", "mean_less_variance"),
        ),
        real("penalty", 0.5, "Weight c of the members' variance."),
        SOFT,
    ],
    paper="Coste et al. 2024, Reward Model Ensembles Help Mitigate Overoptimization",
    status="code",
    verified="the authors' aggregation; population variance, which their two scripts "
    "do not agree on",
    unverified="heads on a shared backbone in place of whole models",
    identities=["equal members are one member", "minimum <= mean"],
    tests=["test_ensembles_guard_best_of_n", "test_aggregations_by_hand"],
    not_to_confuse="reward-maxmin, whose heads stand for groups of people",
)
MORE = reward_method(
    "reward-more",
    "Shared preferences over domains (MORE)",
    summary="Weighs the domains of a batch so that no domain's gradient is worked "
    "against: the shortest combination of the head's gradients.",
    equation="L = n*sum_i w_i*L_i, w = argmin over the simplex of |sum_i w_i*m_i|^2",
    settings=RewardRow(loss="balanced", named="source", blind_to=("prompt_offset",)),
    own=[real("momentum", 0.99, "Share of each new gradient in its mean.", high=1.0)],
    paper="MORE: reward modelling of preferences shared over diverse datasets",
    columns=["source"],
    status="code",
    verified="the authors' code",
    identities=["<g*, g_i> >= |g*|^2 for every domain", "one domain is reward-bt"],
    tests=["test_least_norm_combination_serves_every_domain"],
    neighbour="reward-bt",
)

PRESETS: tuple[Preset, ...] = (
    ROBUST,
    SMOOTHED,
    CONTRASTIVE,
    RAO_KUPPER,
    DAVIDSON,
    PLACKETT_LUCE,
    LAMBDA,
    EURUS,
    COST,
    CONTEXT,
    FSPO,
    DOVE,
    POLAR,
    HERON,
    ENSEMBLE,
    MORE,
)
