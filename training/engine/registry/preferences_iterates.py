"""Methods for rounds: earlier iterates beside the reference, win rates as targets.

``previous`` is the policy as a run finds it, ``reference`` the one of the first round;
each is the model that the run starts from, unless the specification names another.
"""

from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, method, real
from training.engine.registry.types import Preset

_RATIO = real(
    "reference_ratio",
    0.3333333333,
    "Share of the first reference; the rest is the earlier iterates'.",
    high=1.0,
)
INPO = method(
    "inpo",
    "Iterative Nash policy optimisation (INPO)",
    summary="One mirror-descent step towards the Nash policy of a general preference "
    "as a squared loss on pairs of the current policy.",
    equation="L = (d - r*d_ref - (1-r)*d_prev - 1/(2*eta))^2",
    settings=Objective(link="squared", mix="history", scale="one"),
    own=[
        real("eta", 0.0075, "Step size: the target is 1/(2 eta).", low=1e-6),
        _RATIO,
    ],
    paper="Iterative Nash Policy Optimization: Aligning LLMs with General Preferences "
    "via No-Regret Learning",
    status="code",
    verified="the code of multiplayer Nash with one iterate; derivation",
    identities=[
        "in the first round it is IPO",
        "its minimiser is the step ref^r prev^(1-r) exp(P(.>prev)/eta)",
    ],
    tests=["test_inpo_minimiser_is_the_mirror_descent_step"],
    neighbour="ipo",
    upstream="TRL has one reference",
    not_to_confuse="InPO, inversion of diffusion models",
)
MNPO = method(
    "mnpo",
    "Multiplayer Nash preference optimisation (MNPO)",
    summary="INPO against two earlier iterates, with means over tokens.",
    equation="L = (q - r*q_ref - (1-r)*sum_j lam_j*q_(t-j) - 1/(2*eta))^2, "
    "q differences of token means",
    settings=Objective(link="squared", mix="history", norm="mean", scale="one"),
    own=[
        real("eta", 0.0075, "On a scale per token, where 1/(2 eta) is never met."),
        _RATIO,
        real("older_weight", 0.0, "Share of `previous_2` among iterates.", high=1.0),
    ],
    paper="Multiplayer Nash Preference Optimization",
    status="code",
    verified="the authors' code",
    identities=["one iterate and equal lengths: INPO on log-probabilities over n"],
    tests=["test_mnpo_of_one_iterate_is_inpo_per_token"],
    neighbour="inpo",
    upstream="TRL has one reference",
)
ACCELERATED = method(
    "accelerated-po",
    "Accelerated preference optimisation",
    summary="Iterative DPO whose reference is extrapolated beyond the last iterate.",
    equation="DPO with log ref = log prev + alpha*(log prev - log prev_2)",
    settings=Objective(mix="extrapolated"),
    own=[beta(), real("extrapolation", 0.3, "How far, alpha; 0 is iterative DPO.")],
    paper="Accelerated Preference Optimization for Large Language Model Alignment",
    models=["previous_2"],
    status="memory",
    verified="only the acceleration by 1/(1-alpha) was derived",
    identities=["exact steps gain 1/(1-alpha) times the exponent: 1.41 at alpha 0.3"],
    tests=["test_extrapolated_reference_accelerates"],
    neighbour="dpo",
    upstream="TRL's reference callbacks interpolate",
    not_to_confuse="TRL's `apo_zero` and `apo_down`, anchored preference optimisation",
)
DNO = method(
    "dno",
    "Direct Nash optimisation (DNO), soft",
    summary="Learns the win-rate difference of two completions of the policy.",
    equation="L = -sig(D)*log sig(z) - sig(-D)*log sig(-z), z = beta*h, "
    "D = value(yw) - value(yl)",
    settings=Objective(label="value_gap"),
    own=[beta(1.0, "The paper's eta, factor of log-ratios to the last iterate.")],
    paper="Direct Nash Optimization: Teaching Language Models to Self-Improve with "
    "General Preferences, eqs. 10-13",
    columns=["chosen_value", "rejected_value"],
    status="text",
    verified="the paper's equations and algorithms",
    identities=["its minimiser is prev*exp(r/beta)/Z for any sampling distribution"],
    tests=["test_dno_population_optimum"],
    neighbour="soft-dpo",
    upstream="TRL has no soft labels",
)
DNO_PRCT = method(
    "dno-prct",
    "Direct Nash optimisation, practical (DNO-Prct)",
    summary="DPO on large-margin pairs against the last iterate.",
    equation="L = -log sig(beta*h), reference = last iterate, pairs of large margin",
    settings=Objective(),
    own=[
        beta(),
        real("min_gap", 0.0, "Pairs whose values differ by less are left out."),
    ],
    paper="Direct Nash Optimization, algorithm 2",
    columns=["chosen_value", "rejected_value"],
    status="text",
    verified="the paper's algorithm",
    identities=["it is DPO on the pairs that are kept"],
    tests=["test_small_gaps_are_left_out"],
    neighbour="dpo",
    alias_of="dpo",
    upstream="trl.DPOTrainer: sigmoid",
)
SPPO = method(
    "sppo",
    "Self-play preference optimisation (SPPO), soft",
    summary="Regresses each log-ratio to how much its completion's win rate is above "
    "a half.",
    equation="L = 1/2*[(s(yw) - (Pw-1/2)/beta)^2 + (s(yl) - (Pl-1/2)/beta)^2]",
    settings=Objective(link="win_rate_target"),
    own=[beta(0.001, "Inverse of the paper's eta.")],
    paper="Wu et al. 2024, Self-Play Preference Optimization, eq. 4.7",
    columns=["chosen_value", "rejected_value"],
    status="code",
    verified="the authors' trainer",
    identities=["win rates 1 and 0 give half of TRL's sppo_hard"],
    tests=["test_sppo_with_hard_labels_is_half_of_trls"],
    neighbour="gpo",
    upstream="trl.DPOTrainer: sppo_hard has hard labels",
    not_to_confuse="SPO, self-play with any optimiser",
)
GPO = method(
    "gpo",
    "General preference optimisation (GPO)",
    summary="SPPO on the scores of a general preference model.",
    equation="L = 1/2*[(s(yw) - v(yw)/beta)^2 + (s(yl) - v(yl)/beta)^2]",
    settings=Objective(link="value_target"),
    own=[beta(0.001)],
    paper="General Preference Modeling with Preference Representations for Aligning "
    "Language Models",
    columns=["chosen_value", "rejected_value"],
    status="code",
    verified="the authors' pipeline",
    unverified="the line that turns scores into targets, which is inferred",
    identities=["values P - 1/2 give SPPO"],
    tests=["test_gpo_on_centred_win_rates_is_sppo"],
    neighbour="sppo",
)
COPG = method(
    "copg",
    "Contrastive policy gradient (CoPG)",
    summary="Learns from any logged, scored completions without importance weights.",
    equation="L = 1/(2*beta)*(R(yw) - R(yl) - beta*h)^2",
    settings=Objective(link="reward_gap"),
    own=[beta()],
    paper="Contrastive Policy Gradient: Aligning LLMs on Sequence-Level Scores in a "
    "Supervised-Friendly Fashion",
    columns=["chosen_value", "rejected_value"],
    status="text",
    verified="notes on a report that states it; derivation",
    identities=["R = +-1/4 is IPO times beta/2", "optimum ref*exp(R/beta)/Z"],
    tests=["test_copg_reaches_the_optimum_off_policy", "test_copg_is_ipo_at_quarters"],
    neighbour="ipo",
)

PRESETS: tuple[Preset, ...] = (
    *(INPO, MNPO, ACCELERATED, DNO, DNO_PRCT, SPPO, GPO, COPG),
)
