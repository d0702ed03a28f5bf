"""Every preset opens as a project, is answered through the API, and keeps its rules."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from annotation.models import Assignment, Feedback, Project, Scale, Task
from annotation.protocols.presets import PRESETS
from annotation.services.projects import create_project
from tests import factories
from tests.annotation.protocols.answers import ask, make_task, send, whole_answer

pytestmark = pytest.mark.django_db

PUBLISHED = (
    *("hh", "llama2", "instructgpt", "helpsteer2", "helpsteer3", "multipref"),
    *("finegrained-rlhf", "mqm", "rlbff", "hc-safety", "thumbs"),
    *("critique-and-edit", "hindsight"),
)


def of(preset: str, question: str) -> dict[str, Any]:
    (found,) = (q for q in PRESETS[preset].questions if q["id"] == question)
    return found


def strengths(preset: str, question: str) -> list[int]:
    """Return a compare scale from left to right, A's strengths as negative numbers."""
    return [
        -o["strength"] if o["outcome"] == "a" else o["strength"]
        for o in of(preset, question)["scale"]["options"]
    ]


def values(preset: str, question: str) -> list[float]:
    return [point["value"] for point in of(preset, question)["scale"]["points"]]


def ids(preset: str, question: str, field: str) -> list[str]:
    return [item["id"] for item in of(preset, question)[field]]


def test_the_published_interfaces_are_there_with_guidelines_and_source() -> None:
    assert set(PRESETS) == {*PUBLISHED, "compare", "compare-plain"}
    for name in PUBLISHED:
        preset = PRESETS[name]
        assert preset.source and len(preset.guidelines.split()) > 40, name
    assert {n for n in PRESETS if PRESETS[n].live_prompts} == {"hh", "llama2"}


def test_scales_are_the_published_ones() -> None:
    assert strengths("llama2", "overall") == [-4, -3, -2, -1, 1, 2, 3, 4]
    assert len(ids("llama2", "safety", "categories")) == 3
    assert PRESETS["instructgpt"].completions == (4, 9)
    assert values("instructgpt", "quality") == [1, 2, 3, 4, 5, 6, 7]
    attributes = [q["criterion"] for q in PRESETS["helpsteer2"].questions]
    assert attributes == [
        *("helpfulness", "correctness", "coherence", "complexity", "verbosity")
    ]
    assert {tuple(values("helpsteer2", each)) for each in attributes} == {
        (0, 1, 2, 3, 4)
    }
    assert strengths("helpsteer3", "overall") == [-3, -2, -1, 0, 1, 2, 3]
    assert of("helpsteer3", "overall")["reason"] == "required"
    aspects = [q["criterion"] for q in PRESETS["multipref"].questions]
    assert aspects == [None, "helpful", "truthful", "harmless"]
    assert strengths("multipref", "truthful") == [-2, -1, 0, 1, 2]
    assert len(of("multipref", "overall")["confidence"]) == 3
    assert len(ids("finegrained-rlhf", "errors", "categories")) == 5
    assert len(ids("finegrained-rlhf", "missing", "categories")) == 3
    assert of("finegrained-rlhf", "errors")["overlap"] == "never"
    assert ids("mqm", "translation", "severities") == ["major", "minor", "neutral"]
    assert strengths("hc-safety", "safe") == [-1, 1]
    assert ids("hc-safety", "is-safe", "categories") == ["safe", "unsafe"]
    assert [s["value"] for s in of("thumbs", "thumb")["signals"]] == [1, -1]
    assert of("hindsight", "hindsight")["stage"] == 1


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_opens_as_a_project_and_is_answered(name: str) -> None:
    preset = PRESETS[name]
    call_command("create_project", "opened", "--preset", name)
    project = Project.objects.get()
    assert project.overlap == preset.overlap
    assert project.guidelines == preset.guidelines
    questions = project.protocol.questions
    for size in preset.completions:
        client, assignment = ask(project, size)
        answer = whole_answer(questions, assignment)
        response = send(client, assignment, answer)
        assert response.status_code == 201, (size, response.content)
    kinds = {question["kind"] for question in questions}
    stored = Feedback.objects.earliest("created_at").judgments
    assert kinds <= {judgment["kind"] for judgment in stored}
    named = {q["scale"]["id"] for q in questions if q.get("scale")}
    assert named == {str(scale) for scale in Scale.objects.all()}


