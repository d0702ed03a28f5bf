"""Every route, with every role, on its own and on another project's object.

The table is tests/route_rules.py. A route without a line there fails; so does a line
without a route.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client, override_settings
from django.urls import get_resolver
from django.utils import timezone

from annotation.models import (
    Assignment,
    Import,
    Judge,
    LibraryPrinciple,
    Membership,
    Project,
    Task,
)
from annotation.permissions import CAPABILITIES
from annotation.services.media import keep_image
from annotation.services.people import actor_of
from annotation.services.tokens import make_token
from tests import factories
from tests.pictures import png
from tests.route_rules import RULES, Rule

# The mark makes the database; the module's world lies around each test's transaction.
pytestmark = pytest.mark.django_db

ROLES = ("anonymous", "stranger", *CAPABILITIES, "superuser")
MEMBERS = tuple(CAPABILITIES)
PANEL_ROLES = ("reviewer", "researcher", "owner", "superuser")
# Stands in every text of the other project: nobody but its members may ever see it.
MARK = "zebra"
IMAGE = png()


@dataclass(frozen=True)
class Route:
    """One address and method that the server answers."""

    key: str
    pattern: str
    method: str
    names: tuple[str, ...]


def routes() -> list[Route]:
    """Return all routes of the project, the API's one an operation."""
    found: dict[tuple[str, str], Route] = {}

    def walk(patterns: Any, prefix: str, names: tuple[str, ...]) -> None:
        for each in patterns:
            pattern = prefix + str(each.pattern)
            here = (*names, *each.pattern.converters)
            if hasattr(each, "url_patterns"):
                walk(each.url_patterns, pattern, here)
                continue
            regex = getattr(each.pattern, "regex", None)
            if regex is not None and not each.pattern.converters:
                here = (*here, *regex.groupindex)
            for key, method in operations(each, pattern):
                found[key, method] = Route(key, pattern, method, here)

    walk(get_resolver().url_patterns, "", ())
    return list(found.values())


def operations(each: Any, pattern: str) -> list[tuple[str, str]]:
    """Return (key, method) of what one URL pattern leads to."""
    view = each.callback
    cells = getattr(view, "__closure__", None) or ()
    for cell in [getattr(view, "__self__", None), *(c.cell_contents for c in cells)]:
        if hasattr(cell, "operations"):
            return [
                (operation.operation_id, method)
                for operation in cell.operations
                for method in operation.methods
            ]
    if each.name is not None:
        key = "view_on_site" if "admin/r/" in pattern else each.name
        return [(key, "")]
    parts = pattern.split("/")
    if pattern.startswith("admin/") and len(parts) > 3:
        return [(f"{parts[1]}_{parts[2]}_redirect", "")]
    return [("workspace" if pattern == "^app/.*$" else pattern, "")]


ROUTES = routes()
ALIASES = {"workspace": r"^app/.*$"}


def rule_of(route: Route) -> Rule | None:
    return RULES.get(ALIASES.get(route.key, route.key))


@dataclass
class World:
    """Two projects: ours, where everybody has a role, and theirs."""

    clients: dict[str, Client]
    users: dict[str, User]
    objects: dict[str, dict[str, Any]]

    def address(self, route: Route, role: str, whose: str) -> str | None:
        """Fill in a route's pattern; None where no object is named."""
        things = self.objects[whose]
        values = things | things["of"].get(role, {})
        path = route.pattern
        for name, converter in (("object_id", ""), ("id", "")):
            if name in route.names:
                app, model = route.pattern.split("/")[1:3]
                values[name] = values.get(f"{app}_{model}", 1)
                del converter
        if path.startswith("^"):
            return "/app/"
        if "(?P<" in path:
            filled = {"app_label": "annotation", "url": "nowhere"}
            return "/admin/" + filled[route.names[0]] + "/"
        for name in route.names:
            for part in path.split("<")[1:]:
                inner = part.split(">")[0]
                if inner.split(":")[-1] == name:
                    path = path.replace(f"<{inner}>", str(values[name]))
        named = set(route.names) & {*things, "object_id", "id"} - {"verb", "view"}
        return f"/{path}" if named or whose == "ours" else None


