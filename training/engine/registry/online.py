"""Policies from completions sampled during training, as data."""

from training.engine.registry import common, online_params
from training.engine.registry.types import Preset

PPO = Preset(
    name="ppo",
    task="ppo",
    title="Proximal policy optimisation",
    summary=(
        "Samples completions, scores them with a reward model or a rule, and moves the "
        "policy towards what scored better than its critic expected, in small steps "
        "that stay near a frozen reference."
    ),
    paper=(
        "Schulman et al. 2017, Proximal Policy Optimization Algorithms, eq. 7; for "
        "language models: Ziegler et al. 2019, Fine-Tuning Language Models from Human "
        "Preferences; details: Huang et al. 2024, The N+ Implementation Details of "
        "RLHF with PPO"
    ),
    produces="policy",
    needs=("train",),
    view="pairs",
    backends=("hone",),
    upstream="none since TRL 1.13; its last PPOTrainer (1.12) is the oracle of a bench",
    equation=(
        "-min(r_t A_t, clip(r_t, 1 - e, 1 + e) A_t)"
        " + c_v max((V - R)^2, (clip(V, V_old +- e_v) - R)^2) / 2;"
        " A by GAE on score - kl_coef (log pi_old - log pi_ref)"
    ),
    identities=(
        "at ratio one the loss is minus the mean advantage",
        "with lambda 0 an advantage is the one-step error, with 1 the return less the "
        "value",
        "padding and the split into forward passes change nothing",
        "a tabular policy reaches ref * exp(score / kl_coef)",
    ),
    status="code",
    verified=(
        "losses, rewards, advantages and weights after an update agree with TRL "
        "1.12's trainer on the same completions; the optimum is reached on tabular "
        "policies"
    ),
    tests=(
        "tests/engine/test_ppo_maths.py",
        "tests/engine/test_ppo_optimum.py",
        "tests/engine/test_ppo_runs.py",
    ),
    params=(
        common.learning_rate(3e-6),
        common.EPOCHS,
        *online_params.SAMPLING,
        *online_params.REWARDS,
        *online_params.KL,
        *online_params.CRITIC,
        *online_params.SHAPING,
        *online_params.UPDATES,
        *online_params.LOOP,
    ),
)

PRESETS: tuple[Preset, ...] = (PPO,)
