"""Files of models and runs that would do something else: nothing of them is run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from training.engine.errors import FixableError
from training.engine.models import load_backbone, load_policy, load_reward, save_model
from training.engine.sources import cached_conversion
from training.engine.spec import ModelPart, load_spec

LOADERS = (load_policy, load_reward, load_backbone)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that is there once hostile code has run."""
    return tmp_path / "it-ran"


class Touch:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("load", LOADERS)
def test_code_beside_a_model_is_never_run(
    load: Any, mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where somebody at the terminal would say yes."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    place = tmp_path / "model"
    place.mkdir()
    names = ["AutoConfig", "AutoModel", "AutoModelForCausalLM"]
    names += ["AutoModelForSequenceClassification"]
    config = {"model_type": "odd", "auto_map": dict.fromkeys(names, "odd.Odd")}
    (place / "config.json").write_text(json.dumps(config))
    (place / "model.safetensors").touch()
    (place / "odd.py").write_text(f"open({str(mark)!r}, 'w')\nclass Odd: pass\n")
    tokens = {
        "tokenizer_class": "Odd",
        "auto_map": {"AutoTokenizer": ["odd.Odd", None]},
    }
    (place / "tokenizer_config.json").write_text(json.dumps(tokens))
    with pytest.raises(FixableError):
        load(ModelPart(source=str(place)))
    assert not mark.exists()


def test_pickled_weights_run_nothing(mark: Path, tmp_path: Path) -> None:
    place = tmp_path / "model"
    loaded = load_policy(ModelPart(source="tiny:causal"))
    save_model(loaded.model, loaded.tokenizer, place)
    (place / "model.safetensors").unlink()
    (place / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(mark)))
    with pytest.raises(FixableError, match="could not be loaded"):
        load_policy(ModelPart(source=str(place)))
    assert not mark.exists()


def test_a_file_made_to_look_like_another_takes_no_ones_place(tmp_path: Path) -> None:
    """Ends and size alike: the copy of one must not stand in for the other."""
    ends = b"GGUF" + b"\0" * (1 << 20)
    for name, middle in (("mine", b"good"), ("theirs", b"evil")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.gguf").write_bytes(ends + middle + ends)
    mine, theirs = (
        cached_conversion(tmp_path / name / "model.gguf") for name in ("mine", "theirs")
    )
    assert mine != theirs
    assert mine == cached_conversion(tmp_path / "theirs/../mine/model.gguf")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"version": ' + "9" * 5000 + "}",
        "\ufeff{}",
        '{"version": 1e999}',
        '{"seed": 1, "seed": 2}',
        '{"params": {"\\ud800": 1}}',
        "null",
        "[1]",
    ],
    ids=[
        "deep",
        "digits",
        "mark",
        "infinite",
        "twice",
        "half-a-character",
        "nothing",
        "list",
    ],
)
def test_a_specification_that_is_a_bomb_is_refused_in_words(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "spec.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FixableError) as refused:
        load_spec(path)
    assert refused.value.fix
