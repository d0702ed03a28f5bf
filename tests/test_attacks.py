"""Attacks by members and strangers: what they gain must stay nothing."""

from __future__ import annotations

import random
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput
from annotation.models import LibraryPrinciple, Task
from annotation.numbers import whole_number
from annotation.protocols.passages import passages_of
from annotation.services.principles.library import near_duplicates
from annotation.services.projects import create_project
from annotation.services.signing_in import address_of
from annotation.services.tokens import make_token
from tests.factories import add_member, make_tasks, make_user, sign_in
from tests.factories import make_project as factory_project
from tests.training.factories import tiny_policy
from training.services.launching import launch


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Settings, tmp_path: Path) -> None:
    settings.VAR = tmp_path / "var"
    settings.ARTIFACTS = settings.VAR / "artifacts"
    cache.clear()


# --- which side is which model (invariant 3) -----------------------------------------


@pytest.mark.django_db
def test_nobody_can_work_out_the_order_of_a_project() -> None:
    seeds = [create_project(slug=f"p{n}").seed for n in range(4)]
    assert all(seed > 2**32 for seed in seeds)
    assert all(one != other for one, other in pairwise(seeds))
    assert Task.objects.count() == 0


def places(page: str, texts: list[str]) -> list[str]:
    return sorted(texts, key=page.index)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["reviewer", "researcher"])
def test_panel_shows_reviewers_no_order_that_names_models(role: str) -> None:
    project = factory_project()
    tasks = make_tasks(project, 4, size=3)
    client = sign_in(add_member(project, role))
    told = []
    for task in tasks:
        texts = [slot.completion.text for slot in task.slots.order_by("position")]
        for address in (
            f"/admin/annotation/task/{task.pk}/change/",
            f"/admin/annotation/prompt/{task.prompt_id}/change/",
        ):
            page = client.get(address).content.decode()
            told.append(places(page, texts) == texts)
    # By chance the order of random ids is the true one, but not in all of them.
    assert all(told) is (role == "researcher")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("page", "lookup"),
    [
        ("task", "is_control__exact=1"),
        ("task", "scores__confidence__gt=0.5"),
        ("task", "reason__startswith=a"),
        ("task", "project__seed__gte=5"),
        ("project", "seed__gte=5"),
        ("feedback", "assignment__task__is_control=1"),
    ],
)
def test_panel_answers_no_question_about_what_it_hides(page: str, lookup: str) -> None:
    project = factory_project()
    make_tasks(project, is_control=True)
    client = sign_in(add_member(project, "reviewer"))
    assert client.get(f"/admin/annotation/{page}/?{lookup}").status_code == 400
    offered = {"task": "state__exact=open", "feedback": "late__exact=0"}
    fine = (
        f"project={project.slug}&{offered.get(page, '')}" if page != "project" else ""
    )
    assert client.get(f"/admin/annotation/{page}/?{fine}").status_code == 200


