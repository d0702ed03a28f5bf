"""Judges' cards by numbers worked by hand, panels, and their pages in the panel."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Actor, Assignment, Judge, JudgeBatch, Project, Task
from annotation.quality.judges import Item, calibration, card, fit_temperature, kappa
from annotation.quality.panels import Vote, combine, disagreement, reliability
from annotation.services.judge_cards import card_of
from annotation.services.judging import JudgeAnswer, as_compare, model_actor, record
from annotation.services.panel_weights import reliabilities
from tests.annotation.test_admin_access import answer
from tests.factories import add_member, make_project, make_tasks, sign_in
from tests.workers.judge_server import Plan, serving
from workers.judges import judge_tasks
from workers.judges.asking import try_out

EVIL = "<script>alert(1)</script>"


def test_a_card_counts_what_it_says() -> None:
    items = [
        # Right both ways round, longer one taken, its own model's.
        Item(0.9, 0.8, (1, 1), (20, 10), own=1, tags=("x",)),
        # The order decides: forth it says first, back second; the mean takes first.
        Item(0.8, 0.4, (0, 0), (10, 20), own=0, tags=("x",)),
        # Right, for the shorter one.
        Item(0.2, 0.3, (0, 1, 0), (20, 10), tags=("y",)),
        # People are split; the judge is not asked back.
        Item(0.7, None, (1, 0), (5, 5)),
        # Nobody else answered.
        Item(0.1, 0.1, ()),
    ]
    found = card(items)
    assert (found.items, found.with_people) == (5, 4)
    assert (found.agreement.count, found.agreement.of) == (2, 3)
    assert (found.flips.count, found.flips.of) == (1, 4)
    # Shown first won: .9, not 1-.8, .8, 1-.4, not .2, 1-.3, .7, not .1, 1-.1.
    assert (found.first_shown.count, found.first_shown.of) == (6, 9)
    assert found.pull == pytest.approx((0.1 + 0.4 - 0.1 + 0.0) / 4)
    assert (found.longer.count, found.longer.of) == (1, 3)
    assert (found.people_longer.count, found.people_longer.of) == (2, 3)
    assert (found.own.count, found.people_own.count, found.own.of) == (1, 2, 2)
    assert (found.people.count, found.people.of) == (3, 6)
    assert [(g.name, g.agreement.count, g.agreement.of) for g in found.tags] == [
        ("x", 1, 2),
        ("y", 1, 1),
    ]


def test_kappa_is_cohens() -> None:
    # Cohen's own form: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no gives 0.4.
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([("a", "a")]) is None


def test_an_overconfident_judge_is_cooled_to_what_it_knows() -> None:
    random_ = random.Random(3)
    said = []
    for _ in range(4000):
        odds = random_.gauss(0, 1.5)
        truth = random_.random() < 1 / (1 + math.exp(-odds))
        said.append((1 / (1 + math.exp(-3 * odds)), truth))
    found = calibration(said)
    assert fit_temperature(said) == pytest.approx(3, rel=0.1)
    assert found.error is not None and found.fitted_error is not None
    assert found.error > 0.1 and found.fitted_error < 0.03


def test_a_panel_listens_to_those_who_are_right() -> None:
    good, poor = reliability(95, 100), reliability(52, 100)
    votes = [Vote(0.95, good), Vote(0.05, poor), Vote(0.05, poor)]
    assert combine(votes) > 0.9
    assert disagreement(votes) < 0.1
    mirrored = [Vote(1 - vote.probability, vote.reliability) for vote in votes]
    assert combine(votes) + combine(mirrored) == pytest.approx(1)
    unknown = [Vote(0.9, 0.5), Vote(0.2, 0.5)]
    assert combine(unknown) == pytest.approx(0.55)
    assert disagreement(unknown) == 0.5


def says(project: Project, name: str, told: dict[int, tuple[float, float]]) -> Actor:
    """Write a model's probabilities for the first completions, in both orders."""
    actor = model_actor(project=project, source="judge", external_id=name, name=name)
    answers = []
    for task in Task.objects.filter(pk__in=told).select_related("protocol"):
        ids = [slot.completion_id for slot in task.slots.order_by("position")]
        question = task.protocol.questions[0]
        for place, p in enumerate(told[task.pk]):
            order = (0, 1) if place == 0 else (1, 0)
            first, second = (ids[each] for each in order)
            shown = p if place == 0 else 1 - p
            judgment = as_compare(question, first, second, shown)
            answers.append(JudgeAnswer(task.pk, place, order, (judgment,)))
    record(actor=actor, answers=answers)
    return actor


