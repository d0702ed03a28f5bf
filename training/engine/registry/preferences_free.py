"""Methods on pairs that need no reference."""

from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, method, real
from training.engine.registry.types import Preset

SIMPO = method(
    "simpo",
    "SimPO",
    summary="No reference: mean log-probability per token is the reward, with a "
    "margin.",
    equation="L = -log sig(beta*(lp(yw)/n(yw) - lp(yl)/n(yl)) - gamma)",
    settings=Objective(mix="none", norm="mean", margin="gamma"),
    own=[
        beta(2.0, "Scale of the mean log-probability."),
        real("gamma", 1.0, "Margin asked for between the two scaled means."),
    ],
    paper="Meng et al. 2024, SimPO: Simple Preference Optimization with a "
    "Reference-Free Reward",
    status="code",
    verified="TRL's experimental trainer",
    identities=["equal to TRL's simpo"],
    tests=["test_reference_free_losses_equal_trls"],
    neighbour="ln-dpo",
    upstream="trl.experimental.cpo: simpo",
)
ORPO = method(
    "orpo",
    "ORPO",
    summary="Fine-tunes on the chosen completion and raises its odds over the "
    "rejected one's. No reference.",
    equation="L = -lp(yw)/n(yw) - beta*log sig(log odds(yw) - log odds(yl)), "
    "odds of exp(lp/n)",
    settings=Objective(
        link="odds", mix="none", norm="mean", scale="one", anchors=("chosen_nll",)
    ),
    own=[
        beta(help="Weight of the odds-ratio term."),
        real("nll_weight", 1.0, "Weight of the fine-tuning term."),
    ],
    paper="Hong et al. 2024, ORPO: Monolithic Preference Optimization without "
    "Reference Model, eqs. 4 and 7",
    status="code",
    verified="TRL's experimental trainer",
    identities=["equal to TRL's odds-ratio loss", "the loss is ln 2 at equal odds"],
    tests=["test_reference_free_losses_equal_trls"],
    neighbour="simpo",
    upstream="trl.experimental.orpo (fine-tunes on the prompt's tokens too)",
)
POWER = method(
    "power",
    "Weighted-entropy robust optimisation (POWER)",
    summary="No reference: log-probabilities per token with an offset for length, "
    "the optimum of a reward with weighted entropy.",
    equation="L = -log sig(beta*(uw*lp(yw) - ul*lp(yl) + uw - ul)) "
    "- eta*beta*uw*lp(yw), u = 1/n",
    settings=Objective(
        mix="none", norm="mean", offset="inverse_length", anchors=("power",)
    ),
    own=[
        beta(2.0, "Strength of the weighted entropy."),
        real("nll_weight", 0.0, "Weight eta of the fine-tuning term."),
    ],
    paper="Sail into the Headwind: Alignment via Robust Rewards and Dynamic Labels "
    "against Reward Hacking",
    status="derivation",
    verified="the stationary point of the weighted-entropy objective was derived",
    unverified="the value of eta",
    identities=["differences of R equal those of beta*(u log pi + u) at the optimum"],
    tests=["test_power_is_stationary_at_its_optimum"],
    neighbour="simpo",
)
POWER_DL = method(
    "power-dl",
    "POWER with dynamic labels (POWER-DL)",
    summary="POWER whose labels drift to what the policy believes, so that pairs it "
    "cannot fit lose their pull.",
    equation="POWER with label l: -l*log sig(z) - (1-l)*log sig(-z), "
    "l <- (1-g)*l + g*sig(z)",
    settings=Objective(
        mix="none",
        norm="mean",
        offset="inverse_length",
        label="state",
        anchors=("power",),
    ),
    own=[
        beta(2.0, "Strength of the weighted entropy."),
        real("nll_weight", 0.0, "Weight eta of the fine-tuning term."),
        real("label_rate", 0.1, "How fast labels drift, g; 0 is POWER.", high=1.0),
    ],
    paper="Sail into the Headwind: Alignment via Robust Rewards and Dynamic Labels "
    "against Reward Hacking",
    status="memory",
    verified="",
    identities=["l = sig(z) has no gradient", "the label's distance to sig(z) decays"],
    tests=["test_dynamic_labels_drift_to_the_policys_belief"],
    neighbour="power",
)
CPL = method(
    "cpl",
    "Contrastive preference learning (CPL)",
    summary="No reference: discounted log-probabilities are the advantage, and a bias "
    "on the rejected side keeps unseen completions unlikely.",
    equation="L = -log(exp(A+) / (exp(A+) + exp(b*A-))), "
    "A = beta*sum_t gamma^t*log pi(y_t)",
    settings=Objective(mix="none", tokens="discounted", scale="bias"),
    own=[
        beta(help="Scale of the advantage, the paper's alpha."),
        real("rejected_bias", 0.5, "Factor b of the rejected side.", low=1e-6, high=1),
        real("discount", 1.0, "Discount gamma of later tokens.", low=0.0, high=1.0),
    ],
    paper="Contrastive Preference Learning: Learning from Human Feedback without RL",
    status="code",
    verified="the authors' code, whose sum is undiscounted",
    identities=["b = 1 is TRL's reference-free logistic loss"],
    tests=["test_cpl_without_bias_is_trls_reference_free_loss"],
    neighbour="contrastive-po",
    upstream="trl.experimental.cpo: sigmoid has b = 1",
)
CONTRASTIVE = method(
    "contrastive-po",
    "Contrastive preference optimisation",
    summary="Logistic loss on plain log-probabilities and fine-tuning on the chosen.",
    equation="L = -log sig(beta*d) - lp(yw)/n(yw)",
    settings=Objective(mix="none", anchors=("chosen_nll",)),
    own=[beta(), real("nll_weight", 1.0, "Weight of the fine-tuning term.")],
    paper="Xu et al. 2024, Contrastive Preference Optimization, eq. 3",
    status="code",
    verified="TRL's experimental trainer",
    identities=["equal to TRL's sigmoid plus its fine-tuning term"],
    tests=["test_reference_free_losses_equal_trls"],
    neighbour="cpl",
    upstream="trl.experimental.cpo: sigmoid, where it is called CPO",
    not_to_confuse="constrained preference optimisation (constrained-po)",
)

PRESETS: tuple[Preset, ...] = (SIMPO, ORPO, POWER, POWER_DL, CPL, CONTRASTIVE)
