"""The Python client against the real server, and when a server refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.cache import cache
from hone_client import Client, HoneError, Reaction, Unreachable

from annotation.models import Feedback, Project
from annotation.services.importing import writing
from annotation.services.principles.library import write_principle
from annotation.services.reacting import taking
from annotation.services.tokens import make_token
from tests import factories


@pytest.fixture
def project(transactional_db: None) -> Project:
    cache.clear()
    return factories.make_project("app")


def client_of(project: Project, url: str, *scopes: str) -> Client:
    owner = factories.add_member(project, "owner")
    _, secret = make_token(user=owner, name="tests", scopes=scopes)
    return Client(url, secret, tries=1)


def reaction(number: int, **fields: Any) -> Reaction:
    values: dict[str, Any] = {
        "id": f"r{number}",
        "user": "u1",
        "signal": "thumb",
        "value": 1.0,
        "prompt": "How?",
        "completion": f"Like this {number}.",
    }
    return Reaction(**values | fields)


def test_reactions_go_in_batches_and_bad_ones_keep_their_place(
    project: Project, live_server: Any
) -> None:
    hone = client_of(project, live_server.url, "ingest")
    rows = [reaction(n, position=n % 3) for n in range(501)]
    rows[2] = reaction(2, user="ann@example.org")
    rows.append(reaction(501, value=1e9))
    sent = hone.react("app", iter(rows), source="helpdesk")
    assert (sent.accepted, sent.repeated) == (500, 0)
    assert [(bad.index, bad.id) for bad in sent.bad] == [(2, "r2"), (501, "r501")]
    assert hone.react("app", rows[-1:], source="helpdesk").bad[0].id == "r501"
    again = hone.react("app", rows[3:10], source="helpdesk")
    assert (again.accepted, again.repeated, again.bad) == (0, 7, [])
    with pytest.raises(HoneError) as refused:
        list(hone.export("app", "unary"))
    assert (refused.value.status, refused.value.code) == (403, "not_allowed")
    assert refused.value.expected and refused.value.fix


def test_a_batch_does_not_wait_for_a_long_import(
    project: Project,
    live_server: Any,
    test_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(taking, "LOCK_MILLISECONDS", 50)
    hone = client_of(project, live_server.url, "ingest")
    with psycopg.connect(test_database_url) as importing:
        key = [writing.LOCK_SPACE, project.pk]
        importing.execute("SELECT pg_advisory_xact_lock(%s, %s)", key)
        with pytest.raises(HoneError, match="taking in a file") as refused:
            hone.react("app", [reaction(1)], source="helpdesk")
    assert (refused.value.status, refused.value.retry_after) == (503, 5)
    assert not Feedback.objects.exists()
    assert hone.react("app", [reaction(1)], source="helpdesk").accepted == 1


def test_rows_tasks_and_answers_by_the_client(
    project: Project, live_server: Any
) -> None:
    hone = client_of(project, live_server.url, "read", "annotate", "write")
    done = hone.import_rows("app", [{"prompt": "Why?", "completions": ["x", "y"]}])
    assert (done.state, done.counts["tasks"]) == ("done", 1)
    assert hone.import_status("app", done.id) == done
    (task,) = hone.lease("app", count=3, holder="bot").tasks
    judgments = factories.compare([pk for pk, _ in task.completions])
    name = uuid4()
    receipt = hone.answer(task, judgments, client_id=name, active_ms=900)
    assert receipt == hone.answer(task, judgments, client_id=name, active_ms=900)
    assert receipt.counted and Feedback.objects.get().pk == receipt.feedback_id
    (row,) = hone.export("app", "pairs")
    assert row["chosen"][0]["content"] in "xy" and row["strength"] == 2
    owner = project.memberships.get().user
    write_principle(project=project, text="Names its sources.", user=owner)
    (principle,) = hone.principles("app", "SOURCES names")
    assert (principle.text, principle.state) == ("Names its sources.", "approved")
    assert hone.lease("app", holder="bot").state == "finished"


def test_times_without_a_zone_are_refused_at_home() -> None:
    with pytest.raises(ValueError, match="time zone"):
        reaction(1, at=datetime(2026, 1, 1)).as_json()


class Moody(BaseHTTPRequestHandler):
    """Refuses twice, each time for a moment, then answers."""

    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.asked.append(json.loads(self.rfile.read(size)))
        status = {1: 503, 2: 429}.get(len(self.asked), 200)
        done = {"accepted": 1, "repeated": 0, "bad": []}
        told = json.dumps(done if status == 200 else {"message": "later"}).encode()
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def moody() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    Moody.asked = []
    server = HTTPServer(("127.0.0.1", 0), Moody)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Moody.asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_helps_to_try_again_is_tried_again(
    moody: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hone_client.transport.FIRST_PAUSE", 0.01)
    url, asked = moody
    sent = Client(url, "hone_x", tries=3).react("app", [reaction(1)], source="s")
    assert sent.accepted == 1
    assert len(asked) == 3 and asked[0] == asked[1] == asked[2]
    del asked[:]
    with pytest.raises(HoneError) as refused:
        Client(url, "hone_x", tries=1).react("app", [reaction(1)], source="s")
    assert refused.value.status == 503


def test_a_server_that_is_away_is_said_to_be(free_port: int) -> None:
    away = Client(f"http://127.0.0.1:{free_port}", "hone_x", tries=1)
    with pytest.raises(Unreachable, match="expected an answer within"):
        away.lease("app")
