"""Rewards of parts and verdicts: where they stand, and what they add up to."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.engine.identities.samplers import scripted
from tests.engine.reward_rows import small
from tests.engine.support import pair_row
from training.engine.data import Pair
from training.engine.online.parts import PartRewards, SegmentReward, token_ends
from training.engine.online.prompts import judged
from training.engine.online.rewards import Earned, verdict_reward
from training.engine.online.rollout import Rollout, decoded
from training.engine.online.scored import Scored
from training.engine.online.state import LoopState
from training.engine.online.turns import (
    AGAIN,
    Retries,
    episode_reward,
    is_right,
)
from training.engine.online.weighing import CriticSettings, with_critic
from training.engine.ppo.experience import Sequences, sequences
from training.engine.ppo.kl import KLController
from training.engine.ppo.shaping import ScoreScale
from training.engine.sampling import Prompt

TEXTS = ("The list is short. No, go away now!", "a kind answer", "Good. Clear. True.")


def scored(batch: Sequences, rollouts: list[Rollout]) -> Scored:
    count, width = batch.tokens.shape
    nothing = torch.zeros(count, width)
    return Scored(
        rollouts=rollouts,
        sequences=batch,
        rewards=torch.zeros(count, 1),
        groups=torch.arange(count),
        ended=torch.ones(count, dtype=torch.bool),
        old_logprobs=nothing,
        reference_logprobs=nothing,
        entropy=nothing,
        values=0.1 * torch.arange(count * width).reshape(count, width),
        weights=torch.ones(count, width),
        kl_coef=0.0,
        state=LoopState(0, KLController(0.0), ScoreScale()),
    )


def written() -> tuple[SegmentReward, list[Rollout], Scored]:
    """Return a segment model and completions it has not seen."""
    loaded, _ = small("tokens", texts={"density": "sentence", "min_words": "1"})
    tokenizer = loaded.tokenizer
    rollouts = []
    for number, text in enumerate(TEXTS):
        ids = tokenizer.encode(text, add_special_tokens=False)
        asked = Prompt(f"p{number}", [{"role": "user", "content": "why?"}])
        rollouts.append(Rollout(asked, number, [5, 6], ids, True, text))
    width = max(len(r.ids) for r in rollouts)
    batch = sequences(
        [r.prompt_ids for r in rollouts],
        [r.ids for r in rollouts],
        pad_token_id=0,
        width=width,
    )
    source = SegmentReward(loaded, max_length=128, batch_size=2)
    return source, rollouts, scored(batch, rollouts)


def test_a_part_ends_with_the_last_token_of_its_last_character() -> None:
    tokenizer = small("tokens")[0].tokenizer
    text = "so 😀. née 漢字"
    ids = tokenizer.encode(text, add_special_tokens=False)
    spelled = [decoded(tokenizer, ids[: k + 1]) for k in range(len(ids))]
    ends = range(1, len(text) + 1)
    for end, token in zip(ends, token_ends(tokenizer, ids, ends), strict=True):
        if text[end - 1] != " ":  # which the next token brings
            assert spelled[token] == text[:end]


def test_rewards_of_parts_add_up_to_their_scores() -> None:
    source, rollouts, update = written()
    parts = source.parts(rollouts)
    assert [len(found) for found in parts] == [2, 1, 3]
    assert all(abs(reward) == 1 for found in parts for _, reward in found)
    scores = torch.tensor(source.score(rollouts))
    for weight in (1.0, 0.3, 0.0):
        placed = PartRewards([source], {"reward": weight}, source.loaded.tokenizer)
        tokens = placed(update)
        assert torch.allclose(tokens.sum(1), weight * scores)
        assert not (tokens * ~update.sequences.tokens).any()
    # Each reward stands on the token that completes its part.
    for rollout, found in zip(rollouts, parts, strict=True):
        tokenizer = source.loaded.tokenizer
        for end, token in zip(
            [end for end, _ in found],
            token_ends(tokenizer, rollout.ids, [end for end, _ in found]),
            strict=True,
        ):
            assert len(decoded(tokenizer, rollout.ids[: token + 1])) >= end
            assert len(decoded(tokenizer, rollout.ids[:token])) < end


def test_one_part_at_the_end_is_a_score() -> None:
    _, _, update = written()
    batch = update.sequences
    scores = torch.tensor([1.0, -1.0, 0.5])
    placed = torch.zeros(batch.tokens.shape)
    placed[torch.arange(3), batch.lengths - 1] = scores
    settings = CriticSettings(kl_place="loss", whiten_rewards=True)
    whole = with_critic(update, scores, settings)
    in_parts = with_critic(
        replace(update, told={}), torch.zeros(3), settings, placed=placed
    )
    assert torch.allclose(whole.advantages, in_parts.advantages)
    assert whole.returns is not None and in_parts.returns is not None
    assert torch.allclose(whole.returns, in_parts.returns)


def test_tries_earn_less_and_repetition_costs() -> None:
    assert episode_reward(["It is 4."], "4") == 1.0
    assert episode_reward(["It is 5."], "4") == 0.0
    assert episode_reward(["5", "6", "so 4"], "4") == 0.25
    # Three of four tries say the same: half of one half is lost.
    assert episode_reward(["5", "5!", "5", "so 4"], "4") == 0.125 - 0.25
    assert episode_reward(["5", "5"], "4") == -0.25 < episode_reward(["5", "6"], "4")
    for text, answer, right in [
        ("It is 14.", "4", False),
        ("it is 4.5", "4", False),
        ("The Blue whale, I think", "blue whale", True),
        ("blue, or a whale", "blue whale", False),
        ("", "4", False),
    ]:
        assert is_right(text, answer) is right, text


def test_question_is_asked_again_until_it_is_right() -> None:
    asked = [
        Prompt(name, [{"role": "user", "content": f"{name}?"}], answer)
        for name, answer in (("two", "2"), ("six", "6"))
    ]
    inner = scripted(["1", "6", "3", "2"])
    found = Retries(inner, 3).sample(asked, 1, seed=0, tick=lambda done: None)
    assert [r.text for r in found] == ["1", "3", "2", "6"]
    assert [r.group for r in found] == [0, 0, 0, 1]
    assert Earned().score(found) == [0.25, 0.25, 0.25, 1.0]
    last = found[2].prompt.messages
    assert [m["content"] for m in last] == ["two?", "1", AGAIN, "3", AGAIN]
    assert [m["role"] for m in last[1:3]] == ["assistant", "user"]
    # Two tries at most, both wrong and alike.
    stopped = Retries(scripted(["1", "1"]), 2).sample(
        asked[:1], 1, seed=0, tick=lambda done: None
    )
    assert Earned().score(stopped) == [-0.25, -0.25]


@pytest.mark.parametrize(
    ("text", "known", "reward"),
    [
        ("[[A]]", "A", 1.0),
        ("First [[A]], but then [[ B ]]", "B", 1.0),
        ("First [[A]], but then [[B]]", "A", 0.0),
        ("A", "A", 0.0),
        ("", "B", 0.0),
        ("[[-2]]", "-2", 1.0),
        ("[[-1]]", "-3", 0.5),
        ("[[1]]", "-3", 0.0),
        ("[[0]]", "2", 0.0),
        ("[[4]]", "3", 0.0),
        ("[[A]]", "-1", 0.0),
        ("[[2]]", "B", 0.0),
    ],
)
def test_last_verdict_counts(text: str, known: str, reward: float) -> None:
    assert verdict_reward(text, known) == reward


def test_pair_and_its_mirror_disagree() -> None:
    row = pair_row(0)
    sides = {"chosen": row["chosen"], "rejected": row["rejected"]}
    orders = set()
    for number in range(16):
        pair = Pair(f"r{number}", row["prompt"], margin=2.0, **sides)
        asked = judged(pair, graded=False, seed=0)
        text = asked.messages[0]["content"]
        first = text.index(row["chosen"][0]["content"])
        other = text.index(row["rejected"][0]["content"])
        assert asked.answer == ("A" if first < other else "B")
        strength = judged(pair, graded=True, seed=0).answer
        assert strength == ("-2" if first < other else "2")
        orders.add(first < other)
    assert orders == {True, False}
