"""Language models used as they are: to score, and to sample while another steers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from training.engine.registry.tools import GENERATE, SCORE
from training.engine.registry.types import MadeBy, Param, ParamValue, Preset

PER_TOKEN = Param(
    "per_token", "bool", False, "Take means over tokens, which long texts do not lose."
)
SCALE = Param(
    "beta", "float", 0.1, "The beta that the model was tuned with.", 1e-6, 100.0
)
KIND = Param(
    "kind",
    "str",
    "Thank you, that helps a lot!|That is exactly what I asked for.",
    "What a pleased reader says next, with | between them.",
)
UNKIND = Param(
    "unkind",
    "str",
    "That does not help me at all.|You did not answer what I asked.",
    "What a displeased reader says next, as long and as many.",
)


def scorer(name: str, title: str, summary: str, *own: Param, **about: Any) -> Preset:
    """Return a way to score, with the settings of scoring that it takes."""
    shared = tuple(p for p in SCORE.params if p.name != "features")
    return replace(
        SCORE,
        name=name,
        title=title,
        summary=summary,
        backends=("hone",),
        params=(*own, *shared),
        **about,
    )


def _with(param: Param, default: ParamValue) -> Param:
    return replace(param, default=default)


STEERED = replace(
    GENERATE,
    name="value-augmented-sampling",
    title="Value-augmented sampling (VAS)",
    summary="Samples from a model as it is, steered at every token by what a model of "
    "reward-values finds the beginning worth. Other models' values need no training "
    "of this one; each token costs one reading for each token that is valued.",
    backends=("hone",),
    models=("value",),
    made_by=(MadeBy(("value",), ("reward-values",)),),
    params=(
        Param(
            "value_beta",
            "float",
            3.0,
            "How much a unit of value counts; 0 leaves the model as it is.",
            -1000,
            1000,
        ),
        Param("value_top", "int", 20, "Likeliest tokens that are valued.", 1, 1024),
        *GENERATE.params,
    ),
    paper="Han et al. 2024, Value Augmented Sampling for Language Model Alignment and "
    "Personalization",
    equation="logits + beta*(V(prefix + token) - mean V over the top k tokens)",
    identities=(
        "beta 0 is the model itself",
        "one step over all tokens: pi(y) exp(beta R(y)) / Z",
        "on a tree it lies between the model and the best policy of its tie",
    ),
    status="code",
    verified="the authors' code; a two-step tree reproduced",
    unverified="several value models at once, which are left out",
    neighbour="ppo",
    tests=(
        "test_one_steered_step_is_the_tilted_model",
        "test_steered_tree_lies_between_the_model_and_the_optimum",
    ),
)

PRESETS: tuple[Preset, ...] = (
    STEERED,
    scorer(
        "likelihood",
        "Log-likelihood of a completion",
        "How likely a language model finds a completion of its prompt.",
        PER_TOKEN,
        paper="Likelihood-Based Reward Designs for General LLM Reasoning",
        equation="r = log p(y|x), or over n(y)",
        identities=("it is minus the cross-entropy of the completion, summed",),
        status="derivation",
        verified="the identity with the cross-entropy",
        unverified="which of its variants the paper advises for which task",
        neighbour="density-ratio",
        tests=("test_likelihood_is_minus_the_cross_entropy",),
    ),
    scorer(
        "density-ratio",
        "Density ratio of two models (Dr.SoW, CDR)",
        "What a stronger or better aligned model (model) finds likelier than a weaker "
        "one (reference): the wider the gap in alignment, the better it judges.",
        PER_TOKEN,
        one_of=("reference",),
        paper="CDR: Customizable Density Ratios of Strong-over-Weak LLMs for "
        "Preference Annotation",
        equation="r = log p_strong(y|x) - log p_weak(y|x)",
        identities=(
            "equal models give 0",
            "it is the difference of two likelihoods",
        ),
        status="abstract",
        unverified="normalisation by length, and the router of prompts, which is left "
        "out: write criteria into the prompts",
        neighbour="implicit-reward",
        tests=("test_ratio_of_equal_models_is_nothing",),
    ),
    scorer(
        "implicit-reward",
        "Implied reward of a tuned policy",
        "The reward that a policy tuned on preferences implies, over the reference "
        "that it was tuned from.",
        SCALE,
        one_of=("reference",),
        paper="Rafailov et al. 2023, Direct Preference Optimization: Your Language "
        "Model is Secretly a Reward Model, eq. 5",
        equation="r = beta*s(y) = beta*(lp(y) - lr(y))",
        identities=(
            "its differences are the log-odds that DPO learned",
            "an untuned policy gives 0",
        ),
        status="derivation",
        verified="the optimum of DPO, whose log-ratio it is",
        neighbour="density-ratio",
        tests=("test_ratio_of_equal_models_is_nothing",),
    ),
    scorer(
        "follow-up-likelihood",
        "Likelihood of a pleased follow-up (FLR)",
        "How much likelier a language model finds a pleased next turn of the reader "
        "than a displeased one.",
        _with(PER_TOKEN, True),
        KIND,
        UNKIND,
        paper="Aligning Language Models Using Follow-up Likelihood as Reward Signal",
        equation="r = mean_kind log p(f|x, y) - mean_unkind log p(f|x, y)",
        identities=("exchanging both lists turns the sign",),
        status="abstract",
        unverified="how criteria are put together; the sentences are ours",
        neighbour="likelihood",
        tests=("test_exchanged_follow_ups_turn_the_sign",),
    ),
)
