"""The round's page: its verdict with the interval, its watch, why it stopped."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Judge
from tests.factories import add_member, make_project, sign_in
from training.models import Round

pytestmark = pytest.mark.django_db

GATE = {
    "verdict": "better",
    "win_rate": 0.61,
    "low": 0.52,
    "high": 0.7,
    "used": 120,
    "test": "sequential",
    "judge": "people",
    "alpha": 0.05,
    "least": 0.5,
    "observations": 200,
    "promoted": True,
    "decided": True,
}
WATCH = {
    "alarms": 3,
    "sent_to_people": 1,
    "policy": {"kl": 1.25, "endings_risen": {"<script>bye</script>": 0.4}},
    "outputs": [],
}


def shown(**report: object) -> str:
    project = make_project()
    client: Client = sign_in(add_member(project, "researcher"))
    found = Round.objects.create(project=project, number=1, state="done", report=report)
    page = client.get(reverse("admin:training_round_change", args=[found.pk]))
    assert page.status_code == 200
    return page.content.decode()


def test_the_verdict_is_shown_with_its_interval() -> None:
    text = shown(gate=GATE)
    assert "The new policy replaces the old one." in text
    assert "52% to 70%" in text
    assert "120 of 200" in text
    other = shown(gate={**GATE, "verdict": "insufficient evidence", "promoted": False})
    assert "does not replace the old one" in other


def test_the_watch_is_shown_and_what_models_wrote_is_no_markup() -> None:
    text = shown(watch=WATCH)
    assert "3 outputs are far out" in text
    assert "<script>bye" not in text
    assert "&lt;script&gt;bye" in text


def test_a_loop_that_ended_says_why() -> None:
    ended = shown(stopped="3 rounds were run")
    assert "3 rounds were run" in ended
    # It opened no queue, so none is promised.
    assert "no round follows" in ended and "none follows" in ended
    assert "Its queue is open." not in ended.replace("done: its queue is open", "")
    assert "Promotion gate" not in shown()


def test_a_round_leads_to_its_neighbours_and_its_judge() -> None:
    project = make_project()
    client = sign_in(add_member(project, "researcher"))
    judge = Judge.objects.create(project=project, name="careful", backend="endpoint")
    first, second, third = (
        Round.objects.create(
            project=project,
            number=number,
            state="done",
            settings={"judge": str(judge.pk)},
        )
        for number in (1, 2, 3)
    )

    def page(found: Round) -> str:
        return reverse("admin:training_round_change", args=[found.pk])

    text = client.get(page(second)).content.decode()
    for words in (page(first), page(third), ">careful</a>"):
        assert words in text
    assert page(third) not in client.get(page(first)).content.decode()


def test_the_form_offers_the_strategies_and_the_gate_as_choices() -> None:
    project = make_project()
    client = sign_in(add_member(project, "researcher"))
    text = client.get(reverse("admin:training_round_add")).content.decode()
    for word in ("disagreement", "design", "sequential", "people", "rejection"):
        assert f'<option value="{word}"' in text
    page = client.post(
        reverse("admin:training_round_add"),
        {"project": project.pk, "set_strategy": "design", "set_gate": "off"},
    )
    assert page.status_code == 302
    made = project.rounds.get()
    assert (made.settings["strategy"], made.settings["gate"]) == ("design", "off")
