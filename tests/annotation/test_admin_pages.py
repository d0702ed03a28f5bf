"""What the panel's pages about the record say, and what they never run."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from annotation.models import (
    Completion,
    Import,
    Membership,
    Project,
    Prompt,
    Task,
)
from tests.annotation.test_admin_access import answer
from tests.factories import add_member, make_project, make_tasks, sign_in

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def owner_of(project: Project) -> Client:
    return sign_in(add_member(project, "owner"))


def upload(client: Client, project: Project, text: str, **choices: str) -> Import:
    file = SimpleUploadedFile("rows.jsonl", text.encode())
    answered = client.post(
        reverse("admin:annotation_import_add"),
        {"project": project.pk, "file": file, "layout": "auto", **choices},
    )
    assert answered.status_code == 302, answered.content.decode()[:500]
    return Import.objects.latest("pk")


GOOD = {"prompt": "How do I boil an egg?", "completions": ["Slowly.", "Fast."]}


def test_an_upload_goes_in_and_its_bad_rows_are_named() -> None:
    project = make_project()
    client = owner_of(project)
    row = upload(client, project, json.dumps(GOOD) + '\n{"prompt": 3}\nno json\n')
    assert project.tasks.count() == 1
    page = client.get(reverse("admin:annotation_import_change", args=[row.pk]))
    text = page.content.decode()
    assert "but for 2 bad rows" in text
    for line in ("2", "3"):
        assert f'<td class="hn-r">{line}</td>' in text
    again = upload(client, project, json.dumps(GOOD) + "\n")
    page = client.get(reverse("admin:annotation_import_change", args=[again.pk]))
    assert "nothing was added" in page.content.decode()
    assert project.tasks.count() == 1


def test_a_strict_upload_with_a_bad_row_leaves_nothing() -> None:
    project = make_project()
    client = owner_of(project)
    row = upload(client, project, json.dumps(GOOD) + "\nno json\n", strict="on")
    assert project.prompts.count() == 0
    page = client.get(reverse("admin:annotation_import_change", args=[row.pk]))
    assert "Nothing went in" in page.content.decode()


def test_importing_into_another_project_is_no_choice() -> None:
    mine, foreign = make_project(), make_project()
    file = SimpleUploadedFile("rows.jsonl", json.dumps(GOOD).encode())
    answered = owner_of(mine).post(
        reverse("admin:annotation_import_add"),
        {"project": foreign.pk, "file": file, "layout": "auto"},
    )
    assert "Select a valid choice" in answered.content.decode()
    assert not Import.objects.exists()


def test_reviewers_read_and_do_not_import() -> None:
    project = make_project()
    client = sign_in(add_member(project, "reviewer"))
    assert client.get(reverse("admin:annotation_import_add")).status_code == 403


def test_a_project_is_made_with_its_questions_and_its_maker_as_owner() -> None:
    researcher = add_member(make_project(), "researcher")
    form = {
        "slug": "fresh",
        "name": "Fresh",
        "guidelines": "Be kind.",
        "preset": "compare",
        "overlap": 2,
        "lease_seconds": 600,
        "validation_share": 0.1,
        "test_share": 0.2,
    }
    client = sign_in(researcher)
    page = reverse("admin:annotation_project_add")
    assert client.get(page).status_code == 200
    assert client.post(page, form).status_code == 302
    made = Project.objects.get(slug="fresh")
    assert made.protocol.preset == "compare"
    assert made.overlap == 2
    assert Membership.objects.get(project=made).user == researcher
    taken = client.post(page, form)
    assert taken.status_code == 200
    assert "already exists" in taken.content.decode()
    share = client.post(page, {**form, "slug": "other", "test_share": 0.95})
    assert "between 0 and 0.9" in share.content.decode()


def test_text_of_models_and_people_stays_text() -> None:
    project = make_project()
    task = make_tasks(project)[0]
    Prompt.objects.filter(pk=task.prompt_id).update(
        source=EVIL, external_id=EVIL, metadata={"x": EVIL}
    )
    prompt = Prompt.objects.create(
        project=project,
        messages=[{"role": EVIL, "content": EVIL}],
        context={EVIL: EVIL},
        content_hash="1" * 64,
        group_key="1" * 64,
        split="train",
    )
    completion = Completion.objects.create(
        prompt=prompt,
        messages=[{"role": "assistant", "content": EVIL}],
        generator=EVIL,
        sampling={EVIL: EVIL},
        content_hash="2" * 64,
    )
    Task.objects.filter(pk=task.pk).update(reason=EVIL, scores={EVIL: EVIL})
    bad = Import.objects.create(
        project=project,
        name=EVIL,
        state="done",
        counts={"rows": 1, "bad_rows": 1},
        errors=[{"line": 1, "field": EVIL, "expected": EVIL, "value": EVIL}],
    )
    feedback = answer(task, add_member(project, name="a&<b>"))
    client = owner_of(project)
    pages = [
        reverse("admin:annotation_prompt_change", args=[prompt.pk]),
        reverse("admin:annotation_prompt_change", args=[task.prompt_id]),
        reverse("admin:annotation_completion_change", args=[completion.pk]),
        reverse("admin:annotation_task_change", args=[task.pk]),
        reverse("admin:annotation_feedback_change", args=[feedback.pk]),
        reverse("admin:annotation_import_change", args=[bad.pk]),
        *(
            reverse(f"admin:annotation_{name}_changelist")
            for name in ("prompt", "completion", "task", "feedback", "import")
        ),
    ]
    seen = 0
    for page in pages:
        answered = client.get(page)
        assert answered.status_code == 200, page
        text = answered.content.decode()
        assert "<script>alert" not in text and "<img src=x" not in text, page
        seen += "&lt;script&gt;alert" in text
    assert seen >= 8


def test_reviewers_are_not_told_reasons_or_models() -> None:
    project = make_project()
    task = make_tasks(project)[0]
    Task.objects.filter(pk=task.pk).update(reason="least certain", is_control=True)
    client = sign_in(add_member(project, "reviewer"))
    pages = [
        reverse("admin:annotation_task_changelist"),
        reverse("admin:annotation_task_change", args=[task.pk]),
        reverse("admin:annotation_prompt_change", args=[task.prompt_id]),
    ]
    for page in pages:
        text = client.get(page).content.decode()
        assert "least certain" not in text and "secret-model" not in text, page
        assert "its answer is known" not in text, page
    text = owner_of(project).get(pages[1]).content.decode()
    assert "least certain" in text and "secret-model" in text


@pytest.mark.parametrize(
    ("name", "queries"),
    [("task", 8), ("feedback", 7), ("prompt", 7), ("completion", 7), ("project", 7)],
)
def test_lists_ask_the_same_however_long_they_are(
    name: str, queries: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    project = make_project()
    annotator = add_member(project)
    client = owner_of(project)
    for task in make_tasks(project, 12):
        answer(task, annotator)
    page = reverse(f"admin:annotation_{name}_changelist")
    client.get(page)
    with django_assert_max_num_queries(queries):
        assert client.get(page).status_code == 200
