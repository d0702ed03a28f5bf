"""The few places where we lean on the inside of a library, in one file.

Each is held by a contract test, so an upgrade that moves it fails loudly.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any


def score_completion_tokens_only() -> None:
    """Make TRL project only completion positions through the language-model head.

    Its fused head does so on Triton devices; elsewhere it scores every position of
    prompt and padding too, to keep shapes fixed for compilers, and throws them away.
    The values are the same; on a CPU a step takes up to several times less.
    """
    import trl.trainer.utils as trl_utils

    vars(trl_utils)["_use_triton"] = lambda device: True


@contextlib.contextmanager
def gguf_parsed_once() -> Iterator[None]:
    """Let tokenizer, configuration and weights share one parse of a GGUF file.

    transformers opens the file anew for each; parsing a vocabulary of 50,000 entries
    takes seconds every time.
    """
    import gguf

    reader: Any = gguf.GGUFReader
    vars(gguf)["GGUFReader"] = functools.lru_cache(maxsize=1)(reader)
    try:
        yield
    finally:
        vars(gguf)["GGUFReader"] = reader
