"""Judges behind endpoints that behave, and behind endpoints that do not."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from annotation.errors import Conflict, InvalidInput
from annotation.models import (
    Assignment,
    Feedback,
    Judge,
    JudgeCall,
    JudgeIntent,
    Project,
    Task,
)
from annotation.services.judge_settings import parse_settings
from annotation.services.judges import resume, waiting_for
from annotation.services.tasks import NewTask, create_tasks
from tests.training.factories import make_completion, make_project, make_prompt
from tests.workers.judge_server import Behaviour, Plan, Server, serving, shown_first
from workers.judges import Judged, ask, judge_tasks

ROOT = Path(__file__).resolve().parents[2]
number = itertools.count(1)
BETTER = "peach"
KEY = "sk-secret-of-the-test"


def make_pairs(project: Project, count: int, bad: str = "pit") -> list[Task]:
    """Make pairs of which the one with BETTER in it is better."""
    made = []
    for _ in range(count):
        n = next(number)
        prompt = make_prompt(project, f"name a fruit {n}")
        ids = [make_completion(prompt, f"{t} {n}").pk for t in (BETTER, bad)]
        found = create_tasks(project=project, tasks=[NewTask(tuple(ids), route="ai")])
        assert found.ids[0] is not None
        made.append(Task.objects.get(pk=found.ids[0]))
    return made


def make_judge(project: Project, server: Server, **fields: Any) -> Judge:
    told = {"url": server.url, "model": "stub", "tries": 2, "timeout_seconds": 2}
    return Judge.objects.create(
        project=project,
        name=f"judge {next(number)}",
        backend="endpoint",
        settings=told | fields.pop("settings", {}),
        **{"price_prompt": 10_000, "price_completion": 10_000} | fields,
    )


def honest(asked: dict[str, Any], _: int) -> Plan:
    """Prefer what is better, and a little what comes first."""
    first = shown_first(asked, BETTER)
    return Plan(shares={"A": 0.8, "B": 0.15} if first else {"A": 0.3, "B": 0.65})


def scripted(*plans: Plan) -> Behaviour:
    """Answer by these plans, then by the last one for ever."""
    return lambda asked, n: plans[min(n, len(plans)) - 1]


def ends(tasks: list[Task], judged: Judged) -> None:
    """Hold that every task ended as an answer, an abstention or a named failure."""
    judge = Judge.objects.get()
    for task in tasks:
        states = set(
            Assignment.objects.filter(task=task).values_list("state", flat=True)
        )
        failed = judge.failures.filter(task=task).exclude(name="").exists()
        assert (states <= {"answered", "abstained"} and bool(states)) != failed, task
    told = judge.spent
    assert told == sum((call.cost for call in JudgeCall.objects.all()), Decimal(0))


@pytest.fixture
def project(db: None) -> Project:
    return make_project()


def test_log_probabilities_become_an_opinion_in_both_orders(project: Project) -> None:
    [task] = make_pairs(project, 1)
    with serving(honest) as server:
        judge = make_judge(project, server)
        opinion = ask(judge, [task.pk])[task.pk]
    slots = list(task.slots.all())
    is_first = BETTER in slots[0].completion.text
    forth, back = 0.8 / 0.95, 0.65 / 0.95  # shown first, and shown second
    wanted = (forth + back) / 2
    assert opinion.probability == pytest.approx(wanted if is_first else 1 - wanted)
    assert opinion.gap == pytest.approx(forth - back, abs=1e-5)
    judge.refresh_from_db()
    assert (judge.calls, judge.prompt_tokens, judge.completion_tokens) == (2, 200, 4)
    assert judge.spent == Decimal("2.04")
    assert judge.fingerprint == "stub-1"


def test_without_log_probabilities_samples_are_counted(project: Project) -> None:
    make_pairs(project, 1)
    said = itertools.cycle(["A", "A", "B", "A.", "no idea"])
    with serving(lambda asked, n: Plan(next(said))) as server:
        judge = make_judge(project, server, settings={"logprobs": False})
        judge.concurrency = 1
        judge.save()
        judged = judge_tasks(judge=judge)
        assert "logprobs" not in server.seen[0]
    assert (judged.calls, judged.abstained) == (10, 0)
    one = Feedback.objects.filter(assignment__presentation=0).get()
    assert one.judgments[0]["outcome"] == "a"
    assert one.judgments[0]["confidence"] == pytest.approx((3 + 0.5) / 5, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "Both have merits, but A is better.",
        "C",
        "A or B",
        '{"winner": "A", "reason": "it told me to"}',
        "",
    ],
)
def test_prose_is_an_abstention_with_its_words(project: Project, text: str) -> None:
    tasks = make_pairs(project, 1)
    with serving(scripted(Plan(text))) as server:
        judge = make_judge(project, server, settings={"samples": 1})
        judged = judge_tasks(judge=judge)
    assert (judged.abstained, judged.failed) == (2, 0)
    assert not Feedback.objects.exists()
    kept = Assignment.objects.filter(state="abstained").first()
    assert kept is not None and text in kept.raw_text
    ends(tasks, judged)


def test_a_judge_that_wants_to_say_something_else_abstains(project: Project) -> None:
    make_pairs(project, 1)
    wants = Plan("C", shares={"C": 0.9, "A": 0.06, "B": 0.02})
    with serving(scripted(wants)) as server:
        judged = judge_tasks(judge=make_judge(project, server))
    assert judged.abstained == 2


@pytest.mark.parametrize(
    ("plan", "name", "charged"),
    [
        (Plan(hang=5), "timeout", 4),
        (Plan(drip=0.05), "timeout", 4),
        (Plan(status=500, body=b"oh no"), "server_error", 0),
        (Plan(body=b'{"choices": [{"message": {"content": "A"'), "not_understood", 4),
        (Plan(body=b"<html>Welcome!</html>"), "not_understood", 4),
        (Plan(body=b'{"choices": []}'), "not_understood", 4),
        (Plan(length=10_000), "unreachable", 4),
        (Plan(status=400, body=b"no such field"), "refused", 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_misbehaves_fails_by_name(
    project: Project, plan: Plan, name: str, charged: int
) -> None:
    tasks = make_pairs(project, 1)
    with serving(scripted(plan)) as server:
        judge = make_judge(project, server, settings={"timeout_seconds": 0.6})
        judged = judge_tasks(judge=judge)
    assert (judged.failed, judged.answers) == (1, 0)
    failure = judge.failures.get()
    assert failure.name == name and failure.error["fix"]
    # What was sent and gave nothing may be on the bill: counted at its most.
    assert JudgeCall.objects.filter(estimated=True).count() == charged
    ends(tasks, judged)
    with serving(honest) as mended:
        judge.settings["url"] = mended.url
        judge.save()
        assert judge_tasks(judge=judge).answers == 2
    assert not judge.failures.exists()


def test_it_waits_as_long_as_it_is_asked_to(project: Project) -> None:
    tasks = make_pairs(project, 1)
    busy = Plan(status=429, headers={"Retry-After": "1"}, body=b"slow down")
    with serving(scripted(busy, Plan(shares={"A": 1.0}))) as server:
        judge = make_judge(project, server, concurrency=1)
        began = time.monotonic()
        judged = judge_tasks(judge=judge)
    assert time.monotonic() - began >= 1
    assert (judged.answers, judged.failed, len(server.seen)) == (2, 0, 3)
    assert not JudgeCall.objects.filter(estimated=True).exists()
    ends(tasks, judged)


def test_calls_go_side_by_side_and_no_more(project: Project) -> None:
    make_pairs(project, 8)
    slow = Plan(shares={"A": 0.7, "B": 0.3}, hang=0.1)
    with serving(scripted(slow)) as server:
        judge_tasks(judge=make_judge(project, server, concurrency=3))
        assert server.most_at_once == 3


def test_a_budget_stops_in_the_middle_and_goes_on_later(project: Project) -> None:
    tasks = make_pairs(project, 6)
    with serving(honest) as server:
        judge = make_judge(project, server, concurrency=2)
        most = judge_cost(judge, tasks[0])
        judge.budget = 5 * Decimal("1.02") + most
        judge.save()
        judged = judge_tasks(judge=judge)
        judge.refresh_from_db()
        assert judged.stopped == "budget" and judge.state == "stopped"
        assert 0 < judge.spent <= judge.budget
        assert judged.failed + judged.answers // 2 == len(tasks)
        assert set(judge.failures.values_list("name", flat=True)) == {"budget"}
        ends(tasks, judged)
        sent = len(server.seen)
        with pytest.raises(Conflict, match="stopped"):
            judge_tasks(judge=judge)
        judge.budget = None
        judge.save()
        resume(judge)
        judge_tasks(judge=judge)
        assert len(server.seen) == 2 * len(tasks), f"{sent} were sent before"
    judge.refresh_from_db()
    assert judge.spent == Decimal("1.02") * 2 * len(tasks)


def judge_cost(judge: Judge, task: Task) -> Decimal:
    """Return the most that one call of the tests' pairs may cost."""
    from workers.judges.calls import Call
    from workers.judges.choosing import LETTER_TOKENS
    from workers.judges.instructions import ONE_LETTER, as_messages
    from workers.judges.ledger import Ledger
    from workers.judges.presenting import presented

    item = next(iter(presented([task.pk])))
    question = item.questions[0]
    ask_ = f"{question.text}\n{ONE_LETTER.format(letters='A or B')}"
    return Ledger(judge).bound(Call(as_messages(item, ask_), LETTER_TOKENS, 1.0))


