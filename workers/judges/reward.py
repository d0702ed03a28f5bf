"""A reward model as a judge: it compares, ranks and, by principle, says yes or no."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from annotation.hashing import content_hash
from annotation.judgments import BestWorst, Judgment, Principle, Rank
from annotation.protocols.questions import Common, PrincipleQuestion
from annotation.services.judge_settings import JudgeSettings
from annotation.services.judging import as_compare
from training.models import ModelVersion
from training.services.selection import log_odds_to_probability
from workers.judges.base import Cost, Messages, Presented, Said
from workers.judges.loading import load

BATCH = 16
TASKS = 8  # presentations scored together


class RewardJudge:
    """Log-odds of pairs and scores of texts, so the order can make no difference.

    A model that compares two answers in one question is asked in both orders inside
    (training/engine/rewards/contract.py), so its two presentations agree as well.
    """

    def __init__(self, version: ModelVersion, settings: JudgeSettings) -> None:
        self.identity = str(version.pk)
        self.description = {
            "name": version.name,
            "version": version.sha256 or version.source,
            "kind": "reward model",
        }
        if settings.principle:
            self.description["principle"] = settings.principle
            self.identity += ":" + content_hash(settings.principle)[:16]
        self._extra = {"principle": settings.principle} if settings.principle else {}
        self._even = settings.tie_within
        self._version = version
        self._loaded: Any = None

    def answer(self, items: Iterable[Presented]) -> Iterator[tuple[Presented, Said]]:
        """Yield an answer for each presentation, in order."""
        waiting = iter(items)
        while batch := list(islice(waiting, TASKS)):
            began = time.monotonic()
            scores = self._scores(batch)
            answers = [self._said(item, scores) for item in batch]
            spent = int(1000 * (time.monotonic() - began) / len(batch))
            for item, (judgments, raw) in zip(batch, answers, strict=True):
                yield item, Said(tuple(judgments), raw, cost=Cost(0, spent))

    def _said(
        self, item: Presented, scores: dict[str, float]
    ) -> tuple[list[Judgment], str]:
        judgments: list[Judgment] = []
        cannot: list[str] = []
        for question in item.questions:
            found = self._answer(question, item, scores)
            judgments += found
            if not found:
                cannot.append(question.id)
        raw = f"A reward model cannot answer {', '.join(cannot)}." if cannot else ""
        return judgments, raw

    def _answer(
        self, question: Common, item: Presented, scores: dict[str, float]
    ) -> list[Judgment]:
        kind = getattr(question, "kind", "")
        value = {
            pk: scores[_address(item.prompt, text)] for pk, text in item.completions
        }
        if kind == "compare" and len(value) == 2:
            (first, a), (second, b) = list(value.items())[:2]
            gap = a - b if not self._compares else self._gap(item)
            return [
                as_compare(
                    question.model_dump(mode="json"),
                    first,
                    second,
                    log_odds_to_probability(gap),
                    even=self._even,
                )
            ]
        said = {"question": question.id, "criterion": question.criterion}
        best_first = sorted(value, key=lambda pk: -value[pk])
        if kind == "rank" and len(value) > 1:
            return [Rank(groups=[[pk] for pk in best_first], **said)]
        if kind == "best_worst" and len(value) > 2:
            return [BestWorst(best=best_first[:1], worst=best_first[-1:], **said)]
        if isinstance(question, PrincipleQuestion) and self._keeps_principles:
            return list(self._principles(question, item))
        return []

    def _principles(
        self, question: PrincipleQuestion, item: Presented
    ) -> Iterator[Judgment]:
        from training.engine.rewards.contract import Item

        for principle in question.principles:
            asked = [
                Item(_list(item.prompt), _list(text), {"principle": principle.text})
                for _, text in item.completions
            ]
            odds = self._scorer().score(asked).value
            for (pk, _), value in zip(item.completions, odds, strict=True):
                keeps = log_odds_to_probability(value)
                yield Principle(
                    completion=pk,
                    principle=principle.text,
                    verdict="yes" if keeps >= 0.5 else "no",
                    question=question.id,
                    criterion=question.criterion,
                    confidence=round(max(keeps, 1 - keeps), 6),
                )

    def _scores(self, batch: Sequence[Presented]) -> dict[str, float]:
        """Return each text's score; one that comes twice is scored once."""
        from training.engine.tasks.score import score_completions, trained_length

        unique = {
            _address(item.prompt, text): (_list(item.prompt), _list(text))
            for item in batch
            for _, text in item.completions
        }
        loaded = self._model()
        if self._has_head:
            from training.engine.rewards.contract import Item

            rows = [Item(prompt, text, self._extra) for prompt, text in unique.values()]
            if self._compares and len(rows) < 2:
                return dict.fromkeys(unique, 0.0)
            values = self._scorer().score(rows).value
        else:
            values, _ = score_completions(
                loaded,
                [prompt for prompt, _ in unique.values()],
                [text for _, text in unique.values()],
                max_length=trained_length(loaded),
                batch_size=BATCH,
            )
        return dict(zip(unique, values, strict=True))

    def _gap(self, item: Presented) -> float:
        """Return a comparing model's log-odds that the first shown is better."""
        from training.engine.rewards.contract import Item

        first, second = (
            [Item(_list(item.prompt), _list(text), self._extra)]
            for _, text in item.completions[:2]
        )
        return float(self._scorer().log_odds(first, second)[0])

    def _scorer(self) -> Any:
        from training.engine.rewards.contract import Scorer
        from training.engine.tasks.score import trained_length

        loaded = self._model()
        return Scorer(
            loaded.model,
            loaded.tokenizer,
            max_length=trained_length(loaded),
            batch_size=BATCH,
        )

    @property
    def _has_head(self) -> bool:
        from training.engine.rewards.model import RewardModel

        return isinstance(self._model().model, RewardModel)

    @property
    def _compares(self) -> bool:
        return self._has_head and bool(self._scorer().compares)

    @property
    def _keeps_principles(self) -> bool:
        return self._has_head and self._model().model.description.map == "principle"

    def _model(self) -> Any:
        if self._loaded is None:
            self._loaded = load(self._version, "load_reward")
        return self._loaded


def _list(messages: Messages) -> list[dict[str, Any]]:
    return [dict(message) for message in messages]


def _address(prompt: Messages, text: Messages) -> str:
    return repr((_list(prompt), _list(text)))