def change(question: str, **fields: Any) -> Any:
    """Return a change to the first judgment that answers a question."""

    def changed(judgments: list[Any]) -> list[Any]:
        at = next(n for n, j in enumerate(judgments) if j["question"] == question)
        return [*judgments[:at], judgments[at] | fields, *judgments[at + 1 :]]

    return changed


def without(question: str, kind: str = "") -> Any:
    return lambda judgments: [
        j for j in judgments if j["question"] != question or kind not in ("", j["kind"])
    ]


WRONG: list[tuple[str, Any, str]] = [
    ("compare", change("overall", strength=4), "not on the scale"),
    ("compare-plain", change("overall", strength=2), "not on the scale"),
    ("hh", change("overall", outcome="tie", strength=0), "not on the scale"),
    ("llama2", change("overall", outcome="both_bad", strength=0), "not on the scale"),
    ("llama2", without("safety"), "needs an answer"),
    ("instructgpt", change("ranking", groups=[]), "leaves out"),
    ("instructgpt", change("quality", value=8), "1, 2, 3, 4, 5, 6, 7"),
    ("helpsteer2", change("verbosity", value=5), "0, 1, 2, 3, 4"),
    ("helpsteer2", change("coherence", value=None), "0, 1, 2, 3, 4"),
    ("helpsteer2", without("complexity"), "needs an answer"),
    ("helpsteer3", without("overall", "text"), "reason in words"),
    ("multipref", change("helpful", reasons=["helps-more"]), "not offered"),
    ("multipref", change("harmless", criterion="safe"), "harmless"),
    ("finegrained-rlhf", change("missing", refs=[]), "required"),
    ("finegrained-rlhf", without("correction"), "needs an answer"),
    ("mqm", change("translation", severity="critical"), "major or minor or neutral"),
    ("rlbff", change("principles", evidence=[]), "required"),
    ("rlbff", change("feedback", content="Fine."), "too short"),
    ("hc-safety", change("is-safe", category="unsure"), "safe or unsafe"),
    ("thumbs", change("thumb", value=0), "1 for up"),
    ("critique-and-edit", change("edit", content=""), "empty"),
    ("hindsight", change("hindsight", criterion="foresight"), "should be hindsight"),
    ("hindsight", without("hindsight"), "needs an answer"),
]


@pytest.mark.parametrize(("name", "spoil", "words"), WRONG)
def test_what_breaks_a_preset_is_refused(name: str, spoil: Any, words: str) -> None:
    project = create_project(slug="opened", preset=name)
    client, assignment = ask(project, PRESETS[name].completions[0])
    answer = spoil(whole_answer(project.protocol.questions, assignment))
    response = send(client, assignment, answer)
    assert response.status_code == 422
    told = [field["message"] for field in response.json()["fields"]]
    assert any(words in message for message in told), told


def test_every_preset_has_a_wrong_answer_above() -> None:
    assert {name for name, _, _ in WRONG} == set(PRESETS)


@pytest.mark.parametrize(
    ("third", "overlap"),
    [(0, 3), (2, 3), (3, 5), (4, 5)],
)
def test_two_more_are_asked_where_helpfulness_differs_by_more_than_two(
    third: int, overlap: int
) -> None:
    project = create_project(slug="steer", preset="helpsteer2")
    task = make_task(project)
    for value in (0, 0, third):
        client = factories.sign_in(factories.add_member(project))
        leased = client.post("/api/v1/projects/steer/assignments").json()
        (assignment,) = leased["assignments"]
        answer = whole_answer(project.protocol.questions, assignment)
        place = next(n for n, j in enumerate(answer) if j["question"] == "helpfulness")
        answer[place]["value"] = value
        answer[-1]["value"] = 4 * (value > 0)  # verbosity is no part of the rule
        assert send(client, assignment, answer).status_code == 201
    assert Task.objects.get(pk=task.pk).overlap == overlap
    assert Assignment.objects.filter(counted=True).count() == 3
    waiting = factories.sign_in(factories.add_member(project))
    handed = waiting.post("/api/v1/projects/steer/assignments").json()["assignments"]
    assert len(handed) == (overlap > 3)


def test_the_outcome_is_handed_out_where_a_question_reveals_it() -> None:
    told = create_project(slug="told", preset="hindsight")
    untold = create_project(slug="untold", preset="compare")
    for project, is_told in ((told, True), (untold, False)):
        _, assignment = ask(project)
        outcomes = [each["outcome"] for each in assignment["completions"]]
        assert [bool(outcome) for outcome in outcomes] == [is_told] * 2