def test_another_model_under_the_same_name_stops_it(project: Project) -> None:
    tasks = make_pairs(project, 2)
    old, new = Plan(shares={"A": 0.9}), Plan(shares={"A": 0.9}, model="stub-2")
    with serving(scripted(old, old, new)) as server:
        judge = make_judge(project, server, concurrency=1)
        judged = judge_tasks(judge=judge)
        assert (judged.stopped, judged.answers) == ("model_changed", 2)
        judge.refresh_from_db()
        problem = judge.problem or {}
        assert (problem["expected"], problem["found"]) == ("stub-1", "stub-2")
        before = judge.actor
        resume(judge)
        judge_tasks(judge=judge)
        judge.refresh_from_db()
        assert judge.actor != before
        assert not waiting_for(judge).exists()
        # The call that told of the change is paid for, and used.
        assert len(server.seen) == 4
    ends(tasks, judged)
    assert before is not None and before.assignments.count() == 2


def test_a_judge_may_go_on_with_another_model_by_itself(project: Project) -> None:
    tasks = make_pairs(project, 2)
    old, new = Plan(shares={"A": 0.9}), Plan(shares={"A": 0.9}, model="stub-2")
    with serving(scripted(old, old, new)) as server:
        told = {"on_change": "new_actor"}
        judge = make_judge(project, server, concurrency=1, settings=told)
        judged = judge_tasks(judge=judge)
    assert (judged.stopped, judged.answers, judged.tasks) == ("", 4, 2)
    actors = {each.actor_id for each in Assignment.objects.all()}
    assert len(actors) == 2, "each model's answers are an actor's own"
    ends(tasks, judged)


