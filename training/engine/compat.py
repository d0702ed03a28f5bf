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
    """Let tokenizer, configuration and weights share one quick parse of a GGUF file.

    transformers opens the file anew for each, and its reader takes four views of a
    memory map for every one of a vocabulary's 50,000 strings.
    """
    import gguf
    import numpy as np

    reader: Any = gguf.GGUFReader
    kinds: dict[tuple[Any, str], Any] = {}

    class QuickReader(reader):
        """The same reader with one array a value."""

        def _get(
            self, offset: int, dtype: Any, count: int = 1, override_order: Any = None
        ) -> Any:
            order = self.byte_order if override_order is None else override_order
            key = (dtype, order)
            if key not in kinds:
                kinds[key] = np.dtype(dtype).newbyteorder(order)
            if not count:
                return np.empty(0, kinds[key])
            return np.frombuffer(self.data, kinds[key], int(count), int(offset))

    vars(gguf)["GGUFReader"] = functools.lru_cache(maxsize=1)(QuickReader)
    try:
        yield
    finally:
        vars(gguf)["GGUFReader"] = reader