@pytest.mark.django_db
def test_a_card_is_read_from_the_record() -> None:
    project = make_project()
    tasks = make_tasks(project, 4, overlap=2)
    person = add_member(project)
    for task in tasks[:3]:
        answer(task, person)
    told = {task.pk: (0.9, 0.7) for task in tasks}
    told[tasks[0].pk] = (0.4, 0.3)
    found = card_of(says(project, "m", told))
    assert (found.items, found.with_people) == (4, 3)
    # The tests' people take the first of each pair.
    assert (found.agreement.count, found.agreement.of) == (2, 3)
    assert (found.flips.count, found.flips.of) == (0, 4)


def world(role: str = "researcher") -> tuple[Project, Client]:
    project = make_project()
    return project, sign_in(add_member(project, role))


@pytest.mark.django_db
def test_the_cards_page_tells_intervals_money_and_the_way_to_the_answers() -> None:
    project, client = world()
    tasks = make_tasks(project, 6, overlap=2)
    person = add_member(project)
    for task in tasks[:4]:
        answer(task, person)
    judge = Judge.objects.create(
        project=project, name="careful", backend="endpoint", budget="5"
    )
    page = reverse("admin:annotation_judge_change", args=[judge.pk])
    fresh = client.get(page).content.decode()
    assert "It has answered nothing yet." in fresh
    for way in ("admin:training_routingplan_add", "admin:training_round_add"):
        assert f"{reverse(way)}?project={project.pk}" in fresh
    judge.actor = says(project, "careful", {task.pk: (0.9, 0.7) for task in tasks})
    judge.save(update_fields=["actor"])
    text = client.get(page).content.decode()
    # Four of four agreed; Wilson's interval of that starts at 4 / (4 + 1.96 ** 2).
    assert "0.510 to 1" in text
    assert "0 of 5<" in text
    answers = f"{reverse('admin:annotation_feedback_changelist')}?q=careful"
    assert f'href="{answers}"' in text
    assert "careful" in client.get(answers).content.decode()


def form(project: Project, **changes: Any) -> dict[str, Any]:
    return {
        "project": project.pk,
        "name": "stub",
        "backend": "endpoint",
        "price_prompt": "0.5",
        "price_completion": "1.5",
        "budget": "2",
        "concurrency": "3",
        "set_url": "http://127.0.0.1:9/v1",
        "set_model": "stub",
        "set_logprobs": "on",
        "set_samples": "3",
        "set_temperature": "1",
        "set_method": "direct",
        "set_on_change": "stop",
        "set_key": "HONE_JUDGE_KEY_STUB",
    } | changes


ADD = "admin:annotation_judge_add"


@pytest.mark.django_db
def test_a_researcher_sets_up_a_judge_and_tries_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, client = world()
    make_tasks(project, 4)
    monkeypatch.setenv("HONE_JUDGE_KEY_STUB", "sk-not-for-eyes")
    plan = Plan(f"{EVIL} sk-not-for-eyes")
    with serving(lambda asked, n: plan) as server:
        made = client.post(reverse(ADD), form(project, set_url=server.url))
        judge = Judge.objects.get()
        assert made.status_code == 302, made.content.decode()
        assert judge.settings["samples"] == 3 and "tries" not in judge.settings
        page = reverse("admin:annotation_judge_change", args=[judge.pk])
        client.post(reverse("admin:annotation_judge_do", args=[judge.pk, "try"]))
        batch = JudgeBatch.objects.get()
        assert "A worker is asking it" in client.get(page).content.decode()
        try_out(batch)
    assert len(batch.report) == 6
    assert not Assignment.objects.exists(), "a trial is no answer"
    text = client.get(page).content.decode()
    assert EVIL not in text and "&lt;script&gt;" in text
    edit = reverse("admin:annotation_judge_settings", args=[judge.pk])
    assert "HONE_JUDGE_KEY_STUB" in client.get(edit).content.decode()
    for address in (page, edit, reverse("admin:annotation_judge_changelist")):
        assert "sk-not-for-eyes" not in client.get(address).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"set_url": "http://10.0.0.1/v1"}, "not among the endpoints"),
        ({"set_key": "DATABASE_URL"}, "Should be the name of a variable"),
        ({"set_model": ""}, "Is needed for this kind of judge"),
        ({"set_samples": "many"}, "mend the fields"),
        ({"backend": "panel"}, "two judges or more"),
        ({"budget": "-1"}, "mend the fields"),
    ],
)
def test_a_judge_that_cannot_be_is_refused(changes: dict[str, str], words: str) -> None:
    project, client = world()
    refused = client.post(reverse(ADD), form(project, **changes))
    assert refused.status_code == 200
    assert words in refused.content.decode().replace("&#x27;", "'")
    assert not Judge.objects.exists()


