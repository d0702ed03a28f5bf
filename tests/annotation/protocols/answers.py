"""A project of any questions, and a whole valid answer to whatever it asks."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from django.test import Client

from annotation.hashing import completion_hash, content_hash
from annotation.models import Completion, Project, Prompt, Task, TaskCompletion
from annotation.services.projects import create_project, publish_protocol
from tests import factories

CONTEXT = {
    "passages": [
        {"doc": "river", "title": "Rivers", "text": "The Rhine is long. It is wet."},
        {"doc": "hill", "sentences": ["Hills are high.", "They are dry."]},
    ],
    "reference": "Long and wet.",
}
TEXTS = (
    "The river is long 🙂.\n\nIt runs to the sea.",
    "Rivers are dry.\n\nHills are wet.",
    "No idea.",
    "It is wet.\n\nIt is long.",
    "Ask a hill.",
    "The Rhine, naturally.",
    "Water, mostly.",
    "Both of them.",
    "All rivers do.",
)


def make_task(project: Project, size: int = 2) -> Task:
    """Make a task of `size` completions with passages, each with an outcome."""
    n = Prompt.objects.count()
    messages = [{"role": "user", "content": f"What is question {n} about?"}]
    prompt = Prompt.objects.create(
        project=project,
        messages=messages,
        context=CONTEXT,
        content_hash=content_hash([n, messages]),
        group_key=content_hash(n),
        split="train",
    )
    task = Task.objects.create(
        project=project,
        prompt=prompt,
        protocol=project.protocol,
        overlap=project.overlap,
        key=content_hash(["task", n]),
    )
    for position, text in enumerate(TEXTS[:size]):
        answer = [{"role": "assistant", "content": text}]
        completion = Completion.objects.create(
            prompt=prompt,
            messages=answer,
            sampling={"outcome": f"It went as {position} says.", "model": "secret"},
            content_hash=completion_hash(answer),
        )
        TaskCompletion.objects.create(
            task=task, completion=completion, position=position
        )
    return task


def project_asking(*questions: dict[str, Any], slug: str = "asked") -> Project:
    """Make a project with these questions."""
    project = create_project(slug=slug, seed=0)
    publish_protocol(project=project, questions=list(questions))
    return project


def ask(project: Project, size: int = 2) -> tuple[Client, dict[str, Any]]:
    """Return an annotator at the API, and a task of the project in their hands."""
    make_task(project, size)
    client = factories.sign_in(factories.add_member(project))
    response = client.post(f"/api/v1/projects/{project.slug}/assignments")
    (assignment,) = response.json()["assignments"]
    return client, assignment


def send(client: Client, assignment: dict[str, Any], judgments: list[Any]) -> Any:
    body = {
        "client_id": str(uuid.uuid4()),
        "judgments": judgments,
        "protocol_version": assignment["protocol_version"],
    }
    path = f"/api/v1/assignments/{assignment['id']}/feedback"
    return client.post(path, body, content_type="application/json")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def whole_answer(
    questions: list[dict[str, Any]], assignment: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return judgments that answer every question in full, optional ones too."""
    found: list[dict[str, Any]] = []
    several = len(assignment["completions"]) > 1
    for question in questions:
        if question["kind"] in ("compare", "rank", "best_worst") and not several:
            continue
        common = {"question": question["id"], "criterion": question.get("criterion")}
        if question.get("confidence"):
            common["confidence"] = question["confidence"][0]["value"]
        if question.get("reasons"):
            common["reasons"] = [question["reasons"][0]["id"]]
        for judgment in ANSWERS[question["kind"]](question, assignment):
            found.append({"kind": question["kind"], **common, **judgment})
        if question.get("reason", "off") != "off":
            reason = {"kind": "text", "role": "rationale", "content": "It is clearer."}
            found.append({**reason, "question": question["id"]})
    return found


def _ids(assignment: dict[str, Any]) -> list[str]:
    return [completion["id"] for completion in assignment["completions"]]


