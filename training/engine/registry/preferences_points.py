"""Methods on single completions: demonstrations, and good or bad ones."""

from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, method, real
from training.engine.registry.types import Preset

SFT = method(
    "sft",
    "Supervised fine-tuning",
    summary="Makes demonstrated completions likely; each completion counts the same.",
    equation="L = -lp(y)/n(y)",
    settings=Objective(data="demonstrations", link="nll", mix="none", norm="mean"),
    paper="Ouyang et al. 2022, Training language models to follow instructions with "
    "human feedback",
    status="code",
    verified="transformers' loss of causal language models",
    identities=["equal to the library's own loss on one completion"],
    tests=["test_sft_is_the_librarys_loss"],
    neighbour="poft",
    upstream="trl.SFTTrainer (which weighs by tokens)",
)
POFT = method(
    "poft",
    "Preference-oriented fine-tuning (PoFT)",
    summary="Fine-tunes most on demonstrations that aligned teachers find likelier "
    "than the policy does.",
    equation="L = -log sig(lp(y)/n - mean_j lp_j(y)/n)",
    settings=Objective(
        data="demonstrations", link="teacher_logistic", mix="teachers", norm="mean"
    ),
    paper="Preference-Oriented Supervised Fine-Tuning: Favoring Target Model Over "
    "Aligned Large Language Models",
    models=["teacher_1"],
    status="text",
    verified="the paper",
    identities=["the gradient is sig(rbar - r) times that of fine-tuning"],
    tests=["test_poft_gradient_is_a_share_of_fine_tunings"],
    neighbour="sft",
)
KTO = method(
    "kto",
    "Kahneman-Tversky optimisation (KTO)",
    summary="Learns from completions that are good or bad on their own.",
    equation="L = w*(1 - sig(+-beta*(s(y) - z0))), "
    "z0 = mean s of mismatched completions, at least 0",
    settings=Objective(data="unary", link="kto"),
    own=[
        beta(),
        real("desirable_weight", 1.0, "Weight of good completions."),
        real("undesirable_weight", 1.0, "Weight of bad completions."),
    ],
    paper="Ethayarajh et al. 2024, KTO: Model Alignment as Prospect Theoretic "
    "Optimization, eq. 7",
    columns=["label"],
    status="code",
    verified="TRL's trainer",
    identities=["equal to TRL's kto", "the loss is 1/2 at the reference"],
    tests=["test_kto_equals_trls"],
    neighbour="sft",
    upstream="trl.KTOTrainer",
    batch=8,
)

PRESETS: tuple[Preset, ...] = (SFT, POFT, KTO)
