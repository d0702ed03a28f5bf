"""A causal model in this process: no text is sampled where one letter is asked."""

import time
from concurrent.futures import Future
from typing import Any

from training.models import ModelVersion
from training.services.untrusted import clean_text
from workers.judges.base import Failure
from workers.judges.calls import Call, Reply, Tried
from workers.judges.loading import load


class Local:
    """Reads the next token's distribution, or lets the model write greedily."""

    width = 1

    def __init__(self, version: ModelVersion) -> None:
        self.address = f"{version.pk} {version.sha256 or version.source}"
        self._version = version
        self._loaded: Any = None

    def submit(self, call: Call) -> "Future[Tried]":
        made: Future[Tried] = Future()
        try:
            made.set_result(self._ask(call))
        except BaseException as error:
            made.set_exception(error)
        return made

    def close(self) -> None:
        """Keep the model: the next batch asks it again."""

    def _ask(self, call: Call) -> Tried:
        import torch

        began = time.monotonic()
        loaded = self._model()
        text = loaded.tokenizer.apply_chat_template(
            [
                {**each, "content": plain(each["content"], loaded.tokenizer)}
                for each in call.messages
            ],
            tokenize=False,
            add_generation_prompt=True,
        )
        ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        room = loaded.context - len(ids)
        if room < (1 if call.choices else min(call.max_tokens, 16)):
            return Tried(None, _too_long(len(ids), loaded.context))
        with torch.inference_mode():
            if call.choices:
                logits = loaded.model(torch.tensor([ids])).logits[0, -1].float()
                shares = torch.softmax(logits, dim=-1)
                told = {each: float(shares[self._token(each)]) for each in call.choices}
                return Tried(_reply("", told, len(ids), 0, began))
            written = loaded.model.generate(
                torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                max_new_tokens=min(call.max_tokens, room),
                do_sample=False,
                pad_token_id=loaded.tokenizer.pad_token_id,
            )[0, len(ids) :]
        reply = loaded.tokenizer.decode(written, skip_special_tokens=True)
        return Tried(_reply(reply, None, len(ids), len(written), began))

    def _token(self, letter: str) -> int:
        """Return the token of a letter at the start of a reply."""
        ids = self._model().tokenizer(letter, add_special_tokens=False)["input_ids"]
        return int(ids[-1])

    def _model(self) -> Any:
        if self._loaded is None:
            self._loaded = load(self._version, "load_policy")
        return self._loaded


def plain(text: str, tokenizer: Any) -> str:
    """Return text in which no special token of the tokenizer stands.

    The template's own tokens open and close turns; one in a completion would too.
    """
    added = tokenizer.added_tokens_decoder.values()
    special = {each.content for each in added if each.special}
    for token in sorted(special, key=len, reverse=True):
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _reply(
    text: str, shares: dict[str, float] | None, read: int, written: int, began: float
) -> Reply:
    spent = int(1000 * (time.monotonic() - began))
    # A model of bytes may write a NUL, which the database does not keep.
    return Reply(clean_text(text), shares, read, written, "", spent)


def _too_long(tokens: int, context: int) -> Failure:
    return Failure(
        "too_long",
        f"The task has {tokens} tokens; the judge reads {context}.",
        expected=f"at most {context} tokens with the reply",
        found=str(tokens),
        fix="Route such tasks to people, or to a judge with a longer context.",
        is_final=True,
    )
