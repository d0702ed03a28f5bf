"""Two agents: one answers, the other says what to better, the first answers again.

One of them learns and the other is frozen; taking turns over several runs trains both.
What counts is the answer that an exchange leads to: the conversation agent earns its
reward, the feedback agent what it is worth over the first answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from training.engine.context import RunContext
from training.engine.data import Messages
from training.engine.models import load_policy
from training.engine.online.agents import Agent, Writer
from training.engine.online.rewards import Earned, RewardSource
from training.engine.online.rollout import Around, Drawing, Rollout, Sampler
from training.engine.online.turns import words_of
from training.engine.online.users import USER, Users
from training.engine.registry.online_rows import OnlineRow
from training.engine.sampling import Prompt

FINE = "No change needed."
ASK = (
    "Say what is wrong with that answer and how to better it. If nothing is, say only: "
    f"{FINE}"
)
AGAIN = "Answer once more with that in mind."

AGENTS = ("conversation", "feedback")
"""Names of the frozen agent among a run's models: the other one than learns."""


def asking(messages: Messages, answer: str) -> Messages:
    """Return a conversation that asks for feedback on an answer, in words of ours."""
    return [*messages, _said(answer), {"role": "user", "content": ASK}]


def revising(messages: Messages, answer: str, feedback: str) -> Messages:
    """Return a conversation that asks for the answer again, with feedback on it."""
    wish = f"{feedback}\n\n{AGAIN}"
    return [*messages, _said(answer), {"role": "user", "content": wish}]


def is_content(feedback: str) -> bool:
    """True if feedback leaves an answer as it is: it says nothing, or that it is fine.

    This is how an agent decides whether it is wanted at all.
    """
    said, fine = words_of(feedback), words_of(FINE)
    return not said or said[: len(fine)] == fine


def _said(answer: str) -> dict[str, str]:
    return {"role": "assistant", "content": answer}


@dataclass(frozen=True)
class FeedbackSampler(Around):
    """Draws feedback from the policy on what a frozen agent answers.

    An answer is written when its prompt is first met. Feedback that is content leads
    to the same answer, without asking again.

    Source: The Alignment Waltz (WaltzRL), its abstract; unverified.
    """

    agent: Agent
    _answers: dict[str, str] = field(default_factory=dict)

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return feedback with the answers that it leads to."""
        new = {p.prompt_id: p for p in prompts if p.prompt_id not in self._answers}
        written = self.agent.write([p.messages for p in new.values()])
        self._answers.update(zip(new, written, strict=True))
        asked = []
        for prompt in prompts:
            answer = self._answers[prompt.prompt_id]
            asked.append(
                replace(
                    prompt,
                    messages=asking(prompt.messages, answer),
                    bare=prompt.judged,
                    first=answer,
                )
            )
        drawn = self.inner.sample(asked, samples, seed=seed, tick=tick)
        heard = [i for i, found in enumerate(drawn) if not is_content(found.text)]
        again = self.agent.write(
            [
                revising(drawn[i].prompt.judged, drawn[i].prompt.first, drawn[i].text)
                for i in heard
            ]
        )
        outcomes = dict(zip(heard, again, strict=True))
        return [
            replace(found, outcome=outcomes.get(i, found.prompt.first))
            for i, found in enumerate(drawn)
        ]


@dataclass(frozen=True)
class ConversationSampler(Around):
    """Draws answers from the policy, and again where a frozen agent has feedback.

    Both answers of an exchange are completions of their own, and both lead to the last.

    Source: The Alignment Waltz (WaltzRL), its abstract; unverified.
    """

    agent: Agent

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return the answers of ``samples`` exchanges a prompt, one after another."""
        drawn = self.inner.sample(prompts, samples, seed=seed, tick=tick)
        said = self.agent.write(
            [asking(found.prompt.messages, found.text) for found in drawn]
        )
        heard = [i for i, text in enumerate(said) if not is_content(text)]
        asked = [
            replace(
                drawn[i].prompt,
                messages=revising(drawn[i].prompt.messages, drawn[i].text, said[i]),
                bare=drawn[i].prompt.judged,
                first=drawn[i].text,
            )
            for i in heard
        ]
        again = {}
        if asked:
            found = self.inner.sample(asked, 1, seed=seed + 7_919, tick=tick)
            again = dict(zip(heard, found, strict=True))
        result = []
        for i, first in enumerate(drawn):
            last = again.get(i, first)
            result.append(replace(first, outcome=last.text))
            if i in again:
                result.append(replace(last, group=first.group, outcome=last.text))
        return result


class OutcomeReward:
    """A source's score of the answers that completions led to.

    Attributes:
        gain: whether what the first answers are worth is taken off.
    """

    def __init__(
        self, inner: RewardSource, tokenizer: PreTrainedTokenizerBase, *, gain: bool
    ) -> None:
        self.name = inner.name
        self.inner = inner
        self.gain = gain
        self._tokenizer = tokenizer

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return R(last answer), or what it gained; an answer left alone gains 0."""
        last = self.inner.score([self._as(r, r.outcome or "") for r in rollouts])
        if not self.gain:
            return last
        moved = [i for i, r in enumerate(rollouts) if r.outcome != r.prompt.first]
        scores = [0.0] * len(rollouts)
        if moved:
            firsts = [self._as(rollouts[i], rollouts[i].prompt.first) for i in moved]
            for i, before in zip(moved, self.inner.score(firsts), strict=True):
                scores[i] = last[i] - before
        return scores

    def _as(self, rollout: Rollout, text: str) -> Rollout:
        ids = self._tokenizer.encode(text, add_special_tokens=False) if text else []
        return replace(rollout, text=text, ids=[*map(int, ids)], logprobs=None)


def rewarded(
    row: OnlineRow, sources: list[RewardSource], tokenizer: PreTrainedTokenizerBase
) -> list[RewardSource]:
    """Return what rewards a method's completions: themselves, or their outcomes."""
    if row.prompts not in (*AGENTS, "profiled"):
        return sources
    gain = row.prompts == "feedback"
    return [
        source
        if isinstance(source, Earned)
        else OutcomeReward(source, tokenizer, gain=gain)
        for source in sources
    ]


def with_agent(
    context: RunContext,
    row: OnlineRow,
    sampler: Sampler,
    drawing: Drawing,
    device: torch.device,
) -> Sampler:
    """Return a sampler in which the frozen agent has its part."""
    learns = row.prompts
    if learns not in (*AGENTS, "profiled"):
        return sampler
    spec = context.spec
    name = USER
    if learns in AGENTS:
        name = next(agent for agent in AGENTS if agent != learns)
    loaded = load_policy(spec.models[name], seed=spec.seed)
    frozen: nn.Module = loaded.model
    frozen.requires_grad_(False).eval().to(device)
    writer = Writer(loaded, drawing)
    if learns == "feedback":
        return FeedbackSampler(sampler, writer)
    if learns == "profiled":
        return Users(sampler, writer, context.integer("turns"))
    return ConversationSampler(sampler, writer)
