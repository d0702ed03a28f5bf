"""Sampling completions from a policy, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from training.engine.data import Messages
from training.engine.drawn import Watched
from training.engine.models import Loaded
from training.engine.scorers import completion_logprobs
from training.engine.tokens import render, shorten

_STOP_TOKENS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "</s>")


UNCHANGED: dict[str, Any] = {
    **dict.fromkeys(("num_beams", "num_return_sequences"), 1),
    **dict.fromkeys(("repetition_penalty", "encoder_repetition_penalty"), 1.0),
    **dict.fromkeys(
        (
            *("guidance_scale", "sequence_bias", "bad_words_ids", "stop_strings"),
            *("no_repeat_ngram_size", "encoder_no_repeat_ngram_size"),
            *("min_length", "min_new_tokens", "exponential_decay_length_penalty"),
            *("forced_bos_token_id", "forced_eos_token_id"),
            *("suppress_tokens", "begin_suppress_tokens", "watermarking_config"),
            *("min_p", "typical_p", "top_h", "epsilon_cutoff", "eta_cutoff"),
        )
    ),
}
"""What `generate` must be told so that a model's own settings change no probability.

Many models come with a penalty on repetition or a cut tail. Tokens drawn under those
follow another distribution than the one whose probabilities are kept and learned from.
"""


@dataclass(frozen=True)
class Sampling:
    """How to sample: temperature 0 is greedy.

    Attributes:
        steer: makes what changes the logits of a batch, from its prompts' mask, (B, P).
    """

    temperature: float
    top_p: float
    max_new_tokens: int
    max_prompt_tokens: int
    batch_size: int
    seed: int
    steer: Callable[[torch.Tensor], LogitsProcessor] | None = None


@dataclass(frozen=True)
class Prompt:
    """A prompt to answer ``samples`` times.

    Attributes:
        answer: what a rule holds completions against; empty where none does.
        direction: how much each reward counts here; empty where the run says so.
        bare: the prompt as reward models read it, where that is not the messages.
        first: an answer that this asks to be bettered; empty where it asks for one.
    """

    prompt_id: str
    messages: Messages
    answer: str = ""
    direction: tuple[float, ...] = ()
    bare: Messages | None = None
    first: str = ""

    @property
    def judged(self) -> Messages:
        """The prompt as reward models read it."""
        return self.messages if self.bare is None else self.bare


@dataclass(frozen=True)
class Completion:
    """One sampled completion.

    Attributes:
        finish_reason: stop if the model ended it, length if the limit did.
        ids: its tokens, with the end token if the model wrote one.
        mean_logprob: mean log-probability a token, in nats, at temperature 1.
        parent: the sample of the same prompt that it branched off, in a tree.
        branch_at: code points of its content that it shares with the parent.
    """

    prompt_id: str
    sample: int
    content: str
    finish_reason: Literal["stop", "length"]
    prompt_ids: list[int]
    ids: list[int]
    mean_logprob: float
    parent: int | None = None
    branch_at: int | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the columns of ``completions.parquet``."""
        return {
            "prompt_id": self.prompt_id,
            "sample": self.sample,
            "content": self.content,
            "finish_reason": self.finish_reason,
            "tokens": len(self.ids),
            "mean_logprob": self.mean_logprob,
            "parent": self.parent,
            "branch_at": self.branch_at,
        }


def stop_ids(loaded: Loaded) -> list[int]:
    """Return the tokens that end a completion."""
    tokenizer = loaded.tokenizer
    vocabulary = tokenizer.get_vocab()
    ids = {vocabulary[token] for token in _STOP_TOKENS if token in vocabulary}
    if tokenizer.eos_token_id is not None:
        ids.add(int(tokenizer.eos_token_id))
    return sorted(ids)


def prompt_ids(
    loaded: Loaded, messages: Messages, max_prompt_tokens: int
) -> tuple[list[int], bool]:
    """Return a prompt's ids up to where the model answers; True if it was shortened."""
    ids = render(loaded.tokenizer, messages, generation=True)
    kept, _, cut = shorten(ids, [[]], max_prompt_tokens)
    return kept, cut


