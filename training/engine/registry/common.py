"""Settings that several presets share, so that each is described once."""

from training.engine.registry.types import Param

SCHEDULES = ("linear", "cosine", "constant", "constant_with_warmup")


def learning_rate(default: float) -> Param:
    """Return the learning-rate setting with a method's own default."""
    return Param(
        "learning_rate",
        "float",
        default,
        "Peak step size of AdamW; the schedule starts and ends below it.",
        minimum=0.0,
        maximum=1.0,
    )


def batch_size(default: int) -> Param:
    """Return the batch-size setting (pairs per optimiser step and device)."""
    return Param(
        "batch_size",
        "int",
        default,
        "Pairs in one forward pass on one device.",
        minimum=1,
        maximum=4096,
    )


def max_length(default: int) -> Param:
    """Return the setting for the longest sequence, prompt and completion together."""
    return Param(
        "max_length",
        "int",
        default,
        "Longest sequence in tokens; longer ones are shortened and counted.",
        minimum=8,
        maximum=131072,
    )


EPOCHS = Param(
    "epochs",
    "float",
    1.0,
    "Passes over the training rows.",
    minimum=0.001,
    maximum=1000,
)
GRADIENT_ACCUMULATION = Param(
    "gradient_accumulation",
    "int",
    1,
    "Forward passes added up before one optimiser step.",
    minimum=1,
    maximum=4096,
)
WARMUP = Param(
    "warmup",
    "float",
    0.1,
    "Share of the steps during which the learning rate rises from zero.",
    minimum=0.0,
    maximum=1.0,
)
SCHEDULE = Param(
    "schedule",
    "str",
    "linear",
    "How the learning rate falls after the warm-up.",
    choices=SCHEDULES,
)
WEIGHT_DECAY = Param(
    "weight_decay",
    "float",
    0.0,
    "AdamW's decoupled weight decay.",
    minimum=0.0,
    maximum=1.0,
)
MAX_GRAD_NORM = Param(
    "max_grad_norm",
    "float",
    1.0,
    "Gradients longer than this are scaled down to it.",
    minimum=0.0,
    maximum=1e6,
)
AVERAGING = Param(
    "averaging",
    "str",
    "none",
    "Save a moving average of the weights, or the mean of a run's last steps.",
    choices=("none", "ema", "tail"),
)
AVERAGING_DECAY = Param(
    "averaging_decay",
    "float",
    0.99,
    "What the moving average keeps of itself a step; less at first (ema).",
    minimum=0.0,
    maximum=0.999999,
)
AVERAGING_SHARE = Param(
    "averaging_share",
    "float",
    0.5,
    "Share of the steps, the last ones, that the mean is over (tail).",
    minimum=0.001,
    maximum=1.0,
)
GROUP_BY_LENGTH = Param(
    "group_by_length",
    "bool",
    True,
    "Put rows of similar length in one batch, which wastes less padding.",
)
GROUP_BY_PROMPT = Param(
    "group_by_prompt",
    "bool",
    False,
    "Put rows of one prompt in one batch, where each repeated text is run once.",
)
POOL_LABELS = Param(
    "pool_labels",
    "bool",
    True,
    "Merge rows about the same two completions into one by weighted majority.",
)
GRADIENT_CHECKPOINTING = Param(
    "gradient_checkpointing",
    "bool",
    False,
    "Recompute activations in the backward pass: less memory, about 20% slower.",
)
CHECKPOINT_STEPS = Param(
    "checkpoint_steps",
    "int",
    None,
    "Optimiser steps between checkpoints; empty means by time alone.",
    minimum=1,
    nullable=True,
)
CHECKPOINT_SECONDS = Param(
    "checkpoint_seconds",
    "float",
    300.0,
    "Seconds between checkpoints; empty means by steps alone.",
    minimum=0.0,
    nullable=True,
)
LOG_STEPS = Param(
    "log_steps",
    "int",
    1,
    "Optimiser steps between metrics events.",
    minimum=1,
    maximum=100000,
)

LOOP = (
    GRADIENT_ACCUMULATION,
    WARMUP,
    SCHEDULE,
    WEIGHT_DECAY,
    MAX_GRAD_NORM,
    AVERAGING,
    AVERAGING_DECAY,
    AVERAGING_SHARE,
    GROUP_BY_LENGTH,
    POOL_LABELS,
    GRADIENT_CHECKPOINTING,
    CHECKPOINT_STEPS,
    CHECKPOINT_SECONDS,
    LOG_STEPS,
)
"""The settings of every training loop, after those that differ by method."""

TEMPERATURE = Param(
    "temperature",
    "float",
    0.8,
    "Sampling temperature; 0 takes the likeliest token every time.",
    minimum=0.0,
    maximum=10.0,
)
TOP_P = Param(
    "top_p",
    "float",
    0.95,
    "Sample from the likeliest tokens that together hold this probability.",
    minimum=0.01,
    maximum=1.0,
)
MAX_NEW_TOKENS = Param(
    "max_new_tokens",
    "int",
    128,
    "Longest completion in tokens.",
    minimum=1,
    maximum=32768,
)
MAX_PROMPT_TOKENS = Param(
    "max_prompt_tokens",
    "int",
    1024,
    "Longest prompt in tokens; longer ones lose their beginning and are counted.",
    minimum=8,
    maximum=131072,
)
