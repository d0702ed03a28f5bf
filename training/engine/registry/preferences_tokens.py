"""Methods on pairs that weigh tokens."""

from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, method, real
from training.engine.registry.types import Preset

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

PRESETS: tuple[Preset, ...] = (T_REG,)
