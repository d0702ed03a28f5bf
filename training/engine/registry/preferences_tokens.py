"""Methods on pairs that weigh tokens."""

from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, method, real
from training.engine.registry.types import Param, Preset

T_REG = method(
    "t-reg",
    "Token-level reward regularisation (T-REG)",
    summary="The reference, asked for a better and for a worse answer, says which "
    "tokens earned the preference.",
    equation="L = -log sig(beta*h) + alpha*sg[sig(-beta*h)]*(Reg(yw) + Reg(yl)), "
    "Reg = -sum_t beta*rhat_t*log pi(y_t)",
    settings=Objective(anchors=("token_reward",)),
    own=[beta(), real("alpha", 0.25, "Weight of the token term; 0 is DPO.")],
    paper="T-REG: Preference Optimization with Token-Level Reward Regularization",
    status="text",
    verified="notes that state the equations",
    unverified="the stop-gradient on the weight; the wording of the two prompts, "
    "which is ours",
    identities=["rhat is in [-1/2, 1/2]", "equal prompts give rhat = 0, which is DPO"],
    tests=["test_token_rewards_are_bounded_and_vanish_for_equal_prompts"],
    neighbour="dpo",
    upstream="TRL has no weights of tokens",
)

SPARSE = "SparsePO: Controlling Preference Alignment of LLMs via Sparse Token Masks"

SPARSE_PO = method(
    "sparse-po",
    "Learned token masks (SparsePO)",
    summary="Heads over the reference's layers learn which tokens' rewards count, and "
    "how closely each token is tied to the reference; most may count nothing. The "
    "reference runs at every step.",
    equation="L = -log sig(beta*([u - k](yw) - [u - k](yl))) + l1*(|m_u| + |m_d|), "
    "u = sum_t m_u*log(pi/ref), k = sum_t m_d*sum_v ref(v)*log(pi(v)/ref(v))",
    settings=Objective(tokens="masked", anchors=("sparsity",)),
    own=[
        beta(),
        real("l1", 0.001, "Weight of the masks' sizes: larger counts fewer tokens."),
        Param(
            "masks",
            "str",
            "independent",
            "One mask for a token's reward and its tie, or one for each.",
            choices=("independent", "shared"),
        ),
    ],
    paper=SPARSE,
    status="code",
    verified="the authors' code: score, norm, heads",
    unverified="where the masks start, which is near 1 here; dropout in the heads is "
    "left out",
    identities=[
        "m_u = 1, m_d = 0 and l1 = 0 is DPO",
        "both masks 1 is TDPO: h + KL(ref || pi) a side",
    ],
    tests=[
        "test_masked_scores_have_their_limits",
        "test_masks_and_divergences_equal_the_plain_way",
    ],
    neighbour="dpo",
    upstream="TRL has no weights of tokens",
)
MASK_PO = method(
    "mapo-masks",
    "Token masks from activations (MaPO)",
    summary="How active the reference's layers are at a token, within its completion, "
    "says how much the token's reward and its tie count. Nothing more learns.",
    equation="L = -log sig(beta*([u - k](yw) - [u - k](yl))), u and k as in sparse-po, "
    "m_u = m_d = mean over layers of (a_t - min a)/(max a - min a)",
    settings=Objective(tokens="activated"),
    own=[beta()],
    paper=SPARSE,
    status="code",
    verified="the authors' code: score and masks",
    unverified="which activations the published runs took; here the layers' outputs",
    identities=[
        "masks lie in [0, 1], and each layer's reach both ends",
        "scaling or shifting a layer's activations changes nothing",
    ],
    tests=[
        "test_masked_scores_have_their_limits",
        "test_activations_are_rescaled_in_each_completion",
    ],
    neighbour="sparse-po",
    upstream="TRL has no weights of tokens",
    not_to_confuse="margin-aware preference optimisation, also called MaPO",
)

PRESETS: tuple[Preset, ...] = (T_REG, SPARSE_PO, MASK_PO)
