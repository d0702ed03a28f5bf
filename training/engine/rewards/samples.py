"""What a policy writes now, as examples that a reward model can look at."""

from __future__ import annotations

import random

from accelerate import PartialState

from training.engine.context import RunContext
from training.engine.models import load_policy
from training.engine.online.prompts import practice_prompts
from training.engine.online.rollout import Drawing, LocalSampler
from training.engine.rewards.examples import Encoder, Example


def samples_of_policy(context: RunContext, encoder: Encoder) -> list[Example]:
    """Return completions that ``models.policy`` draws, one example a prompt.

    Prompts are those of ``data.prompts``, or else of the pairs. The policy leaves
    memory again; the same seed draws the same completions.

    Raises:
        FixableError: if the policy cannot be loaded, or a prompt cannot be read.
    """
    spec = context.spec
    policy = load_policy(spec.models["policy"], seed=spec.seed)
    device = PartialState().device
    policy.model.requires_grad_(False).eval().to(device)
    prompts = practice_prompts(spec.data)
    draw = random.Random(f"{spec.seed}/meta")
    prompts = draw.sample(prompts, min(context.integer("meta_prompts"), len(prompts)))
    count = context.integer("meta_samples")
    drawing = Drawing(
        temperature=1.0,
        max_new_tokens=context.integer("max_new_tokens"),
        max_prompt_tokens=context.integer("max_length"),
        batch_size=context.integer("batch_size"),
    )
    rollouts = LocalSampler(policy, policy.model, drawing, device).sample(
        prompts, count, seed=spec.seed, tick=lambda done: context.control.check()
    )
    return [
        Example(
            row_id=prompt.prompt_id,
            members=encoder.sequences(
                prompt.messages,
                [
                    [{"role": "assistant", "content": found.text}]
                    for found in rollouts[place * count : (place + 1) * count]
                ],
            ),
        )
        for place, prompt in enumerate(prompts)
    ]
