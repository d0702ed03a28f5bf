"""Ask further people where those who answered disagree, as a project's rule says.

The rule lies in `Project.routing["agreement"]`: {question, spread, more}. HelpSteer2
(Wang et al. 2024) asks two more where helpfulness differs by more than two points.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F, OuterRef, Subquery

from annotation.models import Feedback, Project, Task


def ask_more(*, task: int, rule: Mapping[str, Any]) -> bool:
    """Give a task more slots, once, if its counted answers disagree too much.

    Call it with the task locked, after an answer. A task is full with the project's
    overlap; what has more slots than that has been given them already.

    Args:
        rule: the rated question, the widest spread that is still agreement, and how
            many more people to ask beyond that.
    """
    usual = Project.objects.filter(pk=OuterRef("project")).values("overlap")
    full = Task.objects.filter(
        pk=task, counted=F("overlap"), overlap__lte=Subquery(usual)
    )
    if not full.exists():
        return False
    answers = Feedback.objects.filter(
        assignment__task=task, assignment__counted=True, superseded_by=None
    ).values_list("judgments", flat=True)
    if spread_of(answers, str(rule["question"])) <= float(rule["spread"]):
        return False
    return bool(full.update(overlap=F("overlap") + int(rule["more"])))


def spread_of(answers: Iterable[list[dict[str, Any]]], question: str) -> float:
    """Return the widest difference between two ratings of one completion.

    Args:
        answers: the stored judgments of each answer.
        question: the id of the rate question.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for judgments in answers:
        for judgment in judgments:
            is_it = judgment["kind"] == "rate" and judgment.get("question") == question
            if is_it and judgment.get("value") is not None:
                values[judgment["completion"]].append(float(judgment["value"]))
    return max((max(each) - min(each) for each in values.values()), default=0.0)