def belongings(project: Project, users: dict[str, User]) -> dict[str, Any]:
    """Make one of everything in a project; return how routes name them."""
    from tests.training.factories import make_snapshot
    from training.models import (
        Evaluation,
        ModelVersion,
        Round,
        RoutingPlan,
        Talk,
        TrainingRun,
    )

    project.name = f"{MARK if project.slug == MARK else 'ours'} and so on"
    project.save()
    tasks = factories.make_tasks(project, 12)
    for task in tasks:
        task.prompt.source = project.slug
        task.prompt.save(update_fields=["source"])
    answerer = factories.add_member(project)
    first = assign(tasks[0], answerer, "answered")
    feedback = first.feedback.create(
        client_id="0d9f2f6e-6a43-4f7c-9a3d-7f3d9c0a1b2c",
        project=project,
        actor=first.actor,
        judgments=[{"kind": "flag", "target": "task", "flag": "pii", "note": MARK}]
        if project.slug == MARK
        else [],
        protocol=tasks[0].protocol,
        content_hash="0" * 64,
    )
    row = Import.objects.create(project=project, name=f"{project.slug}.jsonl")
    principle = LibraryPrinciple.objects.create(
        project=project, text=project.slug, key="0" * 64, origin="extracted"
    )
    snapshot = make_snapshot(project, train=2)
    run = TrainingRun.objects.create(
        project=project, name=project.slug, kind="reward", preset="bradley-terry"
    )
    model = ModelVersion.objects.create(
        project=project, name=project.slug, role="policy", source="tiny:causal"
    )
    evaluation = Evaluation.objects.create(model=model, suite="s", run=run)
    round_ = Round.objects.create(project=project, number=1)
    plan = RoutingPlan.objects.create(project=project)
    judge = Judge.objects.create(project=project, name=project.slug, backend="panel")
    maker = users["owner"] if project.slug != MARK else answerer
    token, _ = make_token(user=maker, name=project.slug, scopes=["read"])
    spare = iter(tasks[1:])

    def talk_of(user: User) -> Talk:
        return Talk.objects.create(
            project=project,
            actor=actor_of(user),
            kind="live",
            model_ids=[model.pk],
            sampling={},
        )

    return {
        "slug": project.slug,
        "task": tasks[0].pk,
        "import_id": row.pk,
        "principle_id": principle.pk,
        "view": "pairs",
        "form": "jsonl",
        "snapshot_id": snapshot.pk,
        "file": "train.parquet",
        "number": 1,
        "run_id": run.pk,
        "verb": "pause",
        "content_type_id": 1,
        "auth_user": answerer.pk,
        "annotation_project": project.pk,
        "annotation_import": row.pk,
        "annotation_judge": judge.pk,
        "annotation_prompt": tasks[0].prompt_id,
        "annotation_completion": tasks[0].slots.all()[0].completion_id,
        "annotation_libraryprinciple": principle.pk,
        "annotation_extraction": project.extractions.create().pk,
        "annotation_task": tasks[0].pk,
        "annotation_feedback": feedback.pk,
        "annotation_apitoken": token.pk,
        "training_snapshot": snapshot.pk,
        "training_trainingrun": run.pk,
        "training_modelversion": model.pk,
        "training_evaluation": evaluation.pk,
        "training_round": round_.pk,
        "training_routingplan": plan.pk,
        "training_curationjob": project.curation_jobs.create(kind="verify").pk,
        "plan": plan.pk,
        "judge": judge.pk,
        "deed": "measure",
        "assignment": assign(next(spare), answerer, "leased").pk,
        "talk_id": talk_of(answerer).pk,
        "sha256": keep_image(project=project, pieces=[IMAGE]).sha256,
        # What lies in the hands of each who may have something in them here.
        "of": {
            role: {
                "assignment": assign(next(spare), users[role], "leased").pk,
                "talk_id": talk_of(users[role]).pk,
            }
            for role in (*MEMBERS, "superuser")
            if project.slug != MARK
        },
    }


