"""Replies that several threads write in turns, each as if it were alone."""

from __future__ import annotations

import threading

import pytest

from training.engine import streaming
from training.engine.models import Loaded, load_policy
from training.engine.sampling import Sampling
from training.engine.spec import ModelPart
from training.engine.turns import Turns

CHATS = {
    name: [{"role": "user", "content": f"Tell {name} a story."}]
    for name in ("ann", "ben", "cem")
}


def sampling(seed: int) -> Sampling:
    return Sampling(
        temperature=1.0,
        top_p=0.95,
        max_new_tokens=24,
        max_prompt_tokens=64,
        batch_size=1,
        seed=seed,
    )


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.setattr(streaming, "TELL_EVERY_SECONDS", 0.0)
    return load_policy(ModelPart(source="tiny:causal"))


def test_writers_take_turns_and_each_writes_what_it_would_alone(model: Loaded) -> None:
    alone = {
        name: streaming.write(model, chat, sampling(seed), lambda text: True)
        for seed, (name, chat) in enumerate(CHATS.items())
    }
    told: list[str] = []
    beside: dict[str, streaming.Written] = {}
    turns, start = Turns(), threading.Barrier(len(CHATS))

    def write(name: str, seed: int) -> None:
        def tell(text: str) -> bool:
            told.append(name)
            return True

        start.wait(30)
        beside[name] = streaming.write(model, CHATS[name], sampling(seed), tell, turns)

    threads = [
        threading.Thread(target=write, args=(name, seed))
        for seed, name in enumerate(CHATS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert beside == alone
    firsts = [told.index(name) for name in CHATS]
    lasts = [len(told) - told[::-1].index(name) for name in CHATS]
    assert max(firsts) < min(lasts)  # all had begun before one was whole


def test_one_that_stops_or_breaks_lets_the_others_go_on(model: Loaded) -> None:
    turns = Turns()
    alone = streaming.write(model, CHATS["ann"], sampling(1), lambda text: True)

    def breaks(text: str) -> bool:
        raise OSError("the database is away")

    with pytest.raises(streaming.Unwanted):
        streaming.write(model, CHATS["ben"], sampling(2), lambda text: False, turns)
    with pytest.raises(OSError, match="away"):
        streaming.write(model, CHATS["cem"], sampling(3), breaks, turns)
    again = streaming.write(model, CHATS["ann"], sampling(1), lambda text: True, turns)
    assert again == alone
