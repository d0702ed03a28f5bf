"""Signing in, tokens, and input that is not what it should be."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from annotation.models import ApiToken, Feedback, Membership, Project
from annotation.services.tokens import make_token
from tests import factories
from tests.annotation.queue.person import Person

SHAPE = {"error", "message", "expected", "found", "fix", "fields"}


@pytest.fixture(autouse=True)
def no_attempts(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


def browser() -> tuple[Client, dict[str, str]]:
    """Return a client that checks CSRF, and the header that passes."""
    client = Client(enforce_csrf_checks=True)
    response = client.get("/api/v1/session")
    assert response.json() == {"user": None}
    return client, {"X-CSRFToken": client.cookies["csrftoken"].value}


def sign_in(client: Client, headers: dict[str, str], **credentials: str) -> Any:
    return client.post(
        "/api/v1/session", credentials, "application/json", headers=headers
    )


def test_sign_in_and_out(project: Project) -> None:
    factories.make_user("alice", password="pass", first_name="Alice", last_name="A")
    client, headers = browser()
    response = sign_in(client, headers, username="alice", password="pass")
    person = {"username": "alice", "name": "Alice A", "is_staff": False}
    assert (response.status_code, response.json()) == (200, {"user": person})
    assert client.get("/api/v1/session").json() == {"user": person}
    assert client.get("/api/v1/projects").json() == []
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    assert client.delete("/api/v1/session", headers=headers).status_code == 204
    assert client.get("/api/v1/projects").status_code == 401


def test_browser_needs_its_csrf_token(project: Project) -> None:
    user = factories.add_member(project, name="alice")
    user.set_password("pass")
    user.save()
    client, headers = browser()
    assert sign_in(client, {}, username="alice", password="pass").status_code == 403
    assert sign_in(client, headers, username="alice", password="pass").json()["user"]
    response = client.post("/api/v1/projects/letters/assignments")
    assert (response.status_code, set(response.json())) == (403, SHAPE)
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    response = client.post("/api/v1/projects/letters/assignments", headers=headers)
    assert response.status_code == 200
    assert client.delete("/api/v1/session").status_code == 403


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_wrong_password_says_the_same_for_everybody(
    project: Project, name: str
) -> None:
    factories.make_user("alice", password="pass")
    client, headers = browser()
    response = sign_in(client, headers, username=name, password="guess")
    assert response.status_code == 401
    assert response.json()["error"] == "wrong_password"
    assert name not in response.content.decode()


def test_inactive_person_cannot_sign_in(project: Project) -> None:
    factories.make_user("alice", password="pass", is_active=False)
    client, headers = browser()
    response = sign_in(client, headers, username="alice", password="pass")
    assert response.status_code == 401


def test_guessing_is_slowed_down_and_the_right_password_waits_too(
    project: Project, settings: Any
) -> None:
    settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_WINDOW_SECONDS = 3, 60
    factories.make_user("alice", password="pass")
    factories.make_user("bob", password="pass")
    client, headers = browser()
    guesses = [
        sign_in(client, headers, username="alice", password=f"{n}") for n in range(3)
    ]
    assert [guess.status_code for guess in guesses] == [401] * 3
    blocked = sign_in(client, headers, username="ALICE", password="pass")
    assert (blocked.status_code, set(blocked.json())) == (429, SHAPE)
    assert blocked["Retry-After"] == "60"
    # Another person at the same address, and the same one elsewhere, are let in.
    assert sign_in(client, headers, username="bob", password="pass").status_code == 200
    other, headers = browser()
    response = other.post(
        "/api/v1/session",
        {"username": "alice", "password": "pass"},
        "application/json",
        headers=headers,
        REMOTE_ADDR="10.0.0.9",
    )
    assert response.status_code == 200


def test_trying_one_password_on_many_names_is_slowed_down(
    project: Project, settings: Any
) -> None:
    settings.SIGN_IN_ATTEMPTS = 1
    client, headers = browser()
    codes = [
        sign_in(client, headers, username=f"user{n}", password="pass").status_code
        for n in range(12)
    ]
    assert codes == [401] * 10 + [429] * 2


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_token_acts_within_its_scopes_and_project(
    alice: Person, project: Project, client: Client
) -> None:
    other = factories.make_project("other")
    Membership.objects.create(project=other, user=alice.user, role="owner")
    token, secret = make_token(
        user=alice.user, name="t", scopes=["read", "annotate"], project=project
    )
    headers = bearer(secret)
    path = "/api/v1/projects/{}/assignments"
    leased = client.post(path.format("letters"), headers=headers)
    assert leased.status_code == 200
    assert client.post(path.format("other"), headers=headers).status_code == 404
    (line,) = client.get("/api/v1/projects", headers=headers).json()
    assert line["slug"] == "letters"
    _, reader = make_token(user=alice.user, name="r", scopes=["read"])
    refused = client.post(path.format("letters"), headers=bearer(reader))
    assert (refused.status_code, refused.json()["error"]) == (403, "not_allowed")
    assert len(client.get("/api/v1/projects", headers=bearer(reader)).json()) == 2
    body = factories.answer(leased.json()["assignments"][0])
    at = f"/api/v1/assignments/{leased.json()['assignments'][0]['id']}/feedback"
    for headers, status in ((bearer(reader), 403), (bearer(secret), 201)):
        answered = client.post(at, body, "application/json", headers=headers)
        assert answered.status_code == status
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert secret not in str(ApiToken.objects.values())


@pytest.mark.parametrize(
    "spoil",
    [
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"revoked_at": timezone.now()},
        {"sha256": "0" * 64},
    ],
)
def test_token_that_is_over_is_refused(
    alice: Person, project: Project, spoil: dict[str, Any]
) -> None:
    token, secret = make_token(user=alice.user, name="t", scopes=["read"])
    ApiToken.objects.filter(pk=token.pk).update(**spoil)
    # Not even with a session beside it.
    response = alice.client.get("/api/v1/projects", headers=bearer(secret))
    assert (response.status_code, set(response.json())) == (401, SHAPE)


def test_token_of_a_deactivated_person_is_refused(
    alice: Person, project: Project, client: Client
) -> None:
    _, secret = make_token(user=alice.user, name="t", scopes=["read"])
    alice.user.is_active = False
    alice.user.save()
    response = client.get("/api/v1/projects", headers=bearer(secret))
    assert response.status_code == 401


def test_token_command(alice: Person, project: Project, capsys: Any) -> None:
    call_command("token", "alice", "--scopes=read,annotate", "--project=letters")
    secret = capsys.readouterr().out.strip()
    response = Client().get("/api/v1/projects", headers=bearer(secret))
    assert response.status_code == 200
    for arguments in (
        ["nobody"],
        ["alice", "--scopes=fly"],
        ["alice", "--project=nowhere"],
    ):
        with pytest.raises(CommandError, match=r"[Ee]xpected"):
            call_command("token", *arguments)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'{"client_id": "x"}', 422),
        (b"\xff\xfe{}", 400),
        ('{"judgments": "é"}'.encode("latin-1"), 400),
        (b"[" * 100_000, 400),
        (b'{"judgments": [{"kind": "text", "content": "a\\u0000b"}]}', 400),
    ],
    ids=["cut", "empty", "list", "null", "bare", "bytes", "latin-1", "deep", "NUL"],
)
def test_malformed_answer_is_refused_in_the_error_shape(
    alice: Person, project: Project, body: bytes, status: int
) -> None:
    path = f"/api/v1/assignments/{alice.one('letters')['id']}/feedback"
    response = alice.client.post(path, body, content_type="application/json")
    assert (response.status_code, set(response.json())) == (status, SHAPE)
    assert response.json()["fix"]
    assert not Feedback.objects.exists()


def reason(content: str) -> dict[str, Any]:
    return {
        "kind": "text",
        "role": "rationale",
        "content": content,
        "question": "overall",
    }


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("x" * 10_000_000, 413),
        ("x" * 300_000, 422),
        ("\ud800", 422),
        ("x" * 10_000, 201),
    ],
)
def test_field_of_ten_megabytes_is_refused_and_the_answer_can_be_sent_again(
    alice: Person, project: Project, content: str, status: int
) -> None:
    assignment = alice.one("letters")
    answer = factories.compare(assignment["completions"])
    body = factories.answer(assignment, judgments=[*answer, reason(content)])
    path = f"/api/v1/assignments/{assignment['id']}/feedback"
    sent = alice.client.post(path, json.dumps(body), content_type="application/json")
    assert sent.status_code == status
    if status != 201:
        assert set(sent.json()) == SHAPE
        assert sent.json()["message"]
        assert alice.submit(assignment).status_code == 201
    assert Feedback.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/v1/nothing", 404),
        ("put", "/api/v1/projects", 405),
        ("post", "/api/v1/assignments/x/feedback", 404),
        ("get", "/api/v1/projects/unknown", 404),
        ("get", "/api/v1/projects/%00", 422),
    ],
)
def test_unknown_addresses_answer_in_the_error_shape(
    alice: Person, project: Project, method: str, path: str, status: int
) -> None:
    response = getattr(alice.client, method)(path)
    assert (response.status_code, set(response.json())) == (status, SHAPE)


def test_bug_of_ours_answers_in_the_error_shape_and_tells_nothing(
    alice: Person, project: Project, monkeypatch: Any, caplog: Any
) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("annotation.api.projects.lease", broken)
    response = alice.post("/projects/letters/assignments")
    assert (response.status_code, set(response.json())) == (500, SHAPE)
    assert "a secret" not in response.content.decode()
    assert "a secret" in caplog.text


def test_health(client: Client, db: None) -> None:
    response = client.get("/api/v1/health")
    assert response.status_code == 200
    assert response.json() == {"ok": True, "database": True, "cache": True}


class TestDeadServers:
    """With a server away, an answer is stored or refused with 503: nothing between."""

    def test_dead_valkey_keeps_answers_and_sessions_and_stops_signing_in(
        self, alice: Person, project: Project, settings: Any
    ) -> None:
        assignment = alice.one("letters")
        factories.make_user("bob", password="pass")
        client, headers = browser()
        dead = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
        settings.CACHES = {"default": dead}
        assert alice.submit(assignment).status_code == 201
        assert Feedback.objects.count() == 1
        assert alice.lease("letters", count=2)["assignments"]
        response = sign_in(client, headers, username="bob", password="pass")
        assert (response.status_code, set(response.json())) == (503, SHAPE)
        assert response["Retry-After"]
        response = client.get("/api/v1/health")
        assert (response.status_code, response.json()["cache"]) == (503, False)

    def test_dead_database_answers_503_and_the_repeat_is_stored(
        self, alice: Person, project: Project, monkeypatch: Any
    ) -> None:
        from django.db import OperationalError
        from django.db.backends.utils import CursorWrapper

        assignment = alice.one("letters")
        client_id = "6f0f3c1e-6f0a-4a6e-9a55-2e8f7b1f8a11"
        execute = CursorWrapper.execute

        def dying(self: Any, sql: Any, params: Any = None) -> Any:
            if "INSERT INTO annotation_feedback" in str(sql):
                raise OperationalError("server closed the connection unexpectedly")
            return execute(self, sql, params)

        with monkeypatch.context() as patch:
            patch.setattr(CursorWrapper, "execute", dying)
            response = alice.submit(assignment, client_id=client_id)
        assert (response.status_code, set(response.json())) == (503, SHAPE)
        assert response["Retry-After"]
        assert alice.submit(assignment, client_id=client_id).status_code == 201
        assert Feedback.objects.count() == 1
