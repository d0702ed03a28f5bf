"""Methods on lists of completions of one prompt."""

from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, method, real
from training.engine.registry.types import Preset

PRO = method(
    "pro",
    "Preference ranking optimisation (PRO)",
    summary="Each completion against all worse ones, at temperatures of their gaps. "
    "No reference.",
    equation="L = sum_k [log(exp(T_k*q_k) + sum_(i>k) exp((r_k-r_i)*q_i)) - T_k*q_k] "
    "- w*(n-1)^2*lp(y_best), q = lp/n, T_k = max(r_k-r_i)",
    settings=Objective(
        data="lists", link="ranking", mix="none", norm="mean", anchors=("best_nll",)
    ),
    own=[real("nll_weight", 0.05, "Weight w of fine-tuning on the best.")],
    paper="Preference Ranking Optimization for Human Alignment",
    status="code",
    verified="the authors' code",
    identities=["two completions: -log sig((r1-r2)*(q1-q2))"],
    tests=["test_pro_of_two_is_logistic"],
    neighbour="lipo",
    batch=2,
)
LIPO = method(
    "lipo",
    "Listwise preference optimisation (LiPO, lambda)",
    summary="All pairs of a list, each weighted by what its order is worth.",
    equation="L = sum_(psi_i>psi_j) D_ij*(-log sig(beta*(s_i - s_j))), "
    "D = |G_i-G_j|*|1/log(1+rk_i) - 1/log(1+rk_j)|",
    settings=Objective(data="lists", link="lambda"),
    own=[beta(0.05)],
    paper="LiPO: Listwise Preference Optimization through Learning-to-Rank",
    status="text",
    verified="a reading report",
    unverified="the gain's exponent: 2^psi - 1 is used, the report prints 2 psi - 1",
    identities=["two completions: a constant times DPO", "D carries no gradient"],
    tests=["test_lipo_of_two_is_proportional_to_dpo"],
    neighbour="tree-po",
    batch=2,
)
TRPA = method(
    "trpa",
    "Trust region preference approximation (TRPA)",
    summary="All pairs across rule-made levels, held to the sampling policy by a KL "
    "term.",
    equation="L = mean_(lev_i<lev_j) -log sig(beta*c_ij*(q_i - q_j)) "
    "+ kappa*KL3(pi||old)",
    settings=Objective(
        data="lists", link="levels", norm="mean", anchors=("trust_region",)
    ),
    own=[
        beta(),
        real("best_weight", 2.5, "Factor c of pairs with the best level, value 0."),
        real("kl_weight", 1e-3, "Weight kappa of the trust region."),
    ],
    paper="Trust Region Preference Approximation: A Simple and Stable Reinforcement "
    "Learning Algorithm for LLM Reasoning",
    status="code",
    verified="the authors' code",
    identities=["levels 1, 1, 2 make two pairs", "the KL term is zero at the start"],
    tests=["test_trpa_pairs_levels_and_starts_without_kl"],
    neighbour="ln-dpo",
    not_to_confuse="trust-region DPO, which updates its reference",
    batch=2,
)
TREE_PO = method(
    "tree-po",
    "Tree preference optimisation",
    summary="Ranks all leaves of a tree of steps by value.",
    equation="L = sum_(v_i>v_j) D_ij/sum(D)*(-log sig(beta*(s_i - s_j)))",
    settings=Objective(data="lists", link="tree"),
    own=[beta()],
    paper="TPO: Aligning Large Language Models with Multi-branch & Multi-step "
    "Preference Trees",
    status="memory",
    verified="",
    unverified="the adaptive reward of similar steps, which is left out",
    identities=["two leaves: DPO", "shared steps have no differential reward"],
    tests=["test_tree_of_two_leaves_is_dpo"],
    neighbour="lipo",
    not_to_confuse="TRL's `tpo`, triple preference optimisation",
    batch=2,
)
STEERLM2 = method(
    "steerlm2",
    "SteerLM 2.0",
    summary="Weighted fine-tuning that moves the policy to the one an attribute "
    "predictor asks for.",
    equation="grad = -sum_i (w_i - b_i)*grad lp(y_i), w = softmax(log P(a|x,y) + lr - "
    "l_prev), b = softmax(lp - l_prev)",
    settings=Objective(data="lists", link="attributes", mix="none"),
    own=[],
    paper="HelpSteer2: Open-source dataset for training top-performing reward models",
    status="text",
    verified="the authors' documentation of the gradient and of the data",
    unverified="the definition of b; that the reference reads the attributes too",
    identities=["w - b = 0 where the policy is the target, for any samples"],
    tests=["test_steerlm2_gradient_vanishes_at_its_target"],
    neighbour="pro",
    batch=2,
)
COPG_LISTS = method(
    "copg-lists",
    "Contrastive policy gradient on lists",
    summary="CoPG over all pairs of a list of scored completions.",
    equation="L = sum_(i<j) 1/(2*beta)*(R_i - R_j - beta*(s_i - s_j))^2 / (k-1)",
    settings=Objective(data="lists", link="reward_gaps"),
    own=[beta()],
    paper="Contrastive Policy Gradient: Aligning LLMs on Sequence-Level Scores in a "
    "Supervised-Friendly Fashion",
    status="text",
    verified="notes on a report that states it; derivation",
    identities=["two completions: copg"],
    tests=["test_copg_of_a_list_of_two_is_copg"],
    neighbour="lipo",
    batch=2,
)

PRESETS: tuple[Preset, ...] = (PRO, LIPO, TRPA, TREE_PO, STEERLM2, COPG_LISTS)