def batches(
    prompts: Sequence[Prompt], samples: int, batch_size: int
) -> list[list[tuple[Prompt, int]]]:
    """Group (prompt, sample number) pairs; one prompt's samples stay together.

    Kept in the given order, so that the first prompts are answered first and a
    resumed run meets the same batches.
    """
    jobs = [(prompt, n) for prompt in prompts for n in range(samples)]
    size = max(batch_size // samples, 1) * samples
    size = min(size, max(batch_size, 1)) if samples > batch_size else size
    return [jobs[i : i + size] for i in range(0, len(jobs), size)]


def sample(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    samples: int,
    settings: Sampling,
    *,
    skip: Callable[[str, int], bool] = lambda prompt_id, number: False,
) -> Iterator[list[Completion]]:
    """Yield completions batch by batch.

    Every batch is seeded by its own number, so a batch's completions do not depend on
    what ran before it. A batch whose completions are all to be skipped is not run.
    """
    loaded.model.eval()
    for number, jobs in enumerate(batches(prompts, samples, settings.batch_size)):
        if all(skip(prompt.prompt_id, n) for prompt, n in jobs):
            continue
        yield sample_batch(loaded, jobs, settings, seed=settings.seed + number)


def options(settings: Sampling) -> dict[str, Any]:
    """Return how `generate` draws: from the cut distribution, or greedily at 0."""
    common = UNCHANGED | {"max_new_tokens": settings.max_new_tokens}
    if settings.temperature <= 0:
        greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        return common | greedy
    return common | {
        "do_sample": True,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "top_k": 0,
    }


@torch.no_grad()
def sample_batch(
    loaded: Loaded,
    jobs: Sequence[tuple[Prompt, int]],
    settings: Sampling,
    *,
    seed: int,
    begun: Sequence[list[int]] | None = None,
) -> list[Completion]:
    """Return one completion a job, (prompt, sample number), in one batch.

    Args:
        begun: the tokens that each completion begins with; they are part of it, and
            of its length.
    """
    model: Any = loaded.model
    tokenizer = loaded.tokenizer
    room = max(loaded.context - settings.max_new_tokens, 8)
    longest = min(settings.max_prompt_tokens, room)
    heads = [prompt_ids(loaded, prompt.messages, longest)[0] for prompt, _ in jobs]
    pad_id = int(tokenizer.pad_token_id or 0)
    starts = [[] for _ in jobs] if begun is None else list(begun)
    rows = [head + start for head, start in zip(heads, starts, strict=True)]
    width = max(len(ids) for ids in rows)
    # Padding stands on the left, so that every row's next token is its first new one.
    ids = torch.full((len(jobs), width), pad_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, width - len(row) :] = torch.tensor(row, dtype=torch.long)
        mask[place, width - len(row) :] = 1
    torch.manual_seed(seed)
    stops = stop_ids(loaded)
    watched = Watched()
    output = model.generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        eos_token_id=stops,
        pad_token_id=pad_id,
        logits_processor=_processors(watched, settings, mask.to(model.device)),
        **options(settings),
    )
    bodies = [
        _until_stop([*start, *row][: settings.max_new_tokens], stops)
        for start, row in zip(starts, output[:, width:].tolist(), strict=True)
    ]
    if begun is None:
        kept = watched.logprobs(output[:, width:])
        totals = [
            float(row[: len(body)].sum())
            for row, (body, _) in zip(kept, bodies, strict=True)
        ]
    else:
        totals = _totals(loaded, heads, [b for b, _ in bodies], settings.batch_size)
    return [
        Completion(
            prompt_id=prompt.prompt_id,
            sample=number,
            content=clean(str(tokenizer.decode(body, skip_special_tokens=True))),
            finish_reason="stop" if stopped else "length",
            prompt_ids=head,
            ids=body,
            mean_logprob=total / len(body),
        )
        for (prompt, number), head, (body, stopped), total in zip(
            jobs, heads, bodies, totals, strict=True
        )
    ]


def _totals(
    loaded: Loaded,
    heads: list[list[int]],
    bodies: list[list[int]],
    batch_size: int,
) -> list[float]:
    """Return log p(completion | prompt), also of tokens that were not drawn here."""
    found = completion_logprobs(
        loaded.model,
        heads,
        bodies,
        pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        batch_size=batch_size,
    )
    return [each.total for each in found]


def _processors(
    watched: Watched, settings: Sampling, mask: torch.Tensor
) -> LogitsProcessorList:
    """Return what sees, and then what changes, the logits of a batch with this mask."""
    found: list[LogitsProcessor] = [watched]
    if settings.steer is not None:
        found.append(settings.steer(mask))
    return LogitsProcessorList(found)


def _until_stop(ids: list[int], stops: list[int]) -> tuple[list[int], bool]:
    for position, token in enumerate(ids):
        if token in stops:
            return ids[: position + 1], True
    return ids, False


def clean(text: str) -> str:
    """Return text without NUL characters, which databases refuse, and outer space."""
    return text.replace("\0", "").strip()
