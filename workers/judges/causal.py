"""A local causal model as a judge: how likely it finds "A" against "B" as its reply."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from training.models import ModelVersion
from workers.judges.base import Cost, Pair, Verdict
from workers.judges.instructions import PROMPT_HASH, as_messages
from workers.judges.loading import load

LETTERS = ("A", "B")


class CausalJudge:
    """Reads the next token's distribution after the question, in one forward pass.

    No text is sampled, so the verdict is the same every time. The probability is the
    share of "A" in what the model gives to "A" and "B" together.
    """

    def __init__(self, version: ModelVersion) -> None:
        self.identity = f"{version.pk}:{PROMPT_HASH[:16]}"
        self.description = {
            "name": version.name,
            "version": version.sha256 or version.source,
            "prompt_hash": PROMPT_HASH,
            "sampling": {"method": "next-token probability of A and B"},
        }
        self._version = version
        self._loaded: Any = None

    def ask(self, pairs: Sequence[Pair]) -> Iterator[Verdict]:
        """Yield a verdict for each pair; one that does not fit is abstained from."""
        for pair in pairs:
            yield self._ask(pair)

    def _ask(self, pair: Pair) -> Verdict:
        import torch

        began = time.monotonic()
        loaded = self._model()
        text = loaded.tokenizer.apply_chat_template(
            as_messages(pair), tokenize=False, add_generation_prompt=True
        )
        ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) > loaded.context:
            raw = f"The pair has {len(ids)} tokens; the judge reads {loaded.context}."
            return Verdict(None, raw, Cost(0, _milliseconds(began)))
        with torch.inference_mode():
            logits = loaded.model(torch.tensor([ids])).logits[0, -1]
        choices = logits[[self._letter(letter) for letter in LETTERS]].float()
        probability = float(torch.softmax(choices, dim=-1)[0])
        return Verdict(probability, "", Cost(len(ids), _milliseconds(began)))

    def _letter(self, letter: str) -> int:
        """Return the token of a letter at the start of a reply."""
        ids = self._model().tokenizer(letter, add_special_tokens=False)["input_ids"]
        return int(ids[-1])

    def _model(self) -> Any:
        if self._loaded is None:
            self._loaded = load(self._version, "load_policy")
        return self._loaded


def _milliseconds(began: float) -> int:
    return int(1000 * (time.monotonic() - began))
