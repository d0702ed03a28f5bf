"""Rows of reward models: what is put to the model, and the catalogue as a whole."""

from __future__ import annotations

import ast
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.reward_rows import items, principle_row, reward_pair, small
from tests.engine.support import say, write_rows
from training.engine import registry, tiny
from training.engine.registry.rewards_algebra import RewardRow
from training.engine.rewards.contract import Item
from training.engine.rewards.examples import Collator, Encoder, Example
from training.engine.rewards.objective import reward_loss
from training.engine.rewards.pair_rows import Reading, lexicographic
from training.engine.rewards.rows import Reader
from training.engine.rewards.segments import (
    characters_of,
    labels,
    segmented,
    segments,
    tokens_in,
)

PRESETS = [
    preset
    for preset in registry.PRESETS.values()
    if isinstance(preset.settings, RewardRow)
]
TOKENIZER = tiny.build_tokenizer(encoder=False)


def read(
    path: Path, name: str, rows: list[dict[str, Any]], **given: Any
) -> tuple[Reading, list[list[str]]]:
    """Return a method's reading of rows, and its members as texts."""
    preset = registry.get(name)
    settings = preset.settings
    assert isinstance(settings, RewardRow)
    reader = Reader(
        preset, settings, registry.validate(name, given), Encoder(TOKENIZER, 512), 0
    )
    reading = reader.read(write_rows(path / f"{name}.parquet", rows))
    texts = [
        [str(TOKENIZER.decode(list(m.ids))) for m in example.members if m is not None]
        for example in reading.examples
    ]
    return reading, texts


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_every_method_names_identity_tests_that_exist(preset: registry.Preset) -> None:
    here = Path(__file__).parent
    known = {
        node.name
        for path in here.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert preset.tests and set(preset.tests) <= known
    assert preset.equation and preset.identities and preset.paper
    if not preset.is_verified:
        assert preset.unverified and "Unverified" in preset.caution


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_every_method_differs_from_its_neighbour(preset: registry.Preset) -> None:
    other = registry.get(preset.neighbour)
    assert other.name != preset.name
    if other.settings is not None:
        assert preset.settings is not None
        own = {param.name: param.default for param in preset.params}
        theirs = {param.name: param.default for param in other.params}
        assert (asdict(preset.settings), own) != (asdict(other.settings), theirs)


def test_factors_are_compared_in_order(tmp_path: Path) -> None:
    assert lexicographic([1.0, 0.0], [0.0, 9.0], [0.0, 0.0]) == 1
    assert lexicographic([1.0, 0.0], [0.5, 9.0], [0.6, 0.0]) == -1
    assert lexicographic([1.0, 2.0], [1.0, 2.0], [0.0, 0.0]) == 0
    values = [[a, b] for a in (0.0, 1.0, 2.0) for b in (0.0, 1.0, 2.0)]

    def cycles(margin: float) -> int:
        beats = {
            (i, j): lexicographic(a, b, [margin, 0.0]) > 0
            for i, a in enumerate(values)
            for j, b in enumerate(values)
        }
        every = range(len(values))
        return sum(
            beats[i, j] and beats[j, k] and beats[k, i]
            for i in every
            for j in every
            for k in every
        )

    assert cycles(0.0) == 0 < cycles(1.0)
    reading, texts = read(
        tmp_path, "reward-heron", [reward_pair(i) for i in range(4)], pool_labels=False
    )
    assert reading.counts["undecided_by_factors"] == 0
    # Even rows tie on the first factor and are turned by the second.
    assert "go away" in texts[0][0] and "thank you" in texts[0][1]
    assert "thank you" in texts[1][0]


def test_shots_come_from_other_prompts(tmp_path: Path) -> None:
    rows = [reward_pair(i) for i in range(6)]
    rows[2]["group"] = rows[0]["group"]
    _, texts = read(tmp_path, "reward-fspo", rows, shots=2)
    for row, (chosen, rejected) in zip(rows, texts, strict=True):
        own = row["prompt"][0]["content"]
        shown = chosen.split("<|im_end|>")[0]
        assert own not in shown and shown == rejected.split("<|im_end|>")[0]
    # Persons take turns: rows 0, 2, 4 are of one, and 0 and 2 of one prompt.
    assert rows[4]["prompt"][0]["content"] in texts[0][0]
    assert rows[2]["prompt"][0]["content"] not in texts[0][0]
    assert rows[1]["prompt"][0]["content"] not in texts[0][0]


def test_context_turns_a_pair(tmp_path: Path) -> None:
    rows = [reward_pair(0), reward_pair(0, row_id="turned", context="Be rude.")]
    rows[1]["chosen"], rows[1]["rejected"] = rows[0]["rejected"], rows[0]["chosen"]
    _, texts = read(tmp_path, "reward-context", rows, pool_labels=False)
    assert "Be rude." in texts[1][0] and "Be rude." not in texts[0][0]
    # Without the context the two rows ask the same with opposite answers.
    bare = [[text.split("<|im_end|>", 1)[1] for text in row] for row in texts]
    assert bare[0] == bare[1][::-1]


def test_reference_stands_before_the_candidate(tmp_path: Path) -> None:
    row = reward_pair(3)
    _, ((chosen, rejected),) = read(tmp_path, "reward-polar", [row])
    reference = row["reference"][0]["content"]
    for text, side in ((chosen, "chosen"), (rejected, "rejected")):
        assert text.index(reference) < text.index(row[side][0]["content"])
    _, scorer = small(map="reference")
    same = [
        Item(i.prompt, i.completion, {"reference": say("assistant", "a")})
        for i in items(2)
    ]
    assert scorer.prob(same, same) == pytest.approx([0.5, 0.5])


def test_joint_pairs_fix_the_level_of_prompts(tmp_path: Path) -> None:
    _, ((chosen, rejected),) = read(tmp_path, "reward-dove", [reward_pair(1)])
    assert reward_pair(1)["rejected_prompt"][0]["content"] in rejected
    assert reward_pair(1)["rejected_prompt"][0]["content"] not in chosen
    equal = reward_pair(1, rejected_prompt=reward_pair(1)["prompt"])
    found, plain = (
        read(tmp_path, name, [equal])[0].examples[0].members
        for name in ("reward-dove", "reward-robust")
    )
    assert found == plain


def test_judge_is_asked_in_both_orders(tmp_path: Path) -> None:
    rows = [reward_pair(i) for i in range(24)]
    reading, texts = read(tmp_path, "reward-pair-judge", rows)
    first = [example.columns["label"] == 1.0 for example in reading.examples]
    assert 4 < sum(first) < 20
    for label, (text,) in zip(first, texts, strict=True):
        polite, rude = text.index("thank you"), text.index("go away")
        assert (polite < rude) == label
    _, scorer = small("verdict", options={"answers": [37, 38]}, map="judge")
    one, other = items(4)[:2], items(6)[4:]
    there, back = scorer.prob(one, other), scorer.prob(other, one)
    assert [a + b for a, b in zip(there, back, strict=True)] == pytest.approx([1, 1])
    assert scorer.prob(one, one) == pytest.approx([0.5, 0.5])


def test_verdicts_are_of_the_model_as_it_caps_its_own_logits() -> None:
    """Some families cap what their head says; the log-odds are of what is left."""
    loaded, _ = small("verdict", options={"answers": [37, 38]}, map="judge")
    model: Any = loaded.model
    model.backbone.config.final_logit_softcapping = 0.05
    batch = Collator([], 0).batch(
        [Example("a", (Encoder(loaded.tokenizer, 64).question(say("user", "why?")),))]
    )
    features = model.features(batch.ids, batch.mask, batch.prompts)
    yes, no = model.backbone.get_output_embeddings()(features.last)[0, [37, 38]]
    wanted = 0.05 * (torch.tanh(yes / 0.05) - torch.tanh(no / 0.05))
    found = model.head(features).values[0, 0].detach()
    assert float(found) == pytest.approx(float(wanted.detach()), abs=1e-6)
    assert float(found) != pytest.approx(float((yes - no).detach()), abs=1e-4)


def test_entailment_asks_one_answer(tmp_path: Path) -> None:
    rows = [principle_row(0), principle_row(1), principle_row(2, label="partial")]
    reading, texts = read(tmp_path, "reward-rlbff", rows)
    assert reading.counts["unclear_left_out"] == 1
    assert [e.columns["label"] for e in reading.examples] == [0.0, 1.0]
    assert all("The answer is polite." in text for (text,) in texts)


def test_marked_characters_come_back() -> None:
    text = "Größe zählt nicht, 好的 said so. Dann ging sie 🙂 fort, und alles war gut."
    found = segmented(
        TOKENIZER,
        say("user", "?"),
        say("assistant", text),
        density="clause",
        min_words=1,
    )
    whole = "".join(text[a:b] for _, (a, b) in found.places)
    assert whole == text and len(found.ends) == 4
    encoded: Any = TOKENIZER(
        text, add_special_tokens=False, return_offsets_mapping=True
    )
    offsets = [(int(a), int(b)) for a, b in encoded["offset_mapping"]]
    for start in range(len(text)):
        inside = tokens_in(offsets, (start, start + 1))
        low, high = characters_of(offsets, inside)
        # A token may hold more characters, never fewer.
        assert low <= start < high
    assert characters_of(offsets, range(len(offsets))) == (0, len(text))
    assert len(segments(text, density="sentence", min_words=1)) == 2
    assert len(segments(text, density="clause", min_words=5)) < 4
    assert segments("", density="clause", min_words=1) == []


def test_one_span_moves_one_segment() -> None:
    text = "This part is fine. This part is rude. This part is fine again."
    found = segmented(
        TOKENIZER,
        say("user", "?"),
        say("assistant", text),
        density="sentence",
        min_words=1,
    )
    span = {"message": 0, "start": 20, "end": 30, "category": "rude"}

    def said(spans: list[dict[str, Any]], wanted: list[str]) -> list[int]:
        given = labels(found, spans, wanted, 1, [text])
        assert all(v == -100 for i, v in enumerate(given) if i not in found.ends)
        return [given[end] for end in found.ends]

    assert said([], []) == [0, 0, 0]
    assert said([span], []) == [0, 1, 0]
    assert said([span], ["rude"]) == [0, 1, 0]
    # Only another kind was marked there: nobody judged this kind.
    assert said([span], ["wrong"]) == [0, -100, 0]


@pytest.mark.parametrize(
    "preset",
    [
        preset
        for preset in PRESETS
        if isinstance(preset.settings, RewardRow)
        and (preset.view, preset.settings.head) == ("pairs", "linear")
    ],
    ids=lambda p: p.name,
)
def test_declared_invariances_hold(preset: registry.Preset, tmp_path: Path) -> None:
    """A number added to all scores of a prompt changes the loss or it does not."""
    settings = preset.settings
    assert isinstance(settings, RewardRow)
    reading, _ = read(tmp_path, preset.name, [reward_pair(i) for i in range(4)])
    options: dict[str, Any] = {"components": 1, "tie_width": 0.5}
    if settings.loss in ("bootstrap", "membership"):
        options["components"] = 5 if settings.loss == "bootstrap" else 2
    options |= {"users": 2} if settings.loss == "membership" else {}
    options |= {"domains": 2} if settings.loss == "balanced" else {}
    how = "identity" if options["components"] == 1 else "mean"
    loaded, _ = small(options=options, loss=settings.loss, aggregation=how)
    model: Any = loaded.model
    batch = Collator(reading.examples, 0).batch(reading.examples)
    params = registry.validate(preset.name, {})
    before, _ = reward_loss(model, batch, params)
    # Each text's level follows its prompt's first token; joint rows have two.
    levels = torch.arange(len(batch.ids)).float()
    if settings.map != "joint":
        for members in batch.members:
            levels[members] = float(members[0])
    head = model.head.linear
    plain = head.forward
    head.forward = lambda states: plain(states) + levels[:, None]
    after, _ = reward_loss(model, batch, params)
    blind = torch.allclose(before, after, atol=1e-4)
    assert blind == ("prompt_offset" in settings.blind_to)