# --- guessing passwords --------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "peer", "told", "address"),
    [
        # Nobody's word counts where no proxy is known.
        (0, "203.0.113.9", "10.0.0.1", "203.0.113.9"),
        (1, "10.0.0.2", "203.0.113.9", "203.0.113.9"),
        # What stands before the proxies' own words is the sender's.
        (1, "10.0.0.2", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.2", "1.1.1.1, 203.0.113.9, 10.0.0.3", "203.0.113.9"),
        (2, "10.0.0.2", "203.0.113.9", "unknown"),
        (1, "10.0.0.2", "x" * 5000, "unknown"),
        # Of IPv6, a sender has a network to choose from.
        (0, "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        (0, "2001:db8:1:2::1", None, "2001:db8:1:2::/64"),
        (0, "::ffff:203.0.113.9", None, "203.0.113.9"),
        (0, "", None, "unknown"),
    ],
)
def test_a_sender_does_not_choose_its_address(
    settings: Settings, proxies: int, peer: str, told: str | None, address: str
) -> None:
    settings.PROXIES = proxies
    headers = {} if told is None else {"X-Forwarded-For": told}
    request = RequestFactory().post("/", headers=headers, REMOTE_ADDR=peer)
    assert address_of(request) == address


@pytest.mark.django_db
def test_one_guesser_behind_the_proxy_locks_nobody_else_out(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.SIGN_IN_ATTEMPTS, settings.PROXIES = 2, 1
    make_user("ana", password="pass")

    def tries(password: str, told: str) -> int:
        return (
            Client()
            .post(
                "/api/v1/session",
                {"username": "ana", "password": password},
                "application/json",
                headers={"X-Forwarded-For": told},
            )
            .status_code
        )

    guesses = [tries("guess", f"10.1.1.{n}, 203.0.113.9") for n in range(3)]
    assert guesses == [401, 401, 429]
    assert tries("pass", "203.0.113.10") == 200


# --- the content policy --------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "is_strict"),
    [
        ("/static/hone/panel.css", True),
        ("/app/", True),
        ("/api/v1/health", True),
        ("/nowhere", True),
        ("/admin/login/", False),
    ],
)
def test_every_answer_has_its_content_policy(
    client: Client, address: str, is_strict: bool
) -> None:
    answer = client.get(address)
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert ("'unsafe-eval'" not in policy) is is_strict
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_passage_of_marks_alone_takes_no_time_by_its_square() -> None:
    began = time.process_time()
    (passage,) = passages_of({"passages": ["." * 100_000 + "x"]})
    assert time.process_time() - began < 10  # minutes, by the square
    assert passage.sentences


@pytest.mark.django_db
def test_principles_of_the_same_letters_take_no_time_by_their_square() -> None:
    project, draw = factory_project(), random.Random(1)

    def wording() -> str:
        return "".join(draw.choices("etaoin shrdlu ", k=2000))

    LibraryPrinciple.objects.bulk_create(
        LibraryPrinciple(
            project=project, text=wording(), key=f"{n:064}", origin="extracted"
        )
        for n in range(300)
    )
    began = time.process_time()
    assert near_duplicates(project, wording()) == []
    assert time.process_time() - began < 10  # half a minute, and more with each


@pytest.mark.parametrize("text", ["²", "9" * 5000, "-1", "1.0", " 1", ""])
def test_what_is_no_number_is_none(text: str) -> None:
    assert whole_number(text) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scopes", "status"), [(["train"], 403), (["train", "write"], 201)]
)
def test_a_token_to_train_asks_people_nothing(scopes: list[str], status: int) -> None:
    """A run that makes tasks of what it samples spends people's time."""
    project = factory_project()
    (prompt,) = {task.prompt_id for task in make_tasks(project)}
    researcher = add_member(project, "researcher")
    _, secret = make_token(user=researcher, name="program", scopes=scopes)
    answer = Client(headers={"authorization": f"Bearer {secret}"}).post(
        "/api/v1/runs",
        {
            "project": project.slug,
            "kind": "generate",
            "model": str(tiny_policy().pk),
            "inputs": {"prompt_ids": [prompt], "tasks": {"per_prompt": 2}},
        },
        content_type="application/json",
    )
    assert answer.status_code == status, answer.json()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "plan", [{"per_prompt": 10**9}, {"route": "nowhere"}, {"priority": 99}, {"who": 1}]
)
def test_a_plan_for_tasks_is_held_to_its_bounds(plan: dict[str, Any]) -> None:
    project = factory_project()
    (prompt,) = {task.prompt_id for task in make_tasks(project)}
    with pytest.raises(InvalidInput) as refused:
        launch(
            project=project,
            kind="generate",
            model=tiny_policy(),
            inputs={"prompt_ids": [prompt], "tasks": plan},
        )
    assert refused.value.fields[0]["path"] == f"inputs.tasks.{next(iter(plan))}"


# --- filling the disk ----------------------------------------------------------------


class Endless:
    """A body that goes on for ever, of which nobody should keep anything."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def read(self, size: int) -> bytes:
        assert size <= 2**16, "much of the body was read at once"
        self.read_bytes += size
        return b"0" * size

    readline = read


def upload(client: Client, path: str, length: int) -> tuple[Any, int]:
    """Send a form that says how long it is; return the answer and what was read."""
    body = Endless()
    environment: dict[str, Any] = {
        "wsgi.input": body,
        "CONTENT_LENGTH": str(length),
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
    }
    return client.generic("POST", path, **environment), body.read_bytes


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/api/v1/projects/p/imports", 3 * 2**30),
        ("/api/v1/projects/p/media", 9 * 2**20),
        ("/api/v1/projects/p/media/imports", 9 * 2**20),
        ("/api/v1/session", 9 * 2**20),
        ("/admin/login/", 9 * 2**20),
        ("/admin/annotation/project/add/", 3 * 2**30),
        ("/nowhere", 10**30),
    ],
)
def test_a_body_that_is_too_large_is_refused_and_dropped(
    path: str, length: int
) -> None:
    """Files of a form go to the disk before any view is asked.

    What is sent is read all the same, or the sender would never hear the answer.
    """
    answer, read = upload(Client(), path, length)
    assert answer.status_code == 413
    assert read == min(length, 2**25)
    told = answer.json()
    assert told["error"] == "too_large"
    assert all(told[name] for name in ("expected", "found", "fix"))
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["imports", "media"])
def test_a_strangers_upload_is_not_even_read(path: str) -> None:
    """The CSRF token may stand in the body; the cookie is the sender's to choose."""
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    answer, read = upload(client, f"/api/v1/projects/p/{path}", 2**20)
    assert answer.status_code == 401, answer.content
    assert read == 0