def assign(task: Task, user: User, state: str) -> Assignment:
    now = timezone.now()
    return Assignment.objects.create(
        task=task,
        project=task.project,
        actor=actor_of(user),
        order=[0, 1],
        state=state,
        leased_at=now,
        expires_at=now + timedelta(hours=1),
        ended_at=now if state == "answered" else None,
    )


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Everything, made once, in one transaction that is undone at the end."""
    from django.conf import settings

    middleware = [m for m in settings.MIDDLEWARE if not m.startswith("whitenoise")]
    with (
        django_db_blocker.unblock(),
        override_settings(MIDDLEWARE=middleware),
        transaction.atomic(),
    ):
        users = {role: factories.make_user(f"walk-{role}") for role in ROLES[1:-1]}
        users["superuser"] = factories.make_user("walk-root", is_superuser=True)
        ours, theirs = factories.make_project("ours"), factories.make_project(MARK)
        for role in MEMBERS:
            Membership.objects.create(project=ours, user=users[role], role=role)
        objects = {
            "ours": belongings(ours, users),
            "theirs": belongings(theirs, users),
        }
        clients = {role: factories.sign_in(user) for role, user in users.items()}
        yield World(clients | {"anonymous": Client()}, users, objects)
        transaction.set_rollback(True)


def outcome(response: Any) -> str:
    """Sort a response: let in, sent to log in, forbidden, not there, or broken."""
    status = response.status_code
    if status == 401 or (
        status == 302 and "/admin/login/" in response.headers["Location"]
    ):
        return "log in"
    if status >= 500:
        return f"broken ({status})"
    if status == 302 and response.headers["Location"] == "/admin/":
        return "not there"  # as Django's own pages say it
    return {403: "forbidden", 404: "not there"}.get(status, "let in")


def expected(rule: Rule, role: str, whose: str) -> set[str]:
    """Return which outcomes the table allows."""
    who, _, capability = rule.who.partition(":")
    if who == "public":
        return {"let in", "log in", "not there"}
    if who == "nobody":
        return {"log in", "not there", "forbidden"}
    if who == "panel" or who == "superuser":
        return expected_in_panel(who, capability, role, whose)
    if role == "anonymous":
        return {"log in"}
    if who == "signed in":
        return {"let in"}
    if role == "superuser":
        return {"forbidden"} if who == "own" and whose == "theirs" else {"let in"}
    if role == "stranger" or whose == "theirs":
        return {"not there"}
    wanted = "annotate" if who == "own" else who
    return {"let in"} if wanted in CAPABILITIES[role] else {"forbidden"}  # type: ignore[index]


def expected_in_panel(who: str, capability: str, role: str, whose: str) -> set[str]:
    if role not in PANEL_ROLES:
        return {"log in"}
    if who == "superuser":
        return {"let in"} if role == "superuser" else {"forbidden", "not there"}
    if capability == "maker":
        is_maker = role == "owner" and whose == "ours"
        return {"let in"} if is_maker else {"not there"}
    if not capability:
        return {"let in", "not there", "forbidden"}
    if role == "superuser":
        return {"let in"}
    if capability not in CAPABILITIES[role]:  # type: ignore[index]
        return {"forbidden", "not there"}
    return {"not there"} if whose == "theirs" else {"let in"}


def fill(body: Any, things: dict[str, Any]) -> Any:
    return json.loads(json.dumps(body).replace("{slug}", str(things["slug"])))


def ask(world: World, route: Route, rule: Rule, role: str, whose: str) -> Any:
    """Send the request; whatever it changed is undone."""
    address = world.address(route, role, whose) or f"/{route.pattern}"
    body = fill(rule.body, world.objects[whose]) if rule.body is not None else None
    is_api = route.pattern.startswith("api/")
    more = {"content_type": "application/json"} if is_api else {}
    method = getattr(world.clients[role], (route.method or rule.method).lower())
    with transaction.atomic():
        before = dict(world.clients[role].cookies)
        response = method(address, body, **more)
        streamed = getattr(response, "streaming", False)
        content = b"".join(response) if streamed else response.content
        transaction.set_rollback(True)
    if route.key == "delete_image":  # a file is in no transaction
        slug = world.objects[whose]["slug"]
        keep_image(project=Project.objects.get(slug=slug), pieces=[IMAGE])
    if world.clients[role].cookies != before and role != "anonymous":
        world.clients[role].cookies.update(before)
        world.clients[role].force_login(world.users[role])
    return response, content


def names_an_object(world: World, route: Route, rule: Rule) -> bool:
    return world.address(route, "owner", "theirs") is not None or (
        "{slug}" in json.dumps(rule.body)
    )


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.key}".strip())
def test_route_keeps_its_rule(world: World, route: Route) -> None:
    rule = rule_of(route)
    assert rule is not None, f"{route} has no line in tests/route_rules.py: add one"
    assert not route.method or route.method == rule.method, f"{route}: {rule}"
    sides = ["ours"] + ["theirs"] * names_an_object(world, route, rule)
    wrong = []
    for role in ROLES:
        for whose in sides:
            response, content = ask(world, route, rule, role, whose)
            got, wanted = outcome(response), expected(rule, role, whose)
            if got not in wanted:
                wrong.append(
                    f"{role}, {whose}: {got} instead of {sorted(wanted)} "
                    f"({response.status_code} {response.headers.get('Location', '')})"
                )
            told = MARK.encode() in content.replace(
                response.wsgi_request.path.encode(), b""
            )
            if told and role != "superuser" and rule.who != "public":
                wrong.append(f"{role}, {whose}: reads what is theirs")
    assert not wrong, "\n".join([f"{route.method} {route.pattern}, {rule.who}", *wrong])


def test_every_rule_has_its_route() -> None:
    known = {ALIASES.get(route.key, route.key) for route in ROUTES}
    assert set(RULES) - known == set()


def test_a_route_without_a_rule_is_noticed() -> None:
    assert rule_of(Route("new_thing", "api/v1/new", "GET", ())) is None
