"""Every kind: a whole answer goes in; what breaks the protocol is named by field."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from annotation.models import Feedback
from annotation.protocols.scales import SCALES
from tests.annotation.protocols.answers import (
    ask,
    project_asking,
    send,
    whole_answer,
)

pytestmark = pytest.mark.django_db


def labels(*ids: str) -> list[dict[str, str]]:
    return [{"id": each, "label": each.capitalize()} for each in ids]


def question(kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": "q", "kind": kind, "text": "What do you say?", **fields}


COMPARE = question("compare", scale={"id": "compare-7@1", **SCALES["compare-7@1"]})
POINTS = {
    "id": "quality-3@1",
    "points": [{"value": n, "label": f"point {n}"} for n in range(3)],
}
SPAN = question(
    "span",
    categories=labels("wrong", "vague"),
    severities=labels("minor", "major"),
    overlap="never",
    refs="required",
    replacement="optional",
    note="optional",
)
PRINCIPLES = [{"id": "brief", "text": "It is brief."}, {"id": "kind", "text": "Kind."}]
QUESTIONS: dict[str, dict[str, Any]] = {
    "compare": COMPARE
    | {
        "reason": "required",
        "reasons": labels("clear", "true"),
        "confidence": [{"value": 0.5, "label": "?"}, {"value": 1, "label": "sure"}],
        "criterion": "helpful",
    },
    "rank": question("rank", allow_ties=False, allow_unranked=False),
    "rank-loose": question("rank", all_bad=True),
    "best_worst": question("best_worst"),
    "rate": question("rate", scale=POINTS),
    "rate-slider": question(
        "rate", scale={"id": "s@1", "min": 0, "max": 1, "step": 0.1, "na": True}
    ),
    "span": SPAN,
    "span-prompt": question("span", target="prompt", categories=labels("unclear")),
    "span-passage": question("span", target="passage", categories=labels("proof")),
    "missing": question(
        "missing", categories=labels("fact"), refs="required", note="required"
    ),
    "principle": question("principle", principles=PRINCIPLES, evidence="required"),
    "text": question(
        "text", role="critique", per="completion", min_chars=10, max_chars=60
    ),
    "edit": question("text", role="edit", per="completion"),
    "rationale": question("text", role="rationale"),
    "reaction": question(
        "reaction",
        signals=[
            *(
                {**s, "value": v}
                for s, v in zip(labels("up", "down"), (1, -1), strict=True)
            )
        ],
    ),
    "choose": question("choose", categories=labels("safe", "unsafe")),
    "choose-task": question("choose", target="task", categories=labels("fine")),
    "step": question("step", labels=labels("right", "wrong")),
    "first-error": question("step", labels=labels("wrong"), first_error=True),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_whole_answer_goes_in_as_it_is(name: str) -> None:
    asked = QUESTIONS[name]
    client, assignment = ask(project_asking(asked), size=3)
    answer = whole_answer([asked], assignment)
    response = send(client, assignment, answer)
    assert response.status_code == 201, response.content
    stored = Feedback.objects.get().judgments
    for said, kept in zip(answer, stored, strict=True):
        assert {**said, **kept} == said | {"kind": said["kind"]}


def two_spans(first: str, second: str, start: int) -> Any:
    def changed(judgments: list[Any]) -> list[Any]:
        (one,) = judgments
        return [
            one | {"category": first},
            one | {"start": start, "end": start + 2, "category": second},
        ]

    return changed


def each_with(**changes: Any) -> Any:
    return lambda judgments: [judgments[0] | changes, *judgments[1:]]


def without_first(judgments: list[Any]) -> list[Any]:
    return judgments[1:]


def twice(judgments: list[Any]) -> list[Any]:
    return [*judgments, judgments[0]]


def nothing(judgments: list[Any]) -> list[Any]:
    return []


def without_reason(judgments: list[Any]) -> list[Any]:
    return [each for each in judgments if each["kind"] != "text"]


def omitting(judgments: list[Any]) -> list[Any]:
    return [judgments[0] | {"groups": judgments[0]["groups"][1:]}]


def repeating(judgments: list[Any]) -> list[Any]:
    groups = judgments[0]["groups"]
    return [judgments[0] | {"groups": [*groups, groups[0]]}]


def tying(judgments: list[Any]) -> list[Any]:
    (a, b, *rest) = judgments[0]["groups"]
    return [judgments[0] | {"groups": [a + b, *rest]}]


def unranking(judgments: list[Any]) -> list[Any]:
    (a, *rest) = judgments[0]["groups"]
    return [judgments[0] | {"groups": rest, "unranked": a}]


def two_bests(judgments: list[Any]) -> list[Any]:
    return [judgments[0] | {"best": [*judgments[0]["best"], str(uuid.uuid4())]}]


# (question, how the whole answer is changed, field, words of the message)
REFUSED: list[tuple[str, Any, str, str]] = [
    *(
        (name, nothing, "judgments", "needs")
        for name in QUESTIONS
        if name not in ("first-error",)
    ),
    (
        "compare",
        each_with(outcome="tie", strength=3),
        "judgments.0",
        "strength belongs",
    ),
    ("compare", each_with(strength=9), "judgments.0.strength", "not on the scale"),
    (
        "compare",
        each_with(outcome="unsure", strength=0),
        "judgments.0.outcome",
        "not on",
    ),
    ("compare", each_with(scale="other@1"), "judgments.0.scale", "compare-7@1"),
    ("compare", each_with(criterion=None), "judgments.0.criterion", "helpful"),
    ("compare", each_with(confidence=0.7), "judgments.0.confidence", "0.5 or 1"),
    ("compare", each_with(reasons=["cheap"]), "judgments.0.reasons", "'cheap'"),
    ("compare", each_with(reasons=["true"] * 2), "judgments.0.reasons", "twice"),
    ("compare", without_reason, "judgments", "reason in words"),
    ("compare", each_with(question=None), "judgments.0.question", "missing"),
    ("compare", each_with(question="other"), "judgments.0.question", "not asked"),
    ("compare", twice, "judgments.2.a", "more than once"),
    ("rank", omitting, "judgments.0.groups", "leaves out A"),
    ("rank", repeating, "judgments.0", "one place"),
    ("rank", tying, "judgments.0.groups", "ties"),
    ("rank", unranking, "judgments.0.unranked", "empty"),
    ("rank", each_with(all_bad=True), "judgments.0.all_bad", "not offered"),
    ("rank", twice, "judgments.1.question", "more than once"),
    ("rank-loose", each_with(groups=[]), "judgments.0.groups", "leaves out A, B, C"),
    ("best_worst", two_bests, "judgments.0.completion", "not in this task"),
    ("best_worst", each_with(worst=[]), "judgments.0.worst", "at least 1"),
    ("rate", each_with(value=3), "judgments.0.value", "one of 0, 1, 2"),
    ("rate", each_with(value=0.5), "judgments.0.value", "one of 0, 1, 2"),
    ("rate", each_with(value=None), "judgments.0.value", "one of 0, 1, 2"),
    ("rate", each_with(scale=None), "judgments.0.scale", "quality-3@1"),
    ("rate", without_first, "judgments", "for A"),
    ("rate", twice, "judgments.3.completion", "more than once"),
    (
        "rate",
        each_with(completion=str(uuid.uuid4())),
        "judgments.0.completion",
        "not in",
    ),
    (
        "rate-slider",
        each_with(value=0.25),
        "judgments.0.value",
        "0 to 1 in steps of 0.1",
    ),
    ("span", each_with(end=10_000), "judgments.0.end", "outside the text"),
    ("span", each_with(start=3), "judgments.0.start", "marks no text"),
    ("span", each_with(text_sha="0" * 64), "judgments.0.text_sha", "mark it again"),
    ("span", each_with(text_sha="no"), "judgments.0.text_sha", "sha256"),
    ("span", each_with(message=1), "judgments.0.message", "below 1"),
    ("span", each_with(category="odd"), "judgments.0.category", "wrong or vague"),
    ("span", each_with(severity=None), "judgments.0.severity", "minor or major"),
    ("span", each_with(refs=[]), "judgments.0.refs", "required"),
    ("span", each_with(refs=[{"doc": "sea"}]), "judgments.0.refs.0.doc", "river, hill"),
    (
        "span",
        each_with(refs=[{"doc": "hill", "sentence": 2}]),
        "judgments.0.refs.0.sentence",
        "no sentence",
    ),
    (
        "span",
        each_with(refs=[{"doc": "hill", "start": 3, "end": 99}]),
        "judgments.0.refs.0",
        "within the text's 29 characters",
    ),
    ("span", each_with(refs=[{}]), "judgments.0.refs.0", "name a passage"),
    (
        "span",
        each_with(target="prompt", completion=None),
        "judgments.0.target",
        "completion",
    ),
    ("span", two_spans("wrong", "wrong", 2), "judgments.1.start", "from 0 to 3"),
    ("span-prompt", each_with(severity="minor"), "judgments.0.severity", "not asked"),
    ("span-prompt", each_with(note="why"), "judgments.0.note", "not asked"),
    ("span-passage", each_with(passage="sea"), "judgments.0.passage", "river, hill"),
    ("missing", each_with(text=" "), "judgments.0.text", "required"),
    ("missing", each_with(refs=[]), "judgments.0.refs", "required"),
    ("missing", each_with(category="odd"), "judgments.0.category", "fact"),
    ("principle", each_with(evidence=[]), "judgments.0.evidence", "required"),
    ("principle", each_with(evidence=["not there"]), "judgments.0.evidence", "quote"),
    ("principle", each_with(principle="New."), "judgments.0.principle", "not one of"),
    ("principle", each_with(verdict="maybe"), "judgments.0.verdict", "'yes', 'no'"),
    ("principle", without_first, "judgments", "verdict on 'It is brief.' for A"),
    ("principle", twice, "judgments.6.principle", "more than one verdict"),
    ("text", each_with(content="short"), "judgments.0.content", "5 characters"),
    ("text", each_with(content="x" * 61), "judgments.0.content", "at most 60"),
    ("text", each_with(content=" \n"), "judgments.0.content", "empty"),
    ("text", each_with(role="edit"), "judgments.0.role", "critique"),
    ("text", each_with(completion=None), "judgments.0.completion", "name the"),
    ("text", without_first, "judgments", "for A"),
    ("rationale", twice, "judgments.1.content", "more than once"),
    ("reaction", each_with(signal="sideways"), "judgments.0.signal", "up or down"),
    ("reaction", each_with(value=-1), "judgments.0.value", "1 for up"),
    ("reaction", each_with(position=2), "judgments.0.position", "should be 0"),
    ("choose", each_with(category="odd"), "judgments.0.category", "safe or unsafe"),
    ("choose", each_with(target="task"), "judgments.0.target", "completion"),
    ("choose", twice, "judgments.3.target", "more than one category"),
    ("step", each_with(index=9), "judgments.0.index", "number of steps"),
    ("step", each_with(label="odd"), "judgments.0.label", "right or wrong"),
    ("step", without_first, "judgments", "label for step 1 of"),
    ("first-error", twice, "judgments.3.index", "first one alone"),
]


@pytest.mark.parametrize(
    ("name", "change", "path", "words"),
    REFUSED,
    ids=[f"{number}-{row[0]}-{row[2]}" for number, row in enumerate(REFUSED)],
)
def test_what_breaks_the_protocol_is_refused_by_field(
    name: str, change: Any, path: str, words: str
) -> None:
    asked = QUESTIONS[name]
    client, assignment = ask(project_asking(asked), size=3)
    response = send(client, assignment, change(whole_answer([asked], assignment)))
    body = response.json()
    assert (response.status_code, body["error"]) == (422, "invalid_judgments"), body
    assert body["expected"] and body["found"] and body["fix"]
    told = [f for f in body["fields"] if f["path"] == path and words in f["message"]]
    assert told, body["fields"]
    assert not Feedback.objects.exists()


@pytest.mark.parametrize(
    ("overlap", "first", "second", "start", "status"),
    [
        ("never", "wrong", "wrong", 3, 201),
        ("never", "wrong", "vague", 2, 422),
        ("same_category", "wrong", "wrong", 2, 201),
        ("same_category", "wrong", "vague", 2, 422),
        ("allow", "wrong", "vague", 2, 201),
    ],
)
def test_overlap_is_as_the_protocol_rules(
    overlap: str, first: str, second: str, start: int, status: int
) -> None:
    asked = SPAN | {"overlap": overlap}
    client, assignment = ask(project_asking(asked))
    spans = two_spans(first, second, start)(whole_answer([asked], assignment))
    assert send(client, assignment, spans).status_code == status


def test_what_may_be_left_out_may_be_left_out() -> None:
    optional = [
        each | {"id": f"q{number}", "required": False, "reason": "off"}
        for number, each in enumerate(QUESTIONS.values())
    ]
    client, assignment = ask(project_asking(*optional))
    assert send(client, assignment, []).status_code == 201


def test_a_flag_spares_the_answer_and_a_bad_answer_is_not_said_to_lack() -> None:
    client, assignment = ask(project_asking(QUESTIONS["rate"]))
    bad = whole_answer([QUESTIONS["rate"]], assignment)
    bad[0]["completion"] = str(uuid.uuid4())
    fields = send(client, assignment, bad).json()["fields"]
    assert [field["path"] for field in fields] == ["judgments.0.completion"]
    assert fields[0]["question"] == "q"
    flag = [{"kind": "flag", "target": "task", "flag": "bad_task"}]
    assert send(client, assignment, flag).status_code == 201


def test_one_completion_is_not_compared() -> None:
    rate = QUESTIONS["rate"] | {"id": "r"}
    client, assignment = ask(project_asking(COMPARE, rate), size=1)
    answer = whole_answer([COMPARE, rate], assignment)
    assert [judgment["kind"] for judgment in answer] == ["rate"]
    assert send(client, assignment, answer).status_code == 201


def test_na_and_na_alone_spares_value_and_evidence() -> None:
    slider, principle = QUESTIONS["rate-slider"], QUESTIONS["principle"] | {"id": "p"}
    client, assignment = ask(project_asking(slider, principle))
    answer = whole_answer([slider, principle], assignment)
    for judgment in answer:
        if judgment["kind"] == "rate":
            judgment["value"] = None
        else:
            judgment |= {"verdict": "na", "evidence": []}
    assert send(client, assignment, answer).status_code == 201


def test_evidence_and_references_may_point_into_completions() -> None:
    asked = QUESTIONS["principle"]
    client, assignment = ask(project_asking(asked))
    answer = whole_answer([asked], assignment)
    place = {"completion": answer[0]["completion"], "start": 0, "end": 3}
    assert answer[0]["completion"] == assignment["completions"][0]["id"]
    bad = [answer[0] | {"evidence": [place | {"end": 900}]}, *answer[1:]]
    told = send(client, assignment, bad).json()["fields"][0]
    assert told["path"] == "judgments.0.evidence.0"
    bad = [answer[0] | {"evidence": [place | {"message": 4}]}, *answer[1:]]
    told = send(client, assignment, bad).json()["fields"][0]
    assert told["path"] == "judgments.0.evidence.0.message"
    answer[0]["evidence"] = [place]
    assert send(client, assignment, answer).status_code == 201
