"""Two agents: what feedback earns, and what an exchange of answers earns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from tests.engine.identities.samplers import Saying, scripted
from tests.engine.support import Finished, Workspace, say
from tests.engine.test_online_runs import train
from training.engine.data import Messages
from training.engine.models import load_policy
from training.engine.online import agents
from training.engine.online.feedback import (
    AGAIN,
    ASK,
    FINE,
    ConversationSampler,
    FeedbackSampler,
    OutcomeReward,
    is_content,
)
from training.engine.online.rewards import Contains
from training.engine.online.rollout import Rollout
from training.engine.sampling import Prompt
from training.engine.spec import ModelPart
from training.engine.tiny import build_tokenizer

TOKENIZER = build_tokenizer(encoder=False)


@dataclass
class Agent:
    """Says what it is told to, and keeps what it was asked."""

    say: Callable[[Messages], str]
    asked: list[Messages] = field(default_factory=list)

    def write(self, chats: Sequence[Messages]) -> list[str]:
        """Return what it says to each conversation."""
        self.asked += chats
        return [self.say(chat) for chat in chats]


def prompts(count: int) -> list[Prompt]:
    return [Prompt(f"p{i}", say("user", f"what is {i}?")) for i in range(count)]


def nothing(done: int) -> None:
    """Called after each batch."""


def obliging(chat: Messages) -> str:
    """Answer plainly; where asked to be kind, kindly."""
    last = chat[-1]["content"]
    if AGAIN not in last:
        return "a plain answer"
    return "a kind answer" if "kind" in last else "a plain answer"


def drawn(lines: list[str], agent: Agent) -> tuple[list[Rollout], Saying]:
    inner = scripted(lines)
    sampler = FeedbackSampler(inner, agent)
    found = sampler.sample(prompts(1) * len(lines), 1, seed=0, tick=nothing)
    return found, inner


def reward(*, gain: bool) -> OutcomeReward:
    return OutcomeReward(Contains(["kind"]), TOKENIZER, gain=gain)


def test_feedback_earns_what_it_improves() -> None:
    found, inner = drawn(["be kind", "be brief"], Agent(obliging))
    assert [r.outcome for r in found] == ["a kind answer", "a plain answer"]
    assert reward(gain=True).score(found) == [1.0, 0.0]
    # The feedback agent reads the answer; its reward model reads the prompt alone.
    asked = inner.asked[0]
    assert [m["role"] for m in asked.messages] == ["user", "assistant", "user"]
    assert asked.messages[1]["content"] == "a plain answer"
    assert asked.messages[2]["content"] == ASK
    assert asked.judged == say("user", "what is 0?")
    worse, _ = drawn(
        ["be kind"], Agent(lambda chat: "kind" if len(chat) == 1 else "no")
    )
    assert reward(gain=True).score(worse) == [-1.0]


def test_feedback_that_changes_nothing_earns_nothing() -> None:
    agent = Agent(obliging)
    lines = ["be brief", FINE, f"{FINE} It is kind.", "", "no  CHANGE needed"]
    found, _ = drawn(lines, agent)

    class Noisy:
        """Scores one text otherwise every time it is asked."""

        name, calls = "noisy", 0

        def score(self, rollouts: Sequence[Rollout]) -> list[float]:
            """Return another number each time."""
            self.calls += 1
            return [self.calls + 0.1 * i for i in range(len(rollouts))]

    assert OutcomeReward(Noisy(), TOKENIZER, gain=True).score(found) == [0.0] * 5
    # The first answer once, and again for the only feedback with something to say.
    assert len(agent.asked) == 2
    assert not is_content("No change of mind") and is_content(" \n ")


def test_answers_are_written_once_for_each_prompt() -> None:
    agent = Agent(obliging)
    sampler = FeedbackSampler(scripted([FINE] * 6), agent)
    for _ in range(2):
        sampler.sample(prompts(3), 1, seed=0, tick=nothing)
    assert len(agent.asked) == 3


def critical(chat: Messages) -> str:
    return "be kind" if "plain" in chat[-2]["content"] else FINE


def test_answers_of_an_exchange_earn_what_it_ends_in() -> None:
    inner = scripted(["plain", "kind", "plain", "kind at last", "still plain"])
    agent = Agent(critical)
    sampler = ConversationSampler(inner, agent)
    found = sampler.sample(prompts(3), 1, seed=0, tick=nothing)
    assert [r.text for r in found] == [
        *("plain", "kind at last"),
        "kind",
        *("plain", "still plain"),
    ]
    assert [r.group for r in found] == [0, 0, 1, 2, 2]
    assert reward(gain=False).score(found) == [1.0, 1.0, 1.0, 0.0, 0.0]
    second = found[1].prompt
    assert [m["content"] for m in second.messages] == [
        *("what is 0?", "plain"),
        f"be kind\n\n{AGAIN}",
    ]
    assert second.judged == say("user", "what is 0?")


def weights(run: Finished) -> dict[str, torch.Tensor]:
    model = load_policy(ModelPart(source=str(run.out / "model"))).model
    return dict(model.state_dict())


AGENT = {"source": "tiny:causal"}


def test_agent_that_finds_everything_fine_is_grpo(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents.Writer, "write", lambda self, chats: [FINE] * len(chats))
    models = {"feedback": AGENT}
    ours = train(workspace, "waltz-conversation", models=models)
    assert ours.code == 0, ours.status
    plain = train(workspace, "grpo", params={"max_prompt_tokens": 2048})
    one, other = weights(ours), weights(plain)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("preset", "agent"),
    [("waltz", "conversation"), ("waltz-conversation", "feedback")],
)
def test_both_agents_learn_beside_the_other(
    workspace: Workspace, trained: dict[str, Path], preset: str, agent: str
) -> None:
    models = {agent: AGENT, "reward": {"source": str(trained["reward"])}}
    params = {"rule": "none", "samples": 2}
    run = train(workspace, preset, models=models, params=params)
    assert run.code == 0, run.status
    metrics = run.status["metrics"]
    assert metrics["first/policy/first_ratio"] == pytest.approx(1, abs=1e-4)
    if preset == "waltz":
        # An agent that says nothing at first has nothing to change.
        assert 0 <= metrics.get("first/feedback/changed_share", 0) <= 1
    alone = train(workspace, preset, params=params)
    assert alone.status["error"]["field"] == f"models.{agent}"
