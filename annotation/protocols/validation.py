"""Hold judgments against the task they answer and the protocol that asked.

`annotation/judgments.py` says what a judgment is; here is whether these judgments
answer this task: its completions as presented, its questions, their scales.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from annotation.errors import InvalidJudgments
from annotation.judgments import (
    Compare,
    Judged,
    Judgment,
    Span,
    WrittenText,
    completions_of,
)

Problem = dict[str, Any]
Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """The task as it was put to the person.

    Attributes:
        completions: ids in the presented order.
        questions: the protocol's.
        texts: reads the messages of the prompt (None) or of a completion; called
            for spans only, so that other answers cost no reading.
    """

    completions: Sequence[UUID]
    questions: Sequence[dict[str, Any]]
    texts: Callable[[UUID | None], Messages]


def check_judgments(judgments: Sequence[Judgment], asked: Asked) -> None:
    """Accept judgments that answer the task.

    Raises:
        InvalidJudgments: with every field that does not fit.
    """
    problems: list[Problem] = []
    questions = {str(question["id"]): question for question in asked.questions}
    for place, judgment in enumerate(judgments):
        problems += [
            {**problem, "path": f"judgments.{place}.{problem['path']}"}
            for problem in _misfits(judgment, questions, asked)
        ]
        if any(target >= place for target in judgment.targets):
            problems.append(
                _problem(
                    f"judgments.{place}.targets",
                    "must be indices of earlier judgments",
                    judgment.targets,
                )
            )
    problems += _unanswered(judgments, asked)
    if problems:
        raise InvalidJudgments(
            "The judgments do not answer this task.",
            expected="judgments of the presented completions, on the protocol's terms",
            found=f"{len(problems)} that do not fit: {problems[0]['message']}",
            fix="Mend the fields named below and send them again.",
            fields=problems[:20],
        )


def _problem(path: str, message: str, value: object) -> Problem:
    return {"path": path, "message": message, "value": repr(value)[:200]}


def _misfits(
    judgment: Judgment, questions: dict[str, dict[str, Any]], asked: Asked
) -> list[Problem]:
    problems = []
    unknown = completions_of(judgment) - set(asked.completions)
    if unknown:
        problems.append(
            _problem(
                "completion",
                "names a completion that is not in this task; expected one of "
                + ", ".join(map(str, asked.completions)),
                sorted(map(str, unknown)),
            )
        )
    question = None
    if judgment.question is not None:
        question = questions.get(judgment.question)
        if question is None:
            problems.append(
                _problem(
                    "question",
                    f"is not asked; expected one of {', '.join(questions)}",
                    judgment.question,
                )
            )
        elif not _answers(judgment, question):
            problems.append(
                _problem("kind", f"should be {question['kind']}", judgment.kind)
            )
    if isinstance(judgment, Compare) and not unknown:
        problems += _compare_misfits(judgment, question, asked)
    if isinstance(judgment, Span) and not unknown:
        problems += _span_misfits(judgment, asked)
    return problems


def _answers(judgment: Judged, question: dict[str, Any]) -> bool:
    kind = getattr(judgment, "kind", "")
    # Any question may have a reason beside its answer, and may be flagged.
    return kind in (question["kind"], "text", "flag")


def _compare_misfits(
    judgment: Compare, question: dict[str, Any] | None, asked: Asked
) -> list[Problem]:
    problems = []
    places = [asked.completions.index(side) for side in (judgment.a, judgment.b)]
    if places[0] > places[1]:
        problems.append(
            _problem(
                "a",
                "must be the side presented first; expected "
                f"a={judgment.b}, b={judgment.a}",
                str(judgment.a),
            )
        )
    if question is None:
        return problems
    if judgment.criterion != question.get("criterion"):
        problems.append(
            _problem(
                "criterion",
                f"should be {question.get('criterion')!r}",
                judgment.criterion,
            )
        )
    scale = question.get("scale")
    if not scale or judgment.outcome == "unsure":
        return problems
    if judgment.scale != scale["id"]:
        problems.append(_problem("scale", f"should be {scale['id']}", judgment.scale))
    offered = {(o["outcome"], o["strength"]) for o in scale["options"]}
    if scale.get("both_bad"):
        offered.add(("both_bad", 0))
    if (judgment.outcome, judgment.strength or 0) not in offered:
        fitting = sorted(s for outcome, s in offered if outcome == judgment.outcome)
        problems.append(
            _problem(
                "strength" if fitting else "outcome",
                f"is not on the scale {scale['id']}; expected "
                + (
                    f"strength in {fitting}"
                    if fitting
                    else f"one of {sorted({outcome for outcome, _ in offered})}"
                ),
                [judgment.outcome, judgment.strength],
            )
        )
    return problems


def _span_misfits(judgment: Span, asked: Asked) -> list[Problem]:
    if judgment.target == "passage":
        return []
    messages = asked.texts(judgment.completion)
    if judgment.message >= len(messages):
        return [
            _problem("message", f"expected below {len(messages)}", judgment.message)
        ]
    text = str(messages[judgment.message]["content"])
    if judgment.end > len(text):
        return [
            _problem("end", f"expected up to {len(text)} code points", judgment.end)
        ]
    sha = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if judgment.text_sha != sha:
        return [_problem("text_sha", f"expected {sha}", judgment.text_sha)]
    return []


def _unanswered(judgments: Sequence[Judgment], asked: Asked) -> list[Problem]:
    if any(judgment.kind == "flag" for judgment in judgments):
        # Whoever says that the task itself is broken owes it no further answer.
        return []
    problems = []
    for question in asked.questions:
        mine = [j for j in judgments if j.question == question["id"]]
        answers = [j for j in mine if j.kind == question["kind"]]
        if question.get("required", True) and not answers:
            problems.append(
                _problem(
                    "judgments",
                    f"lack an answer to the required question {question['id']!r}",
                    [j.kind for j in judgments],
                )
            )
        is_pair = question["kind"] == "compare" and len(asked.completions) == 2
        if is_pair and len(answers) > 1:
            problems.append(
                _problem(
                    "judgments",
                    f"answer the question {question['id']!r} more than once",
                    len(answers),
                )
            )
        reasons = (j for j in mine if isinstance(j, WrittenText))
        if question.get("reason") == "required" and not any(
            reason.content.strip() for reason in reasons
        ):
            problems.append(
                _problem(
                    "judgments", f"lack the reason for question {question['id']!r}", []
                )
            )
    return problems