@pytest.mark.django_db
def test_another_projects_things_cannot_be_chosen() -> None:
    project, client = world()
    other = make_project()
    theirs = Judge.objects.create(project=other, name="zebra", backend="panel")
    told = form(project, backend="panel", members=[theirs.pk])
    assert client.post(reverse(ADD), told).status_code == 200
    assert client.post(reverse(ADD), form(other)).status_code == 200
    assert Judge.objects.count() == 1


@pytest.mark.django_db
def test_a_card_page_shows_its_numbers_and_takes_a_temperature() -> None:
    project, client = world()
    tasks = make_tasks(project, 6, overlap=2)
    person = add_member(project)
    for task in tasks:
        answer(task, person)
    actor = says(project, "m", {task.pk: (0.99, 0.98) for task in tasks})
    judge = Judge.objects.create(
        project=project, name="j", backend="recorded", replays=actor, actor=actor
    )
    page = client.get(reverse("admin:annotation_judge_change", args=[judge.pk]))
    text = page.content.decode()
    for words in ("kappa", "flips with the order", "best temperature", "over time"):
        assert words in text
    client.post(reverse("admin:annotation_judge_do", args=[judge.pk, "calibrate"]))
    judge.refresh_from_db()
    assert judge.calibration != 1


@pytest.mark.django_db
def test_only_a_judge_that_may_write_words_is_offered_prompts_to_tag() -> None:
    project, client = world()
    for backend, status in (("endpoint", 302), ("panel", 404)):
        judge = Judge.objects.create(project=project, name=backend, backend=backend)
        page = client.get(reverse("admin:annotation_judge_change", args=[judge.pk]))
        assert ("Tag prompts" in page.content.decode()) == (status == 302)
        tag = reverse("admin:annotation_judge_do", args=[judge.pk, "tag"])
        assert client.post(tag).status_code == status


@pytest.mark.django_db
def test_a_panel_that_disagrees_asks_people() -> None:
    project = make_project()
    tasks = make_tasks(project, 4)
    agreed, split = tasks[:2], tasks[2:]
    one = {task.pk: (0.9, 0.9) for task in tasks}
    other = one | {task.pk: (0.1, 0.1) for task in split}
    panel = Judge.objects.create(project=project, name="panel", backend="panel")
    for name, told in (("one", one), ("other", other)):
        actor = says(project, f"recorded {name}", told)
        panel.members.create(
            project=project, name=name, backend="recorded", replays=actor
        )
    Task.objects.update(route="ai")
    judged = judge_tasks(judge=panel)
    assert (judged.escalated, judged.answers) == (2, 8)
    for task in tasks:
        task.refresh_from_db()
    assert [task.route for task in agreed] == ["ai", "ai"]
    assert [task.route for task in split] == ["both", "both"]
    assert "disagreed" in split[0].reason
    by_panel = Assignment.objects.filter(actor=Judge.objects.get(pk=panel.pk).actor)
    assert by_panel.count() == 8
    assert not by_panel.filter(task__in=split, counted=True).exists()


@pytest.mark.django_db
def test_a_panel_that_nobody_checked_weighs_its_members_by_each_other() -> None:
    project = make_project()
    tasks = [task.pk for task in make_tasks(project, 24)]
    right = {task: (0.9, 0.9) if n % 2 else (0.1, 0.1) for n, task in enumerate(tasks)}
    turned = {task: (1 - p, 1 - q) for task, (p, q) in right.items()}
    members: list[Judge] = []
    for name, wrong in (("sound", 2), ("fair", 4), ("other", 3), ("coin", 12)):
        # Each errs on pairs of its own.
        errs = tasks[len(members) * 3 :][:wrong]
        told = right | {task: turned[task] for task in errs}
        judge = Judge.objects.create(project=project, name=name, backend="recorded")
        judge.actor = says(project, f"recorded {name}", told)
        judge.save()
        members.append(judge)
    known = reliabilities(members)
    *sound, coin = (known[judge.pk] for judge in members)
    assert min(sound) > 0.75 > 0.6 > coin
    # Two cannot tell which of them is the worse.
    assert set(reliabilities(members[:2]).values()) == {0.5}
    # People are the better measure, but a pair's own label weighs nobody who judges it.
    answer(Task.objects.get(pk=tasks[0]), add_member(project))
    assert reliabilities(members, leave_out=[tasks[0]]) == known
    assert reliabilities(members) != known
