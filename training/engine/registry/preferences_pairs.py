"""Methods on pairs whose loss is a function of both sides' log-ratios alone."""

from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, flips, method, real
from training.engine.registry.types import Param, Preset

_TRL = "test_pair_losses_equal_trls"

IPO = method(
    "ipo",
    "IPO, the textbook form",
    summary="Regresses the difference of summed log-ratios to a fixed target.",
    equation="L = (h - 1/(2*beta))^2, h summed over tokens",
    settings=Objective(link="squared"),
    own=[beta(help="The paper's tau: the target difference is 1/(2 beta).")],
    paper="Azar et al. 2023, A General Theoretical Paradigm to Understand Learning "
    "from Human Preferences, eq. 17",
    status="text",
    verified="the equation as restated by TRL, in sums over tokens",
    identities=["TRL's ipo at equal lengths n is this one with beta/n, over n^2"],
    tests=["test_ipo_sum_and_mean_forms_agree_at_equal_lengths"],
    neighbour="ipo-mean",
    upstream="trl.DPOTrainer has the other form: its ipo divides by lengths",
    not_to_confuse="TRL's `ipo`, which takes means over tokens (see ipo-mean)",
)
IPO_MEAN = method(
    "ipo-mean",
    "IPO with means over tokens",
    summary="IPO as libraries run it: each log-ratio is divided by its length first.",
    equation="L = (s(yw)/n(yw) - s(yl)/n(yl) - 1/(2*beta))^2",
    settings=Objective(link="squared", norm="mean"),
    own=[beta(help="The paper's tau, on a scale per token.")],
    paper="Azar et al. 2023, eq. 17, normalised by length as in TRL",
    status="code",
    verified="TRL's trainer",
    identities=["equal to TRL's ipo"],
    tests=[_TRL],
    neighbour="ipo",
    upstream="trl.DPOTrainer: ipo",
)
RDPO = method(
    "rdpo",
    "Provably robust DPO (rDPO)",
    summary="Unbiased under a known share of flipped labels. Unbounded below: stop "
    "early or keep the learning rate small.",
    equation="L = [(1-e)*(-log sig(beta*h)) - e*(-log sig(-beta*h))] / (1-2e)",
    settings=Objective(link="robust"),
    own=[beta(), flips(0.1, "Known share e of flipped labels; 0 is DPO.")],
    paper="Provably Robust DPO: Aligning Language Models with Noisy Feedback",
    status="code",
    verified="TRL's trainer; derivation",
    identities=["(1-e) L(h) + e L(-h) is the clean DPO loss for every h"],
    tests=["test_rdpo_is_unbiased_under_flips", _TRL],
    neighbour="cdpo",
    upstream="trl.DPOTrainer: robust",
    not_to_confuse="DPO with rationales, which its paper calls RDPO (dpo-rationale)",
)
CDPO = method(
    "cdpo",
    "Conservative DPO",
    summary="DPO against labels that are taken to be right with probability 1-e.",
    equation="L = -(1-e)*log sig(beta*h) - e*log sig(-beta*h)",
    settings=Objective(label="smoothed"),
    own=[beta(), flips(0.1, "Assumed share e of flipped labels; 0 is DPO.")],
    paper="Mitchell 2023, A note on DPO with noisy preferences",
    status="derivation",
    verified="the minimiser beta*h = logit(1-e) was derived",
    identities=["the loss is least at beta*h = logit(1-e)"],
    tests=["test_soft_label_minimiser_is_its_logit"],
    neighbour="rdpo",
    upstream="TRL's sigmoid has no label smoothing",
)
SOFT_DPO = method(
    "soft-dpo",
    "DPO with soft labels (OSP's objective)",
    summary="Learns the share of labels for a side, ties included, instead of the "
    "majority.",
    equation="L = -[p*log sig(beta*h) + (1-p)*log sig(-beta*h)]",
    settings=Objective(label="soft"),
    own=[beta()],
    paper="Online Self-Preferring Language Models",
    status="derivation",
    verified="the named cross-entropy; its minimiser beta*h = logit(p) was derived",
    unverified="how OSP pairs ranked completions and measures strength",
    identities=["p = 1 is DPO", "the loss is least at beta*h = logit(p)"],
    tests=["test_soft_label_minimiser_is_its_logit"],
    neighbour="cdpo",
    upstream="TRL has no soft labels",
)
LN_DPO = method(
    "ln-dpo",
    "Length-normalised DPO (LN-DPO)",
    summary="DPO on log-ratios per token, which takes away the reward for length.",
    equation="L = -log sig(beta*(s(yw)/n(yw) - s(yl)/n(yl)))",
    settings=Objective(norm="mean"),
    own=[beta(2.0, "Per token, so some ten times larger than DPO's or more.")],
    paper="The Hitchhiker's Guide to Human Alignment with *PO",
    status="code",
    verified="TRL's trainer",
    unverified="the usual range of beta",
    identities=["at equal lengths n it is DPO with beta/n"],
    tests=["test_ln_dpo_is_dpo_over_the_length", _TRL],
    neighbour="dpo",
    upstream="trl.DPOTrainer: sigmoid_norm",
)
HINGE = method(
    "hinge",
    "Hinge on log-ratios (SLiC, RSO)",
    summary="Stops pushing once the scaled difference is above one.",
    equation="L = max(0, 1 - beta*h)",
    settings=Objective(link="hinge"),
    own=[beta()],
    paper="Statistical Rejection Sampling Improves Preference Optimization; SLiC-HF",
    status="code",
    verified="TRL's trainer",
    identities=["equal to TRL's hinge"],
    tests=[_TRL],
    neighbour="dpo",
    upstream="trl.DPOTrainer: hinge",
)
EXO = method(
    "exo",
    "Efficient exact optimisation on pairs (EXO)",
    summary="Reverse KL of the two completions' softmax to smoothed labels.",
    equation="L = KL([sig(beta*h), sig(-beta*h)] || [1-e, e])",
    settings=Objective(link="exo"),
    own=[beta(), flips(1e-3, "Probability e of the other order.", low=1e-9)],
    paper="Ji et al. 2024, Towards Efficient Exact Optimization of Language Model "
    "Alignment, eq. 16",
    status="code",
    verified="TRL's trainer",
    identities=["equal to TRL's exo_pair", "zero at beta*h = logit(1-e)"],
    tests=[_TRL, "test_exo_vanishes_at_its_label"],
    neighbour="cdpo",
    upstream="trl.DPOTrainer: exo_pair",
)
NCA = method(
    "nca",
    "Noise contrastive alignment on pairs (NCA)",
    summary="Holds both implied rewards near zero, so the chosen likelihood falls "
    "less; found to suit reasoning.",
    equation="L = -log sig(rw) - 1/2*log sig(-rw) - 1/2*log sig(-rl), r = beta*s",
    settings=Objective(link="nca"),
    own=[beta(0.01)],
    paper="Chen et al. 2024, Noise Contrastive Alignment of Language Models; advised "
    "for reasoning by Advancing LLM Reasoning Generalists with Preference Trees",
    status="code",
    verified="TRL's trainer",
    identities=["equal to TRL's nca_pair"],
    tests=[_TRL],
    neighbour="dpo",
    upstream="trl.DPOTrainer: nca_pair",
)
SPPO_HARD = method(
    "sppo-hard",
    "SPPO with hard labels",
    summary="Regresses each log-ratio to plus or minus 1/(2 beta).",
    equation="L = (s(yw) - 1/(2*beta))^2 + (s(yl) + 1/(2*beta))^2",
    settings=Objective(link="sppo_hard"),
    own=[beta()],
    paper="Wu et al. 2024, Self-Play Preference Optimization, eq. 4.7 with P = 1, 0",
    status="code",
    verified="TRL's trainer",
    identities=["equal to TRL's sppo_hard"],
    tests=[_TRL],
    neighbour="sppo",
    upstream="trl.DPOTrainer: sppo_hard",
)
APO_ZERO = method(
    "anchored-zero",
    "Anchored preference optimisation, zero (APO-zero)",
    summary="Chosen completions up and rejected ones down, each against the reference.",
    equation="L = 1 - sig(beta*s(yw)) + sig(beta*s(yl))",
    settings=Objective(link="apo_zero"),
    own=[beta()],
    paper="D'Oosterlinck et al. 2024, Anchored Preference Optimization, eq. 7",
    status="code",
    verified="TRL's trainer",
    identities=["equal to TRL's apo_zero"],
    tests=[_TRL],
    neighbour="anchored-down",
    upstream="trl.DPOTrainer: apo_zero",
    not_to_confuse="accelerated preference optimisation (accelerated-po)",
)
APO_DOWN = method(
    "anchored-down",
    "Anchored preference optimisation, down (APO-down)",
    summary="For chosen completions worse than the model's own: both go down, the "
    "rejected ones further.",
    equation="L = sig(beta*s(yw)) + 1 - sig(beta*h)",
    settings=Objective(link="apo_down"),
    own=[beta()],
    paper="D'Oosterlinck et al. 2024, Anchored Preference Optimization, eq. 8",
    status="code",
    verified="TRL's trainer",
    identities=["equal to TRL's apo_down"],
    tests=[_TRL],
    neighbour="anchored-zero",
    upstream="trl.DPOTrainer: apo_down",
    not_to_confuse="accelerated preference optimisation (accelerated-po)",
)
DISCOPOP = method(
    "discopop",
    "DiscoPOP",
    summary="A blend of logistic and exponential loss that was found by search.",
    equation="L = -log sig(z)*(1-m) + exp(-z)*m, z = beta*h, m = sig(z/tau)",
    settings=Objective(link="discopop"),
    own=[beta(), real("discopop_tau", 0.05, "Temperature of the blend.", low=1e-4)],
    paper="Lu et al. 2024, Discovering Preference Optimization Algorithms with and "
    "for Large Language Models, eq. 5",
    status="code",
    verified="TRL's trainer",
    identities=["equal to TRL's discopop"],
    tests=[_TRL],
    neighbour="dpo",
    upstream="trl.DPOTrainer: discopop",
)
MM_DPO = method(
    "mm-dpo",
    "Strength-aware DPO (MM-DPO)",
    summary="The stronger a preference, the larger its beta, within bounds.",
    equation="L = -log sig(beta(d)*h) + lam*NLL(yw), "
    "beta(d) = beta*(1 + w*(1 - exp(-k*d))), d = margin",
    settings=Objective(scale="strength", anchors=("chosen_nll",)),
    own=[
        beta(),
        real("strength_weight", 0.5, "How much larger beta may grow; 0 is DPO."),
        real("strength_rate", 0.5, "How fast beta grows with the margin."),
        real("nll_weight", 0.0, "Weight of the fine-tuning term on the chosen side."),
    ],
    paper="MM-RLHF: The Next Step Forward in Multimodal LLM Alignment, dynamic reward "
    "scaling",
    columns=["margin"],
    status="text",
    verified="an annotated copy of the paper's section",
    identities=["beta(1) = 0.1197 at the defaults", "w = 0 is DPO"],
    tests=["test_strength_beta_grows_within_its_bounds"],
    neighbour="dpo",
    upstream="TRL has no beta per pair",
)
CONSTRAINED = method(
    "constrained-po",
    "Constrained preference optimisation",
    summary="Asks for a margin that is larger where the reference finds either "
    "completion unlikely.",
    equation="L = -log sig(beta*h - gamma*(1/p(yw) + 1/p(yl))), p = exp(lr/n)",
    settings=Objective(margin="reference_probability"),
    own=[beta(), real("gamma", 0.05, "Weight of the margin; 0 is DPO.")],
    paper="Conditional Equivalence of DPO and RLHF: Implicit Assumption, Failure "
    "Modes, and Provable Alignment, eqs. 13-17",
    status="text",
    verified="an independent reproduction of the equations; derivation",
    unverified="the normalisation of p by length",
    identities=["gamma = 0 is DPO", "two arms are stationary at the stated margin"],
    tests=["test_constrained_margin_is_stationary_on_two_arms"],
    neighbour="dpo",
    upstream="TRL has no margin in DPO",
    not_to_confuse="TRL's `cpo`, contrastive preference optimisation",
)
MODPO = method(
    "modpo",
    "Multi-objective DPO (MODPO)",
    summary="Pairs for one objective and margins of frozen rewards for the others; "
    "reaches the optimum of their weighted sum.",
    equation="L = -log sig((beta*h - sum_k w_k*(m_k(yw) - m_k(yl))) / w_1)",
    settings=Objective(scale="share", margin="rewards"),
    own=[
        beta(),
        Param(
            "other_weights",
            "str",
            "0.5",
            "Weights of the further objectives, with commas; below 1 in sum.",
        ),
    ],
    paper="Beyond One-Preference-Fits-All Alignment: Multi-Objective Direct "
    "Preference Optimization",
    columns=["margins"],
    status="code",
    verified="the authors' code; derivation",
    identities=["w_1 = 1 is DPO", "optimum ref*exp(w.r/beta)/Z"],
    tests=["test_modpo_population_optimum"],
    neighbour="dpo",
    upstream="TRL has no margin in DPO",
)
FLEX = method(
    "flex-dpo",
    "DPO with a beta for each side (Flex-DPO)",
    summary="A smaller factor on the rejected side slows its collapse.",
    equation="L = -log sig(bw*s(yw) - bl*s(yl))",
    settings=Objective(scale="sides"),
    own=[
        real("beta_chosen", 0.1, "Factor of the chosen log-ratio.", low=1e-6),
        real("beta_rejected", 0.05, "Factor of the rejected log-ratio.", low=1e-6),
    ],
    paper="3D-Properties: Identifying Challenges in DPO and Charting a Path Forward",
    status="text",
    verified="reviews that quote both factors; derivation",
    unverified="the usual values of the two factors",
    identities=["equal factors are DPO", "the gradients' ratio is bw/bl"],
    tests=["test_flex_sides_scale_their_gradients"],
    neighbour="dpo",
)
DPO_G = method(
    "dpo-g",
    "DPO with a weighted reference",
    summary="Takes only a part g of the reference's difference off, so that more "
    "pairs end up ranked right.",
    equation="L = -log sig(beta*(d - g*d_ref))",
    settings=Objective(mix="scaled"),
    own=[beta(), real("reference_weight", 0.5, "The part g of the reference.")],
    paper="Preference Learning Algorithms Do Not Learn Preference Rankings",
    status="memory",
    verified="",
    identities=["g = 1 is DPO", "at d = 0 and g = 1 the loss is -log sig(-beta*d_ref)"],
    tests=["test_weighted_reference_between_dpo_and_none"],
    neighbour="dpo",
)

PRESETS: tuple[Preset, ...] = (
    *(IPO, IPO_MEAN, RDPO, CDPO, SOFT_DPO, LN_DPO, HINGE, EXO, NCA, SPPO_HARD),
    *(APO_ZERO, APO_DOWN, DISCOPOP, MM_DPO, CONSTRAINED, MODPO, FLEX, DPO_G),
)
