"""A panel: several judges on each pair, weighed by what they are known to get right.

Each member answers as an actor of its own, at its own cost. Votes are combined as
log-odds of the members' reliabilities on pairs that people have answered elsewhere
(Nitzan and Paroush 1982), so a member that is right half the time has no say. Where
the panel disagrees, people are asked besides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from annotation.hashing import content_hash
from annotation.models import Judge
from annotation.protocols.questions import CompareQuestion
from annotation.quality.panels import Vote, combine, disagreement
from annotation.services.judge_opinions import Opinion, opinions_of
from annotation.services.judge_settings import JudgeSettings
from annotation.services.judging import as_compare
from annotation.services.panel_weights import reliabilities
from workers.judges.base import Cost, Failure, Presented, Said

AT_ONCE = 64  # presentations that all members are asked about before the next


class PanelJudge:
    """Asks its members first, then says what they say together."""

    def __init__(self, judge: Judge, settings: JudgeSettings) -> None:
        self._settings = settings
        self._members = list(judge.members.order_by("pk"))
        known = reliabilities(self._members)
        names = [member.name for member in self._members]
        self.description: dict[str, Any] = {
            "name": judge.name,
            "kind": "panel",
            "members": names,
            "reliability": {
                member.name: round(known[member.pk], 4) for member in self._members
            },
        }
        # The weights move with every human answer; who sits on it makes the panel.
        self.identity = content_hash([[m.pk for m in self._members], settings.dissent])

    def answer(self, items: Iterable[Presented]) -> Iterator[tuple[Presented, Said]]:
        from workers.judges.asking import ask  # members are asked as anybody is

        waiting = iter(items)
        while batch := list(islice(waiting, AT_ONCE)):
            tasks = sorted({item.task for item in batch})
            for member in self._members:
                ask(member, tasks)
            said = [opinions_of(member, tasks) for member in self._members]
            # What people said of these very pairs has no part in weighing them.
            weights = reliabilities(self._members, leave_out=tasks)
            for item in batch:
                opinions = [each[item.task] for each in said]
                yield item, self._said(item, opinions, weights)

    def _said(
        self,
        item: Presented,
        opinions: Sequence[Opinion],
        weights: Mapping[int, float],
    ) -> Said:
        question = next(
            (each for each in item.questions if isinstance(each, CompareQuestion)),
            None,
        )
        votes = [
            Vote(opinion.probability, weights[member.pk])
            for member, opinion in zip(self._members, opinions, strict=True)
            if opinion.probability is not None
        ]
        if not votes:
            return Said(failure=_nobody(opinions), cost=Cost())
        if question is None or len(item.ids) != 2:
            return Said(raw_text="A panel answers comparisons of two alone.")
        probability = combine(votes)
        apart = disagreement(votes)
        first, second = item.ids[:2]
        shown = probability if item.order[0] == 0 else 1 - probability
        return Said(
            (
                as_compare(
                    question.model_dump(mode="json"),
                    first,
                    second,
                    shown,
                    even=self._settings.tie_within,
                ),
            ),
            escalates=apart > self._settings.dissent or len(votes) < len(opinions),
        )


def _nobody(opinions: Sequence[Opinion]) -> Failure:
    names = sorted({opinion.failure for opinion in opinions if opinion.failure})
    return Failure(
        "panel_silent",
        "No member of the panel gave an answer.",
        expected="an answer of at least one member",
        found=", ".join(names) or "abstentions",
        fix="See the members' own pages.",
    )
