"""Methods on pairs with a term about further sequences."""

from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, method, real
from training.engine.registry.types import Param, Preset

RPO = method(
    "rpo",
    "Regularised preference optimisation (DPO with a fine-tuning term)",
    summary="DPO that may not let the chosen likelihood fall: the cheapest guard "
    "against overoptimisation.",
    equation="L = -log sig(beta*h) + eta*N(yw), N = -lp(yw) or -lp(yw)/n(yw)",
    settings=Objective(anchors=("chosen_nll",)),
    own=[
        beta(),
        real("nll_weight", 0.2, "Weight eta; 0 is DPO."),
        Param(
            "nll_norm",
            "str",
            "mean",
            "Mean over tokens (eta 0.2, beta 0.5), or sum (eta 0.005, beta 0.01).",
            choices=("mean", "sum"),
        ),
    ],
    paper="Provably Mitigating Overoptimization in RLHF: Your SFT Loss is Implicitly "
    "an Adversarial Regularizer",
    status="code",
    verified="the authors' code, both ports",
    identities=["at the reference dL/dlp(yw) = -beta/2 - eta, dL/dlp(yl) = beta/2"],
    tests=["test_rpo_gradient_at_the_reference"],
    neighbour="dpo",
    upstream="trl.DPOTrainer: sigmoid and sft, pooled over the batch's tokens",
    not_to_confuse="rubric policy optimisation and reward preference optimisation, "
    "both also called RPO",
)
VPO = method(
    "vpo",
    "Value-incentivised preference optimisation (VPO)",
    summary="Optimism online, pessimism offline: one signed term on a calibration "
    "completion.",
    equation="L = -log sig(beta*h) +- alpha*beta*(lp(yc) - lr(yc)), + optimism",
    settings=Objective(anchors=("calibration",)),
    own=[
        beta(),
        real("alpha", 0.1, "Weight of the term; 0 is DPO."),
        Param(
            "direction",
            "str",
            "pessimism",
            "Pessimism for collected data, optimism for sampled data.",
            choices=("pessimism", "optimism"),
        ),
    ],
    paper="Value-Incentivized Preference Optimization: A Unified Approach to Online "
    "and Offline RLHF",
    columns=["calibration?"],
    status="derivation",
    verified="the identity J*(R) = -beta*E_cal[log pi_R/ref] was derived",
    unverified="the values of alpha and the calibration distribution per setting; "
    "without a column `calibration` it is the chosen completion",
    identities=[
        "J*(R) = -beta*E_cal[log pi_R/ref] for R centred under cal",
        "pessimism on the chosen is rpo with eta = alpha*beta",
    ],
    tests=["test_vpo_value_identity", "test_vpo_on_the_chosen_is_rpo"],
    neighbour="rpo",
)
SELM = method(
    "selm",
    "Self-exploring language models (SELM)",
    summary="Optimism: a stored completion of the reference is made less likely, so "
    "that the next round's samples differ.",
    equation="L = -log sig(beta*h) + alpha*beta*(lp(y0) - lr(y0)), "
    "y0 sampled from the reference",
    settings=Objective(anchors=("calibration",)),
    own=[beta(0.01), real("alpha", 1e-3, "Weight of the term; 0 is DPO.")],
    paper="Self-Exploring Language Models: Active Preference Elicitation for Online "
    "Alignment",
    columns=["calibration"],
    status="code",
    verified="the authors' code",
    identities=["the gradient on lp(y0) is alpha*beta"],
    tests=["test_selm_bonus_gradient"],
    neighbour="vpo",
)
_RATIONALE_FORM = Param(
    "rationale_form",
    "str",
    "log_sigmoid",
    "As in the code, or the plain likelihood of the paper; they agree for long ones.",
    choices=("log_sigmoid", "nll"),
)
DPO_RATIONALE = method(
    "dpo-rationale",
    "DPO with rationales",
    summary="Also learns to say why the chosen completion is better.",
    equation="L = -log sig(beta*h) - log sig(gamma*lp(c | x, both completions))",
    settings=Objective(anchors=("rationale",)),
    own=[
        beta(),
        real("gamma", 0.1, "Weight of the rationale; 0 is DPO, up to a constant."),
        _RATIONALE_FORM,
    ],
    paper="Data-Centric Human Preference Optimization with Rationales",
    columns=["rationale"],
    status="code",
    verified="the authors' code; the paper's form is a choice",
    identities=["|dL/dlp(c)| is between gamma/2 and gamma and tends to gamma"],
    tests=["test_rationale_gradient_stays_in_its_band"],
    neighbour="dpo",
    not_to_confuse="robust DPO (rdpo); the paper calls its method RDPO",
)
ORPO_RATIONALE = method(
    "orpo-rationale",
    "ORPO with rationales",
    summary="ORPO that also learns to say why the chosen completion is better.",
    equation="ORPO's loss - log sig(gamma*lp(c | x, both completions))",
    settings=Objective(
        link="odds",
        mix="none",
        norm="mean",
        scale="one",
        anchors=("chosen_nll", "rationale"),
    ),
    own=[
        beta(help="Weight of the odds-ratio term."),
        real("nll_weight", 1.0, "Weight of the fine-tuning term."),
        real("gamma", 1.0, "Weight of the rationale."),
        _RATIONALE_FORM,
    ],
    paper="Data-Centric Human Preference Optimization with Rationales",
    columns=["rationale"],
    status="code",
    verified="the authors' code",
    identities=["|dL/dlp(c)| is between gamma/2 and gamma and tends to gamma"],
    tests=["test_rationale_gradient_stays_in_its_band"],
    neighbour="orpo",
)

SSPO = method(
    "sspo",
    "Self-supervised preference optimisation (preference degrees)",
    summary="DPO that also learns to tell from its own states how much of a chosen "
    "completion's key content was taken away: copies that lack more and more are made "
    "of each, and a small classifier names their degree. The classifier is no part of "
    "the policy that is left.",
    equation="L = -log sig(beta*h) + gamma*mean_k CE(W mean_t state_t(yw less k/K of "
    "its key words), k), k = 0 .. K-1",
    settings=Objective(anchors=("degrees",)),
    own=[
        beta(),
        real("gamma", 0.1, "Weight of the classifier's loss; 0 is DPO."),
        Param(
            "degrees",
            "int",
            4,
            "Degrees to tell apart, the whole completion among them.",
            minimum=2,
            maximum=16,
        ),
    ],
    paper="Li et al. 2024, Self-supervised Preference Optimization: Enhance Your "
    "Language Model with Preference Degree Awareness",
    status="abstract",
    verified="the abstract: a self-supervised loss of degrees beside the alignment "
    "loss",
    unverified="its form, which is from memory: the base loss, DPO here; key content, "
    "which is the rarest words here; the mean state that is classified; gamma",
    identities=[
        "gamma = 0 is DPO bit for bit",
        "the classifier beats chance on completions it never saw",
        "the policy that is left has DPO's weights and no other",
    ],
    tests=[
        "test_degree_term_is_a_cross_entropy",
        "test_degrees_are_told_apart_on_unseen_completions",
        "test_without_weight_degrees_are_dpo",
    ],
    neighbour="dpo",
    not_to_confuse="self-play preference optimisation (self-play), also called SPO",
)

PRESETS: tuple[Preset, ...] = (*(RPO, VPO, SELM, DPO_RATIONALE, ORPO_RATIONALE, SSPO),)
