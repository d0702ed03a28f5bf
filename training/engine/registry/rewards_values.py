"""Values of beginnings: what a completion will have earned when it ends."""

from training.engine.registry.rewards_algebra import RewardRow
from training.engine.registry.rewards_common import real, reward_method
from training.engine.registry.types import Preset

PREFIX_VALUES = reward_method(
    "reward-values",
    "Values of beginnings (VAS, the critic)",
    summary="Learns at every token what a model's completion will have earned when it "
    "ends, from whole completions of that model and their rewards. Steers the model by "
    "value-augmented-sampling.",
    equation="L = mean_t (V(x, y_<=t) - G_t)^2 / 2, G_t = (1-lam)*V_t+1 + lam*G_t+1, "
    "G at the end = R",
    settings=RewardRow(data="scalars", head="value", loss="td", blind_to=("user",)),
    own=[
        real("trace", 0.95, "Lambda: 1 learns from the reward alone.", high=1.0),
    ],
    paper="Han et al. 2024, Value Augmented Sampling for Language Model Alignment and "
    "Personalization",
    status="code",
    verified="the authors' code: TD(0.95), no discount, half the squared error",
    identities=[
        "lambda 1: every target is the reward; 0: the next state's value",
        "a constant reward is its own value",
    ],
    tests=["test_targets_run_from_the_next_value_to_the_reward"],
    neighbour="reward-helpsteer2",
)

PRESETS: tuple[Preset, ...] = (PREFIX_VALUES,)
