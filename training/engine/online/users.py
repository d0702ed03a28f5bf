"""Talking with a simulated user, and keeping a profile of them that is held to theirs.

A frozen model plays a person whose profile only it knows. At every turn the policy
writes what it takes the profile to be, and then its answer; the profile earns how well
its slots are those of the person, the answer what reward models say of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from training.engine.data import Messages
from training.engine.online.agents import Agent
from training.engine.online.rollout import Around, Rollout
from training.engine.online.turns import words_of
from training.engine.sampling import Prompt

USER = "user"
"""The name of the model that plays the person among a run's models."""

ANSWER = "Answer:"
KEEP = (
    "Keep a profile of the person you talk with. Begin every reply with one line, "
    "Profile: slot=value; slot=value, of all you know of them so far, and go on after "
    f"{ANSWER}"
)
PLAY = (
    "Play a person who talks with an assistant. Say one thing at a time, and little by "
    "little what follows from this about you: "
)
_SAID = re.compile(r"^\s*profile\s*:(.*)$", re.IGNORECASE | re.MULTILINE)

Profile = Mapping[str, tuple[str, ...]]
"""Slots with the words of their values."""


def profile_of(text: str) -> dict[str, tuple[str, ...]]:
    """Return the slots that a text names: JSON, or ``slot: value`` parts.

    Parts stand on lines of their own or have a semicolon between them; = will do for a
    colon. Of a slot that is named twice the last value counts.
    """
    text = text.strip()
    if text.startswith("{"):
        try:
            told = json.loads(text)
        except json.JSONDecodeError:
            told = {}
        if isinstance(told, dict):
            pairs = [(str(k), str(v)) for k, v in told.items()]
            return _slots(pairs)
    text = re.sub(r"^persona\s*:", "", text, flags=re.IGNORECASE)
    parts = re.split(r"[;\n]", text)
    found = (re.match(r"\s*([^:=]+?)\s*[:=]\s*(.+)", part) for part in parts)
    return _slots([(m.group(1), m.group(2)) for m in found if m is not None])


def _slots(pairs: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    named = ((" ".join(words_of(slot)), words_of(value)) for slot, value in pairs)
    return {slot: value for slot, value in named if slot and value}


def said_profile(text: str) -> dict[str, tuple[str, ...]]:
    """Return the profile that a reply begins with; empty if it names none."""
    found = _SAID.search(text.split(ANSWER)[0])
    return profile_of(found.group(1)) if found else {}


def answer_in(text: str) -> str:
    """Return a reply without its profile."""
    if ANSWER in text:
        return text.split(ANSWER, 1)[1].strip()
    return _SAID.sub("", text, count=1).strip()


def profile_f1(said: Profile, known: Profile) -> float:
    """Return the harmonic mean of precision and recall over slots, from 0 to 1.

    A slot is right if its value has the same words. Nothing said earns 0.

    Source: RLPA, Dynamic Profile Modeling; its abstract speaks of a profile reward.
    """
    right = sum(known.get(slot) == value for slot, value in said.items())
    return 2 * right / (len(said) + len(known)) if said and known else 0.0


@dataclass(frozen=True)
class Users(Around):
    """A sampler of conversations with people that a frozen agent plays.

    Every reply is a completion of its own, whose prompt holds the turns before it; it
    earns its own profile's score, and its answer is what reward models read.

    Attributes:
        turns: replies of a conversation.
    """

    agent: Agent
    turns: int

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return the replies of ``samples`` conversations a prompt, one after another.

        A prompt's answer is the profile of its person, as text.
        """
        groups = [g for g in range(len(prompts)) for _ in range(samples)]
        talks = [list(prompts[g].messages) for g in groups]
        replies: list[list[Rollout]] = [[] for _ in groups]
        for turn in range(self.turns):
            if turn:
                said = self.agent.write(
                    [
                        playing(talk, prompts[g].answer)
                        for g, talk in zip(groups, talks, strict=True)
                    ]
                )
                for talk, text in zip(talks, said, strict=True):
                    talk.append({"role": "user", "content": text})
            asked = [
                replace(prompts[g], messages=keeping(talk), bare=list(talk))
                for g, talk in zip(groups, talks, strict=True)
            ]
            drawn = self.inner.sample(asked, 1, seed=seed + 7_919 * turn, tick=tick)
            for place, found in enumerate(drawn):
                answer = answer_in(found.text)
                score = profile_f1(
                    said_profile(found.text), profile_of(found.prompt.answer)
                )
                replies[place].append(
                    replace(
                        found,
                        group=groups[place],
                        earned=score,
                        outcome=answer,
                        turn=turn,
                    )
                )
                talks[place].append({"role": "assistant", "content": answer})
        return [found for talk in replies for found in talk]


def keeping(talk: Messages) -> Messages:
    """Return a conversation in which the policy is asked to keep a profile."""
    first, *rest = talk
    if first["role"] == "system":
        wish = f"{first['content']}\n\n{KEEP}"
        return [{"role": "system", "content": wish}, *rest]
    return [{"role": "system", "content": KEEP}, *talk]


def playing(talk: Messages, profile: str) -> Messages:
    """Return a conversation as the person sees it: what they said is the assistant's.

    What they are asked next stands last, so that a model of replies writes their turn.
    """
    turned = {"user": "assistant", "assistant": "user"}
    seen = [
        {"role": turned[m["role"]], "content": m["content"]}
        for m in talk
        if m["role"] in turned
    ]
    return [
        {"role": "system", "content": PLAY + profile},
        {"role": "user", "content": "Begin."},
        *seen,
    ]