def _compare(question: Any, assignment: Any) -> list[Any]:
    a, b = _ids(assignment)[:2]
    option = question["scale"]["options"][0]
    said = {"outcome": option["outcome"], "strength": option["strength"]}
    return [{"a": a, "b": b, **said, "scale": question["scale"]["id"]}]


def _rank(question: Any, assignment: Any) -> list[Any]:
    return [{"groups": [[each] for each in _ids(assignment)]}]


def _best_worst(question: Any, assignment: Any) -> list[Any]:
    ids = _ids(assignment)
    return [{"best": ids[:1], "worst": ids[-1:]}]


def _rate(question: Any, assignment: Any) -> list[Any]:
    scale = question["scale"]
    value = scale["points"][0]["value"] if scale.get("points") else scale["min"]
    return [
        {"completion": each, "value": value, "scale": scale["id"]}
        for each in _ids(assignment)
    ]


def _parts(question: Any, *names: str) -> dict[str, Any]:
    """Return what a question asks beside the main thing, where it asks it."""
    values = {
        "refs": [{"doc": "river", "sentence": 1}],
        "replacement": "better",
        "note": "because",
    }
    return {n: values[n] for n in names if question.get(n, "off") != "off"}


def _span(question: Any, assignment: Any) -> list[Any]:
    target = question.get("target", "completion")
    place: dict[str, Any] = {"target": target}
    if target == "completion":
        shown = assignment["completions"][0]
        place["completion"] = shown["id"]
        text = shown["messages"][0]["content"]
    elif target == "prompt":
        text = assignment["prompt"]["messages"][0]["content"]
    else:
        passage = assignment["prompt"]["passages"][0]
        place["passage"], text = passage["doc"], passage["text"]
    span = {"start": 0, "end": 3, "text_sha": sha(text)}
    span["category"] = question["categories"][0]["id"]
    if question.get("severities"):
        span["severity"] = question["severities"][0]["id"]
    return [{**place, **span, **_parts(question, "refs", "replacement", "note")}]


def _missing(question: Any, assignment: Any) -> list[Any]:
    said = _parts(question, "refs")
    if question.get("note", "off") != "off":
        said["text"] = "the length"
    category = question["categories"][0]["id"]
    return [{"completion": _ids(assignment)[0], "category": category, **said}]


def _principle(question: Any, assignment: Any) -> list[Any]:
    texts = [each["text"] for each in question["principles"]]
    texts += ["It is brief."] if question.get("open") else []
    is_wanted = question.get("evidence", "optional") != "off"
    return [
        {
            "completion": shown["id"],
            "principle": text,
            "verdict": "yes",
            "evidence": [shown["messages"][0]["content"][:5]] if is_wanted else [],
        }
        for shown in assignment["completions"]
        for text in texts
    ]


def _text(question: Any, assignment: Any) -> list[Any]:
    content = "A careful remark. " * (1 + question.get("min_chars", 0) // 15)
    about = _ids(assignment) if question.get("per") == "completion" else [None]
    said = {"role": question["role"], "content": content}
    return [{"completion": each, **said} for each in about]


def _reaction(question: Any, assignment: Any) -> list[Any]:
    signal = question["signals"][0]
    return [
        {"completion": each, "signal": signal["id"], "value": signal["value"]}
        for each in _ids(assignment)
    ]


def _choose(question: Any, assignment: Any) -> list[Any]:
    target = question.get("target", "completion")
    targets = _ids(assignment) if target == "completion" else [target]
    category = question["categories"][0]["id"]
    return [{"target": each, "category": category} for each in targets]


def _step(question: Any, assignment: Any) -> list[Any]:
    label = question["labels"][0]["id"]
    return [
        {"completion": shown["id"], "index": index, "label": label}
        for shown in assignment["completions"]
        for index in range(1 if question.get("first_error") else len(shown["steps"]))
    ]


ANSWERS = {
    "compare": _compare,
    "rank": _rank,
    "best_worst": _best_worst,
    "rate": _rate,
    "span": _span,
    "missing": _missing,
    "principle": _principle,
    "text": _text,
    "reaction": _reaction,
    "choose": _choose,
    "step": _step,
}