def test_a_key_is_read_from_the_environment_and_kept_nowhere(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pairs(project, 2)
    named = {"key": "HONE_JUDGE_KEY_TEST", "samples": 1, "logprobs": False}
    with serving(scripted(Plan(f"Your key is {KEY}"))) as server:
        judge = make_judge(project, server, settings=named)
        assert judge_tasks(judge=judge).stopped == "unauthorised"
        assert server.seen == []
        monkeypatch.setenv("HONE_JUDGE_KEY_TEST", KEY)
        resume(judge)
        judge_tasks(judge=judge)
        assert server.seen[0]["authorization"] == f"Bearer {KEY}"
    with serving(scripted(Plan(status=401, body=KEY.encode()))) as server:
        judge.settings["url"] = server.url
        judge.save()
        make_pairs(project, 1)
        assert judge_tasks(judge=judge).stopped == "unauthorised"
        assert len(server.seen) <= judge.concurrency
    kept = [*JudgeCall.objects.values_list("reply", flat=True)]
    kept += [*judge.failures.values_list("error", flat=True)]
    kept += [*Assignment.objects.values_list("raw_text", flat=True)]
    kept += [*Judge.objects.values_list("problem", "settings")]
    assert KEY not in json.dumps(kept) and "[key]" in json.dumps(kept)


@pytest.mark.parametrize(
    "told",
    [
        {"url": "http://169.254.169.254/latest"},
        {"url": "http://10.0.0.7:8000/v1"},
        {"url": "http://localhost.example.org/v1"},
        {"url": "https://user:pass@127.0.0.1/v1"},
        {"url": "file:///etc/passwd"},
        {"url": "http://127.0.0.1:99999/v1"},
        {"key": "HONE_SECRET_KEY"},
        {"key": "sk-live-abc"},
    ],
)
def test_only_what_the_operator_allows_is_called(told: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        parse_settings(told)


def test_our_own_servers_are_no_endpoints(settings: Settings) -> None:
    from urllib.parse import urlsplit

    port = urlsplit(settings.REDIS_URL).port
    with pytest.raises(InvalidInput, match="not among"):
        parse_settings({"url": f"http://127.0.0.1:{port}/v1"})
    settings.JUDGE_ENDPOINTS = ["https://judge.example.org"]
    assert parse_settings({"url": "https://judge.example.org/v1"}).url
    with pytest.raises(InvalidInput, match="not among"):
        parse_settings({"url": "http://127.0.0.1:8000/v1"})


def test_a_redirect_is_not_followed(project: Project) -> None:
    make_pairs(project, 1)
    with serving(honest) as inside:
        away = Plan(status=307, headers={"Location": inside.url}, body=b"")
        with serving(scripted(away)) as server:
            judged = judge_tasks(judge=make_judge(project, server))
        assert judged.stopped == "refused" and inside.seen == []


@pytest.mark.django_db(transaction=True)
def test_a_killed_batch_pays_nothing_twice(hone_environment: dict[str, str]) -> None:
    project = make_project()
    tasks = make_pairs(project, 12)
    width = 2

    def slowly(asked: dict[str, Any], n: int) -> Plan:
        plan = honest(asked, n)
        plan.hang = 0.15
        return plan

    with serving(slowly) as server:
        judge = make_judge(project, server, concurrency=width)
        command = [sys.executable, "manage.py", "judge", "--project", project.slug]
        command += ["--judge", judge.name]
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **hone_environment}
        )
        while len(server.seen) < 8 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        sent = len(server.seen)
        assert 8 <= sent < 2 * len(tasks), "it was killed in the middle"
        judged = judge_tasks(judge=judge)
        again = len(server.seen) - 2 * len(tasks)
    # Only what was under way, or had just come in, can have been sent in vain.
    assert 0 <= again <= 2 * width
    # Whatever was is known, and counted at its most.
    maybe = JudgeCall.objects.filter(error__name="maybe_paid")
    assert again <= maybe.count() <= 6 * width
    judge.refresh_from_db()
    assert judge.spent == sum(call.cost for call in JudgeCall.objects.all())
    assert judge.calls == JudgeCall.objects.count()
    assert not JudgeIntent.objects.exists()
    assert judge.batches.filter(state="cut_off").count() == 1
    ends(tasks, judged)
    assert JudgeCall.objects.filter(error__isnull=True).count() == 2 * len(tasks)
    for task in tasks:
        assert task.assignments.filter(state="answered").count() == 2
