"""Examples: what one row asks a policy about, as token ids and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from training.engine.checked import refuse_empty
from training.engine.data import Messages
from training.engine.errors import FixableError
from training.engine.layout import Branch, shared_length
from training.engine.registry.algebra import Tokens
from training.engine.tokens import shorten, tokenize

Number = float | tuple[float, ...]


@dataclass(frozen=True)
class Example:
    """One example.

    Attributes:
        members: the compared completions; of pairs the chosen one first.
        extras: further sequences by name.
        contexts: the members under other prompts, for frozen models alone.
        columns: numbers by name; a tuple has one for each member, or for each margin.
        shortened: whether any text was cut to fit.
    """

    row_id: str
    members: tuple[Branch, ...]
    extras: Mapping[str, Branch] = field(default_factory=dict)
    contexts: Mapping[str, tuple[Branch, ...]] = field(default_factory=dict)
    columns: Mapping[str, Number] = field(default_factory=dict)
    weight: float = 1.0
    shortened: bool = False

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Everything the policy runs, members first."""
        return (*self.members, *self.extras.values())

    @property
    def length(self) -> int:
        """Tokens of the longest sequence."""
        return max(len(branch) for branch in self.branches)

    @property
    def shared_length(self) -> int:
        """Tokens of all sequences, where equal prompts are run once."""
        return shared_length(self.branches)


class Encoder:
    """Chats to branches, shortened to fit and counted."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, max_length: int, tokens: Tokens
    ) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._tokens = tokens
        self.shortened = 0

    def branches(
        self,
        row_id: str,
        prompt: Messages,
        completions: Sequence[Messages],
        *,
        plain: bool = False,
    ) -> tuple[Branch, ...]:
        """Return one branch for each completion of a prompt.

        Args:
            plain: score the completion alone, whatever the method counts.

        Raises:
            FixableError: if a completion is empty, naming the row.
        """
        refuse_empty(row_id, completions)
        ids, parts = tokenize(self._tokenizer, prompt, list(completions))
        ids, parts, cut = shorten(ids, parts, self._max_length)
        self.shortened += cut
        if not ids:
            raise FixableError(
                "A prompt has no tokens.",
                expected="a chat template that begins every prompt alike",
                found=f"nothing before the completions of row {row_id}",
                fix="Check the tokenizer's chat template.",
                field="model.source",
            )
        if not plain:
            ids, parts = self._counted(ids, parts)
        return tuple(Branch(tuple(ids), tuple(part)) for part in parts)

    def _counted(
        self, ids: list[int], parts: list[list[int]]
    ) -> tuple[list[int], list[list[int]]]:
        """Move the boundary between what is given and what is scored."""
        if self._tokens == "prompt":
            return ids[:1], [ids[1:] + part for part in parts]
        if self._tokens == "suffix":
            shared = 0
            for column in zip(*parts, strict=False):
                if len(set(column)) > 1:
                    break
                shared += 1
            return ids + parts[0][:shared], [part[shared:] for part in parts]
        return ids, parts
