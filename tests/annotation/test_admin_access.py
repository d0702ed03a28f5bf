"""Who gets into the panel, and how far: by role, in one's own projects alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from annotation.models import (
    ApiToken,
    Assignment,
    Completion,
    Feedback,
    Import,
    Membership,
    Project,
    Task,
)
from tests.factories import (
    PASSWORD,
    add_member,
    compare,
    make_project,
    make_tasks,
    make_user,
    sign_in,
)

pytestmark = pytest.mark.django_db

ROLES = ("reviewer", "researcher", "owner")
LISTS = (
    "annotation_project",
    "annotation_import",
    "annotation_task",
    "annotation_feedback",
    "annotation_prompt",
    "annotation_completion",
    "training_snapshot",
    "training_trainingrun",
    "training_modelversion",
    "training_evaluation",
    "training_round",
)
# What a reviewer, who reads answers but not models, is not shown.
OBSERVED = {
    "annotation_import",
    "annotation_completion",
    "training_snapshot",
    "training_trainingrun",
    "training_modelversion",
    "training_evaluation",
    "training_round",
}


def answer(task: Task, user: User) -> Feedback:
    """Answer a task as a person would have."""
    from annotation.services.people import actor_of

    slots = list(task.slots.order_by("position"))
    actor = actor_of(user)
    assignment = Assignment.objects.create(
        task=task,
        project=task.project,
        actor=actor,
        order=[0, 1],
        state="answered",
        counted=True,
        leased_at=task.created_at,
        expires_at=task.created_at,
        ended_at=task.created_at,
    )
    return Feedback.objects.create(
        client_id=slots[0].completion_id,
        assignment=assignment,
        project=task.project,
        actor=actor,
        judgments=compare([slot.completion_id for slot in slots]),
        active_ms=1000,
        protocol=task.protocol,
        content_hash="0" * 64,
    )


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_the_panel_without_the_staff_flag(role: str) -> None:
    user = add_member(make_project(), role)
    assert not user.is_staff
    assert sign_in(user).get("/admin/").status_code == 200


def test_annotators_and_strangers_are_refused_everywhere() -> None:
    project = make_project()
    task = make_tasks(project)[0]
    pages = ["/admin/", "/admin/queues/"]
    pages += [reverse(f"admin:{name}_changelist") for name in LISTS]
    pages += [reverse("admin:annotation_task_change", args=[task.pk])]
    for user in (add_member(project, "annotator"), make_user()):
        client = sign_in(user)
        for page in pages:
            answered = client.get(page)
            assert answered.status_code == 302, page
            assert answered["Location"].startswith("/admin/login/"), page


def test_an_inactive_owner_is_refused() -> None:
    user = add_member(make_project(), "owner")
    client = sign_in(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_its_lists(role: str) -> None:
    client = sign_in(add_member(make_project(), role))
    for name in LISTS:
        status = client.get(reverse(f"admin:{name}_changelist")).status_code
        hidden = role == "reviewer" and name in OBSERVED
        assert status == (403 if hidden else 200), name


def test_another_projects_objects_are_not_there() -> None:
    mine, foreign = make_project("mine"), make_project("foreign")
    charlie = add_member(mine, "owner")
    task = make_tasks(foreign)[0]
    feedback = answer(task, add_member(foreign))
    row = Import.objects.create(project=foreign, name="theirs.jsonl")
    completion = Completion.objects.filter(prompt__project=foreign).first()
    client = sign_in(charlie)
    for item in (foreign, task, task.prompt, completion, feedback, row):
        name = f"admin:{item._meta.app_label}_{item._meta.model_name}_change"  # type: ignore[union-attr]
        for path in (reverse(name, args=[item.pk]),):  # type: ignore[union-attr]
            assert client.get(path).status_code == 404, path
            assert client.post(path, {}).status_code in (403, 404), path
    for verb in ("delete", "history"):
        path = reverse(f"admin:annotation_project_{verb}", args=[foreign.pk])
        assert client.get(path).status_code in (403, 404), path
    switch = reverse("admin:annotation_project_switch", args=[foreign.pk])
    assert client.post(switch, {"to": "paused"}).status_code == 404
    foreign.refresh_from_db()
    assert foreign.state == "open"


def test_lists_filters_and_choices_name_own_projects_only() -> None:
    mine, other, foreign = make_project("one"), make_project("two"), make_project("zz")
    Project.objects.filter(pk=foreign.pk).update(name="Secret project")
    user = add_member(mine, "owner")
    Membership.objects.create(project=other, user=user, role="owner")
    for project in (mine, other, foreign):
        make_tasks(project)
    client = sign_in(user)
    pages = [reverse(f"admin:{name}_changelist") for name in LISTS]
    pages += [
        "/admin/",
        reverse("admin:annotation_import_add"),
        reverse("admin:training_snapshot_add"),
        reverse("admin:training_round_add"),
        reverse("admin:annotation_apitoken_add"),
    ]
    for page in pages:
        text = client.get(page).content.decode()
        assert "Secret project" not in text, page
    tasks = client.get(reverse("admin:annotation_task_changelist")).content.decode()
    assert f"project={mine.slug}" in tasks


def test_a_filter_does_not_reach_into_another_project() -> None:
    mine, foreign = make_project("mine"), make_project("foreign")
    make_tasks(foreign, 3)
    client = sign_in(add_member(mine, "owner"))
    url = reverse("admin:annotation_task_changelist")
    assert client.get(url, {"project": "foreign"}).context["cl"].result_count == 0


def test_only_owners_change_settings_and_members() -> None:
    project = make_project()
    researcher, owner = add_member(project, "researcher"), add_member(project, "owner")
    page = reverse("admin:annotation_project_change", args=[project.pk])
    form: dict[str, Any] = {
        "name": "Renamed",
        "guidelines": "",
        "overlap": 3,
        "lease_seconds": 60,
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-username": make_user("newcomer").username,
        "memberships-0-role": "reviewer",
        "protocol_versions-TOTAL_FORMS": 0,
        "protocol_versions-INITIAL_FORMS": 0,
    }
    shown = sign_in(researcher).get(page).content.decode()
    assert "memberships-0-username" not in shown
    assert sign_in(researcher).post(page, form).status_code == 403
    assert not project.memberships.filter(user__username="newcomer").exists()

    assert sign_in(owner).post(page, form).status_code == 302
    project.refresh_from_db()
    assert (project.name, project.overlap) == ("Renamed", 3)
    assert project.memberships.get(user__username="newcomer").role == "reviewer"


def test_a_member_must_have_an_account() -> None:
    project = make_project()
    owner = add_member(project, "owner")
    form = {
        "name": "x",
        "guidelines": "",
        "overlap": 1,
        "lease_seconds": 60,
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-username": "nobody-of-that-name",
        "memberships-0-role": "annotator",
        "protocol_versions-TOTAL_FORMS": 0,
        "protocol_versions-INITIAL_FORMS": 0,
    }
    page = reverse("admin:annotation_project_change", args=[project.pk])
    answered = sign_in(owner).post(page, form)
    assert answered.status_code == 200
    assert "There is no account of that name" in answered.content.decode()


def test_pausing_takes_an_owner_and_stops_the_queue() -> None:
    project = make_project()
    make_tasks(project)
    switch = reverse("admin:annotation_project_switch", args=[project.pk])
    sign_in(add_member(project, "researcher")).post(switch, {"to": "paused"})
    project.refresh_from_db()
    assert project.state == "open"
    owner = sign_in(add_member(project, "owner"))
    assert owner.get(switch).status_code == 405
    owner.post(switch, {"to": "paused"})
    project.refresh_from_db()
    assert project.state == "paused"
    owner.post(switch, {"to": "open"})
    project.refresh_from_db()
    assert project.state == "open"


def test_feedback_prompts_and_completions_cannot_be_edited() -> None:
    project = make_project()
    owner = add_member(project, "owner")
    task = make_tasks(project)[0]
    feedback = answer(task, add_member(project))
    client = sign_in(owner)
    for item in (feedback, task, task.prompt):
        base = f"admin:annotation_{item._meta.model_name}"
        assert client.get(reverse(f"{base}_add")).status_code == 403
        page = reverse(f"{base}_change", args=[item.pk])
        assert "_save" not in client.get(page).content.decode()
        delete = reverse(f"{base}_delete", args=[item.pk])
        assert client.post(delete, {"post": "yes"}).status_code == 403
    assert Feedback.objects.filter(pk=feedback.pk).exists()


def test_superusers_alone_see_accounts() -> None:
    owner = add_member(make_project(), "owner")
    page = reverse("admin:auth_user_changelist")
    assert sign_in(owner).get(page).status_code == 403
    root = make_user("root", is_superuser=True)
    assert sign_in(root).get(page).status_code == 200


def test_a_token_is_shown_once_and_is_its_makers_alone() -> None:
    project = make_project()
    owner, other = add_member(project, "owner"), add_member(project, "owner")
    client = sign_in(owner)
    made = client.post(
        reverse("admin:annotation_apitoken_add"),
        {"name": "nightly", "scopes": ["read"], "project": project.pk, "days": "30"},
    )
    token = ApiToken.objects.get()
    secret = made.context["secret"]
    assert secret in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    program = Client(headers={"authorization": f"Bearer {secret}"})
    assert program.get("/api/v1/projects").status_code == 200

    page = reverse("admin:annotation_apitoken_change", args=[token.pk])
    assert secret not in client.get(page).content.decode()
    assert sign_in(other).get(page).status_code == 404
    revoke = reverse("admin:annotation_apitoken_revoke", args=[token.pk])
    assert sign_in(other).post(revoke).status_code == 404
    client.post(revoke)
    assert program.get("/api/v1/projects").status_code == 401


def test_signing_in_takes_a_role() -> None:
    project = make_project()
    people = {
        role: make_user(role, password=PASSWORD) for role in ("annotator", "owner")
    }
    for role, user in people.items():
        Membership.objects.create(project=project, user=user, role=role)
    for role, status in (("annotator", 200), ("owner", 302)):
        answered = Client().post(
            "/admin/login/", {"username": role, "password": PASSWORD}
        )
        assert answered.status_code == status
    text = (
        Client()
        .post("/admin/login/", {"username": "annotator", "password": PASSWORD})
        .content.decode()
    )
    assert "an owner gives it" in text


def test_signing_in_is_slowed_down_with_the_api(settings: LazySettings) -> None:
    cache.clear()
    settings.SIGN_IN_ATTEMPTS = 3
    user = make_user("olga", password=PASSWORD)
    Membership.objects.create(project=make_project(), user=user, role="owner")
    wrong = {"username": "olga", "password": "wrong"}
    client = Client()
    statuses = [client.post("/admin/login/", wrong).status_code for _ in range(3)]
    assert statuses == [200, 200, 200]
    refused = client.post("/admin/login/", {**wrong, "password": PASSWORD})
    assert refused.status_code == 429
    assert refused["Retry-After"] == str(settings.SIGN_IN_WINDOW_SECONDS)
    assert "_auth_user_id" not in client.session
    api = client.post("/api/v1/session", wrong, content_type="application/json")
    assert api.status_code == 429
    cache.clear()
