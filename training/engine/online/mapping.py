"""Models that write any answer again as it would be preferred, and read one by one.

Such a model is an ordinary causal language model that was trained (seq2seq-reward) to
map a prompt and any completion to the preferred one. It is read in one of two ways:
what it writes is aligned with the completion, or it is asked, token by token of the
completion, whether it would have gone on so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import torch

from training.engine.data import Messages, read_pairs
from training.engine.errors import FixableError
from training.engine.layout import Branch, lay_out
from training.engine.logprobs import READ_AT_ONCE, readout
from training.engine.models import Loaded, load_policy
from training.engine.online.parts import spelled
from training.engine.preferences.wording import rewriting
from training.engine.sampling import Prompt, Sampling, clean, sample_batch, stop_ids
from training.engine.sources import resolve
from training.engine.spec import ModelPart
from training.engine.tokens import shorten, tokenize

MARK = "mapping.json"
"""The file that says of a model directory that it holds such a mapping."""

_END = -1
"""Stands for the end of a text among its tokens."""

_SPARE = 8
"""Tokens by which what is written may be longer than the longest completion."""

VALIDATED = 256
"""Validation pairs that a training run looks at when it ends."""


@dataclass(frozen=True)
class Mapping:
    """A loaded mapping.

    Attributes:
        max_length: the longest sequence it was trained on, in tokens.
    """

    loaded: Loaded
    max_length: int


@dataclass(frozen=True)
class Judged:
    """One token of a completion, as a mapping reads it.

    Attributes:
        end: characters of the completion up to its end; one more than there are for
            the token that ends it.
        agrees: whether the mapping would have written it there.
    """

    end: int
    agrees: bool


def marks(max_length: int) -> dict[str, dict[str, Any]]:
    """Return what is written beside a mapping, by file."""
    return {MARK: {"maps": "completion to preferred", "max_length": max_length}}


def load_mapping(part: ModelPart, field: str, *, seed: int = 0) -> Mapping:
    """Load a model that was trained as a mapping.

    Raises:
        FixableError: if it is no such model.
    """
    place = Path(resolve(part.source).location) / MARK
    if not place.is_file():
        raise FixableError(
            "The model does not write answers again.",
            expected="a model of seq2seq-reward",
            found=f"{part.source}, which has no {MARK}",
            fix="Train seq2seq-reward on pairs and name its model.",
            field=field,
        )
    told = json.loads(place.read_text(encoding="utf-8"))
    return Mapping(load_policy(part, seed=seed), int(told["max_length"]))


def aligned(
    mapping: Mapping,
    prompts: Sequence[Messages],
    texts: Sequence[str],
    *,
    ended: Sequence[bool],
    batch_size: int,
) -> list[list[Judged]]:
    """Return which tokens of completions stand in what a mapping writes of them.

    The mapping writes greedily. Both texts are read as its tokens, each with an end if
    it has one, and aligned by difflib's rule: the longest run of tokens they share,
    then the same to its left and to its right. A token in a run agrees. An empty text
    is not judged.

    Args:
        ended: whether a completion has an end.

    Source: the alignment is ours; see `forced`.
    """
    loaded = mapping.loaded
    own = [
        loaded.tokenizer.encode(text, add_special_tokens=False) if text else []
        for text in texts
    ]
    longest = max((len(ids) for ids in own), default=0) + _SPARE
    settings = Sampling(
        temperature=0.0,
        top_p=1.0,
        max_new_tokens=min(longest, loaded.context // 2),
        max_prompt_tokens=mapping.max_length,
        batch_size=batch_size,
        seed=0,
    )
    jobs = [
        (Prompt(str(i), rewriting(list(prompts[i]), _spoken(texts[i]))), 0)
        for i in range(len(texts))
        if own[i]
    ]
    written = [
        found
        for start in range(0, len(jobs), batch_size)
        for found in sample_batch(
            loaded, jobs[start : start + batch_size], settings, seed=0
        )
    ]
    result: list[list[Judged]] = [[] for _ in texts]
    for found in written:
        place = int(found.prompt_id)
        text, ids = texts[place], [*own[place], *([_END] if ended[place] else [])]
        other = loaded.tokenizer.encode(found.content, add_special_tokens=False)
        if found.finish_reason == "stop":
            other.append(_END)
        agrees = [False] * len(ids)
        matcher = SequenceMatcher(None, other, ids, autojunk=False)
        for block in matcher.get_matching_blocks():
            agrees[block.b : block.b + block.size] = [True] * block.size
        result[place] = _placed(loaded, ids, agrees, len(text), {_END}, ended[place])
    return result


@torch.no_grad()
def forced(
    mapping: Mapping,
    prompts: Sequence[Messages],
    texts: Sequence[str],
    *,
    ended: Sequence[bool],
    batch_size: int,
) -> list[list[Judged]]:
    """Return which tokens of completions a mapping would have written there.

    A token agrees if it is the likeliest one after what stands before it. Until the
    first that does not, this is what the mapping writes, drawn greedily. What does not
    fit into its length, and an empty text, is not judged.

    Args:
        ended: whether the token that ends a completion is judged too.

    Source: Zhou et al. 2024 (seq2seq reward modelling), figure 2's caption.
    """
    loaded = mapping.loaded
    model: Any = loaded.model
    stops = set(stop_ids(loaded))
    branches = []
    for prompt, text in zip(prompts, texts, strict=True):
        said = _spoken(text)
        ids, (own,) = tokenize(loaded.tokenizer, rewriting(list(prompt), said), [said])
        ids, (own,), _ = shorten(ids, [own], mapping.max_length)
        own = _until_end(own, stops) if text else []
        branches.append(Branch(tuple(ids), tuple(own)))
    agreed: list[list[bool]] = [[] for _ in branches]
    model.eval()
    told = [i for i, branch in enumerate(branches) if branch.completion]
    for start in range(0, len(told), batch_size):
        rows = told[start : start + batch_size]
        layout = lay_out(
            [branches[i] for i in rows],
            pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        ).to(model.device)
        hidden, head, _ = readout(model, layout)
        likeliest = torch.cat(
            [head(part).argmax(-1) for part in hidden.split(READ_AT_ONCE)]
        )
        same = torch.zeros_like(layout.mask).index_put(
            (layout.sequences, layout.indices), likeliest == layout.labels
        )
        for row, found, counted in zip(rows, same, layout.mask, strict=True):
            agreed[row] = found[counted].tolist()
    return [
        _placed(loaded, branch.completion, found, len(text), stops, end)
        for branch, found, text, end in zip(branches, agreed, texts, ended, strict=True)
    ]


READINGS: dict[str, Callable[..., list[list[Judged]]]] = {
    "aligned": aligned,
    "forced": forced,
}
"""The ways to read a mapping, by name."""


def _spoken(text: str) -> Messages:
    return [{"role": "assistant", "content": text}]


def _until_end(ids: Sequence[int], stops: set[int]) -> list[int]:
    """Return a rendered completion up to the token that ends it."""
    for place, token in enumerate(ids):
        if token in stops:
            return list(ids[: place + 1])
    return list(ids)


def _placed(
    loaded: Loaded,
    ids: Sequence[int],
    agrees: Sequence[bool],
    length: int,
    stops: set[int],
    ended: bool,
) -> list[Judged]:
    found: list[Judged] = []
    for place, (token, same) in enumerate(zip(ids, agrees, strict=True)):
        if token in stops:
            if ended:
                found.append(Judged(length + 1, same))
            continue
        end = spelled(loaded.tokenizer, ids[: place + 1])
        found.append(Judged(min(end, length), same))
    return found


def copy_rates(
    mapping: Mapping, path: Path, *, pool: bool, batch_size: int
) -> dict[str, float]:
    """Return how much of chosen and of rejected completions a mapping would keep.

    The share of their tokens, end included, that it would have written; of pairs that
    it was not trained on. A mapping that works copies the chosen ones.
    """
    found = read_pairs(
        path,
        field="data.validation",
        pool=pool,
        decided_only=True,
        may_be_empty=True,
    )
    pairs = found.pairs[:VALIDATED]
    told = {}
    for name in ("chosen", "rejected"):
        texts = [clean(getattr(pair, name)[-1]["content"]) for pair in pairs]
        tokens = [
            token.agrees
            for row in forced(
                mapping,
                [pair.prompt for pair in pairs],
                texts,
                ended=[True] * len(pairs),
                batch_size=batch_size,
            )
            for token in row
        ]
        if tokens:
            told[f"mapping/{name}_kept"] = sum(tokens) / len(tokens)
    return told
