"""The API against requests made from its own schema: refused or served, never broken.

Schemathesis makes what the schema allows and what it does not. Names and ids of the
path are a real project's, and answers name the real task and its questions, so that
what is made up gets past the first checks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils.module_loading import import_string
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core import NotSet
from schemathesis.core.result import Ok

from annotation.models import Task
from annotation.permissions import SCOPES
from annotation.services.projects import create_project, publish_protocol
from annotation.services.tokens import make_token
from tests import factories
from tests.annotation.protocols.answers import make_task
from tests.annotation.protocols.test_checks import QUESTIONS

pytestmark = pytest.mark.django_db

SHAPE = {"error", "message", "expected", "found", "fix", "fields"}
SCHEMA = schemathesis.openapi.from_dict(
    json.loads(json.dumps(import_string("config.api.api").get_openapi_schema()))
)
OPERATIONS = [
    found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)
]
# How many requests; what takes questions and answers gets more.
EXAMPLES = {"submit_feedback": 50, "publish_protocol": 12, "preview_questions": 12}
USUALLY = 4
# By kind: every question of the checks' tests has its kind for a prefix of its name.
BY_KIND = {asked["kind"]: name for name, asked in reversed(QUESTIONS.items())}


class Fuzzed:
    """A project that asks every kind, its owner's token and a task in their hands."""

    def __init__(self) -> None:
        cache.clear()
        self.project = create_project(slug="fuzzed")
        asked = [each | {"id": name} for name, each in QUESTIONS.items()]
        publish_protocol(project=self.project, questions=asked)
        make_task(self.project)
        owner = factories.add_member(self.project, "owner")
        _, secret = make_token(user=owner, name="fuzzing", scopes=list(SCOPES))
        self.client = Client(
            headers={"authorization": f"Bearer {secret}"},
            raise_request_exception=False,
        )
        leased = self.client.post("/api/v1/projects/fuzzed/assignments").json()
        (self.assignment,) = leased["assignments"]
        self.ids = [each["id"] for each in self.assignment["completions"]]

    def send(self, case: Case[Any]) -> Any:
        known = {
            "slug": "fuzzed",
            "assignment": self.assignment["id"],
            "task": Task.objects.get().pk,
        }
        path = case.operation.full_path
        for name, value in dict(case.path_parameters or {}).items():
            path = path.replace(f"{{{name}}}", str(known.get(name, value)))
        query = urlencode(dict(case.query or {}), doseq=True, errors="replace")
        body = case.body
        if not isinstance(body, bytes):  # what is no JSON at all is sent as it is
            body = "" if isinstance(body, NotSet) else json.dumps(self.aimed(body))
        return self.client.generic(
            case.method, f"{path}?{query}", body, content_type="application/json"
        )

    def aimed(self, body: Any) -> Any:
        """Return a body whose judgments speak of the task at hand."""
        if not isinstance(body, dict) or not isinstance(body.get("judgments"), list):
            return body
        judgments = [self.about(each) for each in body["judgments"]]
        version = self.assignment["protocol_version"]
        return body | {"judgments": judgments, "protocol_version": version}

    def about(self, judgment: Any) -> Any:
        if not isinstance(judgment, dict):
            return judgment
        first, second = self.ids
        named = {
            "question": BY_KIND.get(str(judgment.get("kind"))),
            "completion": first,
            "a": first,
            "b": second,
            "best": [first],
            "worst": [second],
            "groups": [[second], [first]],
        }
        return judgment | {n: value for n, value in named.items() if n in judgment}


def test_every_operation_of_the_schema_can_be_read() -> None:
    assert len(OPERATIONS) == len(list(SCHEMA.get_all_operations())) > 30


@pytest.fixture
def fuzzed(settings: Any) -> Iterator[Fuzzed]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    yield Fuzzed()
    cache.clear()


@pytest.mark.parametrize(
    "operation",
    OPERATIONS,
    ids=[str(o.definition.raw["operationId"]) for o in OPERATIONS],
)
def test_nothing_that_is_sent_breaks_the_server(
    fuzzed: Fuzzed, operation: APIOperation[Any, Any, Any, Any]
) -> None:
    name = operation.definition.raw["operationId"]

    @effort(
        max_examples=EXAMPLES.get(name, USUALLY),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    )
    def sent(case: Case[Any]) -> None:
        with transaction.atomic():
            response = fuzzed.send(case)
            transaction.set_rollback(True)
        assert response.status_code < 500, (response.content, case.body)
        if response.status_code >= 400:
            assert set(response.json()) == SHAPE

    sent()
