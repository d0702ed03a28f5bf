"""Known answers behind completions: the gradient they give, and a run of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.engine.identities.support import draw
from tests.engine.identities.test_online_rows import context, update_of
from tests.engine.support import Workspace, pair_row, say, write_rows
from tests.engine.test_online_runs import train
from training.engine.errors import FixableError
from training.engine.models import load_policy
from training.engine.online.answers import ending, longest, with_given
from training.engine.online.pipeline import Pipeline
from training.engine.online.rollout import Rollout
from training.engine.ppo.actor_critic import Outputs
from training.engine.ppo.experience import sequences
from training.engine.ppo.learner import Totals, losses
from training.engine.sampling import Prompt
from training.engine.spec import ModelPart
from training.engine.tasks import online


def test_expected_gradient_is_that_of_the_answers_likelihood() -> None:
    """Three things to write, one answer: every pair of samples, by its chance."""
    logits = [draw(3, seed=1).requires_grad_(), draw(3, seed=2).requires_grad_()]
    chances = torch.log_softmax(logits[0], 0)  # of z
    likely = torch.nn.functional.logsigmoid(logits[1])  # of the answer after z
    wanted = torch.autograd.grad(
        (chances.exp() * likely).sum(), logits, retain_graph=True
    )
    run = context("likelihood-rewards", samples=2, prompts_per_update=1, minibatch=2)
    row = online.row_of(run)
    settings = online.update_settings(run, row)
    pipeline = Pipeline(row, online.pipeline_settings(run, row, ["answer"]))
    both = sequences([[1]] * 2, [[2, 3]] * 2, pad_token_id=0, width=2)
    rollout = Rollout(Prompt("p", [], "a"), 0, [1], [2, 3], True, "", given=1)
    found = [torch.zeros_like(value) for value in logits]
    for first in range(3):
        for second in range(3):
            pair = [first, second]
            logprobs = torch.stack([chances[pair], likely[pair]], 1)  # (2, 2)
            scored = replace(
                update_of(2),
                rollouts=[rollout, rollout],
                sequences=both,
                rewards=likely[pair].detach()[:, None],
                groups=torch.zeros(2, dtype=torch.long),
                ended=torch.ones(2, dtype=torch.bool),
                old_logprobs=logprobs.detach(),
                reference_logprobs=logprobs.detach(),
                entropy=torch.zeros(2, 2),
                values=None,
                weights=torch.ones(2, 2),
            )
            experience = pipeline(scored)
            outputs = Outputs(logprobs, torch.zeros(2, 2), None)
            loss, _ = losses(outputs, experience, settings, Totals.of(experience))
            slopes = torch.autograd.grad(loss, logits, retain_graph=True)
            chance = (chances[first] + chances[second]).exp().detach()
            for total, slope in zip(found, slopes, strict=True):
                total -= chance * slope
    for one, other in zip(found, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-7)


def test_given_tokens_are_learned_by_their_likelihood() -> None:
    tokens = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]).bool()
    prompt = Prompt("p", [], "a")
    rollouts = [
        Rollout(prompt, 0, [1], [2] * 3, True, "", given=2),
        Rollout(prompt, 0, [1], [2] * 4, True, "", given=4),
    ]
    placed = -0.5 * tokens
    expected = [[-0.5, 1, 1, 0], [1, 1, 1, 1]]
    assert with_given(placed, tokens, rollouts).tolist() == expected


def test_answers_stand_behind_what_is_drawn(workspace: Workspace) -> None:
    rows = [pair_row(i, reference=say("assistant", "a good list")) for i in range(4)]
    path = str(write_rows(workspace.path / "known.parquet", rows))
    params = {"rule": "none", "samples": 2, "max_prompt_tokens": 64}
    name = "likelihood-rewards"
    run = train(workspace, name, data={"train": path}, params=params)
    assert run.code == 0, run.status["error"]
    metrics = run.status["metrics"]
    assert metrics["first/rewards/answer"] < 0
    # Five tokens at most are drawn; the answer's own come behind them.
    assert metrics["first/completion/tokens"] > 5
    assert metrics["first/completion/ended_share"] == 1


def test_answer_that_does_not_fit_the_model_is_refused() -> None:
    loaded = load_policy(ModelPart(source="tiny:causal"))
    prompts = [Prompt("p", [], "a"), Prompt("q", [], "a good list")]
    tokens = [len(ending(loaded, prompt.answer)) for prompt in prompts]
    assert tokens[0] < tokens[1] == longest(loaded, prompts, [9, 9], 5)
    room = loaded.context - 5 - tokens[1]
    assert longest(loaded, prompts, [room, room], 5) == tokens[1]
    with pytest.raises(FixableError, match="do not fit"):
        longest(loaded, prompts, [9, room + 1], 5)
