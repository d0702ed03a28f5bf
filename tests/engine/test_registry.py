"""The registry: presets as data, and one rule for their values."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.support import ROOT
from training.engine import registry


@pytest.mark.parametrize("preset", registry.PRESETS)
def test_defaults_of_every_preset_are_valid(preset: str) -> None:
    values = registry.validate(preset, {})
    assert registry.validate(preset, values) == values


@pytest.mark.parametrize("preset", registry.PRESETS.values(), ids=lambda p: p.name)
def test_every_setting_explains_itself_in_one_sentence(
    preset: registry.Preset,
) -> None:
    for param in preset.params:
        assert param.help.endswith("."), param.name
        assert len(param.help) < 100, param.name


def test_web_process_can_validate_without_torch() -> None:
    code = (
        "import sys; from training.engine import registry;"
        "registry.validate('dpo', {'beta': 0.2});"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("params", "field", "expected"),
    [
        ({"beta": 0}, "params.beta", "at least 1e-06"),
        ({"beta": "strong"}, "params.beta", "a number"),
        ({"beta": float("nan")}, "params.beta", "a number"),
        ({"batch_size": 2.5}, "params.batch_size", "a whole number"),
        ({"batch_size": True}, "params.batch_size", "a whole number"),
        ({"loss_type": "magic"}, "params.loss_type", "one of sigmoid"),
        ({"betta": 0.1}, "params.betta", "a setting of dpo"),
        ({"epochs": None}, "params.epochs", "a number"),
    ],
)
def test_wrong_setting_says_what_was_expected(
    params: dict[str, object], field: str, expected: str
) -> None:
    with pytest.raises(registry.PresetError) as caught:
        registry.validate("dpo", params)
    assert caught.value.field == field
    assert expected in caught.value.expected
    assert caught.value.fix


def test_label_smoothing_that_would_do_nothing_is_refused() -> None:
    with pytest.raises(registry.PresetError, match="ignores it"):
        registry.validate("dpo", {"label_smoothing": 0.1})
    robust = {"label_smoothing": 0.1, "loss_type": "robust"}
    assert registry.validate("dpo", robust)["label_smoothing"] == 0.1


def test_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(registry.PresetError, match=r"reward-bt, .*dpo, "):
        registry.validate("ppo2", {})


@given(st.floats(min_value=1e-6, max_value=100.0))
def test_any_value_inside_the_bounds_is_kept(beta: float) -> None:
    assert registry.validate("dpo", {"beta": beta})["beta"] == beta


def test_descriptions_are_plain_data() -> None:
    described = json.loads(json.dumps(registry.describe()))
    assert [preset["name"] for preset in described] == list(registry.PRESETS)


def test_only_methods_that_leave_a_model_are_offered_for_launch() -> None:
    offered = registry.trainable()
    assert {"reward-bt", "dpo", "ppo"} <= {preset.name for preset in offered}
    assert all(preset.produces for preset in offered)
