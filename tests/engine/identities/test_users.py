"""Conversations with simulated people, and what a profile of them earns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine.identities.samplers import Saying
from tests.engine.identities.test_feedback import AGENT, TOKENIZER, Agent, nothing
from tests.engine.support import Workspace, pair_row, say, write_rows
from tests.engine.test_online_runs import train
from training.engine.data import Messages
from training.engine.online.feedback import OutcomeReward
from training.engine.online.rewards import Contains, Earned
from training.engine.online.users import (
    KEEP,
    PLAY,
    Users,
    answer_in,
    profile_f1,
    profile_of,
    said_profile,
)
from training.engine.sampling import Prompt

KNOWN = "city: Oslo; diet: vegan; pet: a cat"
FACTS = ["I live in Oslo.", "I am vegan.", "I have a cat."]
SLOTS = dict(zip(FACTS, ("city=Oslo", "diet=vegan", "pet=a cat"), strict=True))


def test_profile_earns_its_f1() -> None:
    known = profile_of(KNOWN)
    assert set(known) == {"city", "diet", "pet"} and known["pet"] == ("a", "cat")
    assert profile_f1(known, known) == 1.0
    assert profile_f1(profile_of("city: Rome"), known) == 0.0
    assert profile_f1({}, known) == 0.0
    # Two of three slots, and one of a person who has none such.
    half = profile_of("CITY = oslo\ndiet: Vegan; sport: chess")
    assert profile_f1(half, known) == pytest.approx(2 * 2 / (3 + 3))
    assert profile_of('{"city": "Oslo", "diet": "vegan", "pet": "A cat"}') == known
    assert profile_of(f"persona: {KNOWN}") == known
    assert profile_of("likes the sea") == {}
    assert profile_of("{broken") == {}


def test_later_word_on_a_slot_replaces_the_earlier() -> None:
    text = "Profile: diet=meat; city=Oslo; diet=vegan\nAnswer: Try the beans."
    assert said_profile(text)["diet"] == ("vegan",)
    assert answer_in(text) == "Try the beans."
    assert said_profile("Answer: fine. Profile: city=Oslo") == {}
    assert answer_in("Profile: city=Oslo\nTry the beans.") == "Try the beans."


def listening(talk: Messages) -> str:
    said = [m["content"] for m in talk if m["role"] == "user"]
    slots = [SLOTS[text] for text in said if text in SLOTS]
    return f"Profile: {'; '.join(slots)}\nAnswer: a kind word"


def telling(seen: Messages) -> str:
    """Say the next of one's facts: what this person said is the assistant's."""
    return FACTS[sum(m["role"] == "assistant" for m in seen) - 1]


def test_profile_of_a_policy_that_listens_grows_with_the_turns() -> None:
    """The published check, on planted people: F1 rises with the turns."""
    agent = Agent(telling)
    policy = Saying(listening)
    asked = [Prompt(f"p{i}", say("user", "hello"), KNOWN) for i in range(2)]
    found = Users(policy, agent, 4).sample(asked, 2, seed=0, tick=nothing)
    assert [r.group for r in found] == [0] * 8 + [1] * 8
    assert [r.turn for r in found[:4]] == [0, 1, 2, 3]
    earned = Earned("profile").score(found)
    assert earned[:4] == pytest.approx([0.0, 2 * 1 / 4, 2 * 2 / 5, 1.0])
    assert earned[4:8] == earned[:4]
    # The policy is asked to keep a profile; reward models and the person never see it.
    assert policy.asked[0].messages[0] == {"role": "system", "content": KEEP}
    last = found[3].prompt
    assert [m["role"] for m in last.judged] == ["user", "assistant"] * 3 + ["user"]
    assert not any("Profile" in m["content"] for m in last.judged)
    assert agent.asked[0][0]["content"] == PLAY + KNOWN
    assert [m["role"] for m in agent.asked[0][1:]] == ["user", "assistant", "user"]
    reward = OutcomeReward(Contains(["kind", "profile"]), TOKENIZER, gain=False)
    assert reward.score(found) == [0.5] * 16
    deaf = Users(Saying(lambda talk: "Answer: hm"), agent, 2)
    assert Earned("profile").score(deaf.sample(asked[:1], 1, seed=0, tick=nothing)) == [
        0.0,
        0.0,
    ]
    kept = replace(asked[0], messages=[*say("system", "Be brief."), *say("user", "?")])
    Users(policy, agent, 1).sample([kept], 1, seed=0, tick=nothing)
    assert policy.asked[-1].messages[0]["content"] == f"Be brief.\n\n{KEEP}"


def test_policy_learns_beside_a_simulated_user(workspace: Workspace) -> None:
    rows = [pair_row(i, context=KNOWN) for i in range(4)]
    path = str(write_rows(workspace.path / "people.parquet", rows))
    parts = {
        "data": {"train": path},
        "params": {"turns": 2, "critic": "shared", "samples": 1, "minibatch": 4},
        "models": {"user": AGENT},
    }
    run = train(workspace, "profile-rl", **parts)
    assert run.code == 0, run.status
    metrics = run.status["metrics"]
    assert metrics["first/rewards/profile"] >= 0
    assert {"first/turns/earned_1", "first/turns/earned_2"} <= metrics.keys()
    assert "first/turns/earned_3" not in metrics
    rows = [pair_row(i, context="likes the sea") for i in range(4)]
    write_rows(workspace.path / "people.parquet", rows)
    refused = train(workspace, "profile-rl", **parts)
    assert refused.status["error"]["expected"].startswith("a context such as")
