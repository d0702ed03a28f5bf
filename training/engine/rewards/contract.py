"""What every reward model answers: a score with its components, and a probability."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from training.engine.data import Messages
from training.engine.errors import FixableError
from training.engine.preferences import wording
from training.engine.rewards import pair_losses, texts
from training.engine.rewards.aggregation import against_others, combine
from training.engine.rewards.examples import Collator, Encoded, Encoder, Example
from training.engine.rewards.heads import LatentHead, LinearHead, Output, skew_score
from training.engine.rewards.model import RewardModel
from training.engine.rewards.segments import segmented
from training.engine.scorers import Tick


@dataclass(frozen=True)
class Item:
    """A completion to be judged.

    Attributes:
        extra: what the method may use besides: ``context``, ``reference``,
            ``principle``, ``annotator``, ``factors`` (rated numbers), ``shots``
            (pairs of the same user, each prompt, preferred, other).
    """

    prompt: Messages
    completion: Messages
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scores:
    """The answer to a batch; every list has one number an item.

    Attributes:
        value: the number that is reported.
        components: by name; with ``weights`` they give the value back.
        weights: of the components, where the model mixes them.
        uncertainty: standard deviation over an ensemble's members; None elsewhere.
        shortened: how many texts did not fit whole.
    """

    value: list[float]
    components: dict[str, list[float]]
    weights: dict[str, list[float]] | None
    uncertainty: list[float] | None
    shortened: int


class Scorer:
    """Asks one reward model, in batches, without gradient."""

    def __init__(
        self,
        model: RewardModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int,
        batch_size: int,
    ) -> None:
        self.model = model
        self.told = model.description
        self.encoder = Encoder(tokenizer, max_length)
        self._collator = Collator([], int(tokenizer.pad_token_id or 0), by_name=True)
        self._people = {name: number for number, name in enumerate(self.told.names)}
        self._batch_size = batch_size

    # --- the contract ----------------------------------------------------------------

    def score(self, items: Sequence[Item], tick: Tick | None = None) -> Scores:
        """Return every item's value, components and uncertainty.

        Models that compare (a skew product, two answers in one question) have no
        score of one text: theirs is the mean log-odds against the completions of the
        same prompt that are scored with it, itself included as 0.

        Raises:
            FixableError: if such a model is given prompts with one completion each.
        """
        before = self.encoder.shortened
        if self.compares:
            return self._compared(items, tick, before)
        output = self._outputs([self._encode(item) for item in items], items, tick)
        value = self.model.value(output).cpu()
        return Scores(
            value=value.tolist(),
            components=self._named(output.values),
            weights=None if output.weights is None else self._named(output.weights),
            uncertainty=self._uncertainty(output),
            shortened=self.encoder.shortened - before,
        )

    def prob(self, first: Sequence[Item], second: Sequence[Item]) -> list[float]:
        """Return each probability that the first is better; prob(b, a) = 1 - it.

        Ties count half to each side. A question about two answers is asked in both
        orders and averaged.
        """
        return torch.sigmoid(self.log_odds(first, second)).tolist()

    @torch.no_grad()
    def log_odds(self, first: Sequence[Item], second: Sequence[Item]) -> Tensor:
        """Return the logarithm of prob over one minus prob, (N,), float64."""
        if self.told.map == "judge":
            return self._judge(first, second)
        both = [*first, *second]
        output = self._outputs([self._encode(item) for item in both], both, None)
        count = len(first)
        return self._between(
            _rows(output, slice(0, count)), _rows(output, slice(count, None))
        )

    @property
    def compares(self) -> bool:
        """True if the model judges pairs and has no score of one text."""
        return self.told.head == "skew" or self.told.map == "judge"

    def recombined(self, scores: Scores) -> list[float]:
        """Return the values that the components give, by the documented rule."""
        names = list(scores.components)
        values = torch.tensor([scores.components[name] for name in names]).double().T
        weights: Tensor | None = None
        if scores.weights is not None:
            weights = torch.tensor([scores.weights[name] for name in names]).double().T
        elif self.told.weights:
            weights = torch.tensor(self.told.weights).double()
        found = combine(self.told.aggregation, values, weights, self.told.penalty)
        return (found + self.told.offset).tolist()

    # --- one text --------------------------------------------------------------------

    def _encode(self, item: Item) -> Encoded:
        prompt = item.prompt
        if self.told.map == "principle":
            principle = item.extra.get("principle") or self.told.texts["principle"]
            return self.encoder.question(
                texts.asking_principle(prompt, item.completion, str(principle))
            )
        if self.told.map == "shots":
            prompt = wording.with_shots(prompt, item.extra.get("shots", ()))
        prompt = texts.under(self.told.map, prompt, item.extra)
        if self.told.head == "tokens":
            found = segmented(
                self.encoder.tokenizer,
                prompt,
                item.completion,
                density=self.told.texts["density"],
                min_words=int(self.told.texts["min_words"]),
            )
            return self.encoder.cut(found.ids, found.prompt, found.ends)
        return self.encoder.sequences(prompt, [item.completion])[0]

    def _batches(self, sequences: Sequence[Encoded]) -> Iterator[list[int]]:
        order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
        for start in range(0, len(order), self._batch_size):
            yield order[start : start + self._batch_size]

    @torch.no_grad()
    def _outputs(
        self,
        sequences: Sequence[Encoded],
        items: Sequence[Item],
        tick: Tick | None,
    ) -> Output:
        """Return what the head says, in the given order, on the CPU in float64."""
        self.model.eval()
        parts: list[tuple[list[int], Output]] = []
        for places in self._batches(sequences):
            batch = self._collator.batch(
                [
                    Example(str(i), (sequences[i],), {"named": self._reader(items, i)})
                    for i in places
                ]
            )
            device = self.model.device
            at = batch.members[:, 0].to(device)  # equal texts run once
            unique = len(batch.ids)
            users = torch.full((unique,), -1, dtype=torch.long, device=device)
            users[at] = batch.columns["named"].long().to(device)
            latent = self._latent([items[i] for i in places] if items else [])
            if latent is not None:
                latent = torch.zeros_like(latent).index_copy(0, at, latent)
            features = self.model.features(
                batch.ids.to(device),
                batch.mask.to(device),
                batch.prompts.to(device),
                ends=None if batch.ends is None else batch.ends.to(device),
                users=users,
                latent=latent,
                numbers=self._numbers(
                    [items[i] for i in places] if items else [], at, unique
                ),
            )
            parts.append((places, _rows(self.model.head(features), at)))
            if tick is not None:
                tick(len(places))
        return _in_order(parts)

    def _reader(self, items: Sequence[Item], place: int) -> float:
        """Return whose opinion of an item is asked: a number, -1 for nobody's.

        Texts read for different people, or after different pairs, are kept apart.
        """
        if self.told.head in ("latent", "features"):
            return float(place)
        if self.told.head != "ideal_point" or not items:
            return -1.0
        return float(self._people.get(str(items[place].extra.get("annotator")), -1))

    def _numbers(self, items: Sequence[Item], at: Tensor, unique: int) -> Tensor | None:
        """Return what was rated of every sequence, for heads that read that, (U, F).

        Raises:
            FixableError: if an item has other numbers than the model was trained on.
        """
        if self.told.head != "features":
            return None
        count = int(self.told.options["features"])
        rows = [list(item.extra.get("factors") or ()) for item in items]
        for row in rows:
            if len(row) != count:
                raise FixableError(
                    "A completion lacks the features that this model reads.",
                    expected=f"{count} numbers as factors",
                    found=f"{len(row)}",
                    fix="Give rows with factors, or take a model that reads texts.",
                    field="data.rows",
                )
        values = torch.tensor(rows, dtype=torch.float32, device=at.device)
        return values.new_zeros(unique, count).index_copy(0, at, values)

    def _latent(self, items: Sequence[Item]) -> Tensor | None:
        """Return the latent state of every item's user from their pairs, (N, Z)."""
        head = self.model.head
        if not isinstance(head, LatentHead) or not items:
            return None
        found = []
        for item in items:
            shots = item.extra.get("shots") or ()
            if not shots:
                found.append(torch.zeros(head.size, device=self.model.device))
                continue
            sides: list[Encoded] = []
            for prompt, better, worse in shots:
                sides += self.encoder.sequences(prompt, [better, worse])
            batch = self._collator.batch(
                [Example(str(i), (side,)) for i, side in enumerate(sides)]
            )
            device = self.model.device
            states = self.model.features(
                batch.ids.to(device), batch.mask.to(device), batch.prompts.to(device)
            ).last[batch.members[:, 0].to(device)]
            there = torch.ones(1, len(shots), dtype=torch.bool, device=device)
            mean, _ = head.infer(states[None, ::2], states[None, 1::2], there)
            found.append(mean[0])
        return torch.stack(found)

    def _named(self, values: Tensor) -> dict[str, list[float]]:
        columns = values.T.tolist()
        return dict(zip(self.told.components, columns, strict=True))

    def _uncertainty(self, output: Output) -> list[float] | None:
        if self.told.loss != "bootstrap":
            return None
        spread: list[float] = output.values.std(-1, correction=0).tolist()
        return spread

    # --- two texts -------------------------------------------------------------------

    def _between(self, one: Output, other: Output) -> Tensor:
        """Return log-odds of outputs that stand side by side, (N,)."""
        if one.vectors is not None and other.vectors is not None:
            assert one.blocks is not None and other.blocks is not None
            blocks = (one.blocks + other.blocks) / 2
            found = skew_score(one.vectors, other.vectors, blocks)
            return found / self.told.temperature
        if self.told.loss == "mixture":
            assert one.weights is not None and other.weights is not None
            share = ((one.weights + other.weights) / 2).log()
            gaps = one.values - other.values
            return torch.logsumexp(share + F.logsigmoid(gaps), -1) - torch.logsumexp(
                share + F.logsigmoid(-gaps), -1
            )
        gap = self.model.value(one) - self.model.value(other)
        if self.told.loss in ("rao_kupper", "davidson"):
            return self._with_ties(gap)
        return gap

    def _with_ties(self, gap: Tensor) -> Tensor:
        head = self.model.head
        assert isinstance(head, LinearHead)
        width = head.tie_width.detach().double().cpu()
        law = {
            "rao_kupper": pair_losses.rao_kupper_log_probs,
            "davidson": pair_losses.davidson_log_probs,
        }[self.told.loss]
        first, second, tie = law(gap, width).unbind(-1)
        half = tie - math.log(2)
        return torch.logaddexp(first, half) - torch.logaddexp(second, half)

    def _judge(self, first: Sequence[Item], second: Sequence[Item]) -> Tensor:
        asked = [
            self.encoder.question(
                texts.asking_which(a.prompt, x.completion, y.completion)
            )
            for a, b in zip(first, second, strict=True)
            for x, y in ((a, b), (b, a))
        ]
        found = self._outputs(asked, (), None).values[:, 0]
        as_first, as_second = found[::2], found[1::2]
        # Both orders' probabilities, averaged; exact for sure judges as well.
        wins = torch.logaddexp(F.logsigmoid(as_first), F.logsigmoid(-as_second))
        losses = torch.logaddexp(F.logsigmoid(-as_first), F.logsigmoid(as_second))
        return wins - losses

    def _compared(
        self, items: Sequence[Item], tick: Tick | None, before: int
    ) -> Scores:
        groups: dict[str, list[int]] = {}
        for place, item in enumerate(items):
            groups.setdefault(repr(item.prompt), []).append(place)
        if all(len(places) == 1 for places in groups.values()):
            raise FixableError(
                "A model that compares cannot score single completions.",
                expected="two or more completions of a prompt",
                found=f"{len(items)} prompt(s) with one completion each",
                fix="Score several completions of each prompt together, or choose a "
                "reward model with a score of its own.",
                field="model.source",
            )
        value = [0.0] * len(items)
        for places in groups.values():
            pairs = [(i, j) for i in places for j in places if i < j]
            if pairs:
                odds = self.log_odds(
                    [items[i] for i, _ in pairs], [items[j] for _, j in pairs]
                )
                table = torch.zeros(len(places), len(places), dtype=torch.float64)
                seat = {place: number for number, place in enumerate(places)}
                for (i, j), found in zip(pairs, odds.tolist(), strict=True):
                    table[seat[i], seat[j]], table[seat[j], seat[i]] = found, -found
                for place, found in zip(
                    places, against_others(table).tolist(), strict=True
                ):
                    value[place] = found
            if tick is not None:
                tick(len(places))
        return Scores(
            value=value,
            components={self.told.components[0]: value},
            weights=None,
            uncertainty=None,
            shortened=self.encoder.shortened - before,
        )


def _rows(output: Output, rows: Any) -> Output:
    """Return some rows of an output."""
    chosen: dict[str, Any] = {
        name: None if part is None else part[rows]
        for name, part in vars(output).items()
        if name != "tokens"
    }
    return Output(**chosen)


def _in_order(parts: Sequence[tuple[list[int], Output]]) -> Output:
    """Return batches' outputs as one, in the order of the places."""
    order = torch.tensor([place for places, _ in parts for place in places])
    back = order.argsort()
    joined: dict[str, Any] = {}
    for name in vars(parts[0][1]):
        found = [getattr(output, name) for _, output in parts]
        if any(part is None for part in found):
            joined[name] = None
        else:
            whole = torch.cat([part.detach().cpu().double() for part in found])
            joined[name] = whole[back]
    return Output(**joined)
