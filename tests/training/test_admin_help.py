"""What the panel tells a newcomer: help in every form, advice where nothing is yet."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from annotation.admin.forms import OwnForm, label_of, told
from annotation.admin.imports import ImageForm, ImportForm
from annotation.admin.principles import ExtractionForm, PrincipleForm
from annotation.admin.starting import Starts
from annotation.admin.tokens import TokenForm
from annotation.models import Judge, Project
from tests.factories import add_member, make_project, sign_in
from training.admin.curation_form import KINDS, CurationForm
from training.admin.judge_form import JudgeForm
from training.admin.launch_form import LaunchForm
from training.admin.methods import launchable
from training.admin.round_form import RoundForm
from training.admin.routing_form import RoutingForm
from training.admin.snapshots import FreezeForm
from training.models import CurationJob, Round, Snapshot

pytestmark = pytest.mark.django_db


def world(role: str = "owner") -> tuple[Project, Client]:
    project = make_project()
    return project, sign_in(add_member(project, role))


def shown(client: Client, name: str, *args: Any, **query: Any) -> str:
    page = client.get(reverse(f"admin:{name}", args=args), query)
    assert page.status_code == 200, name
    return page.content.decode()


def every_form() -> list[OwnForm]:
    """Return the forms of the panel as a researcher meets them."""
    request = RequestFactory().get("/admin/")
    request.user = add_member(make_project(), "researcher")
    plain = (ImportForm, PrincipleForm, ExtractionForm, TokenForm)
    later = (FreezeForm, RoundForm, RoutingForm)
    return [
        ImageForm(),
        JudgeForm(request=request, judge=None),
        *(kind(request=request) for kind in (*plain, *later)),
        *(CurationForm(request=request, kind=kind) for kind in KINDS),
        *(LaunchForm(request=request, preset=preset) for preset in launchable()),
    ]


def test_every_setting_says_what_it_does() -> None:
    forms = every_form()
    silent = {
        f"{type(form).__name__}.{name}"
        for form in forms
        for name, field in form.fields.items()
        if not str(field.help_text).strip()
    }
    assert len(forms) > len(KINDS) + 100
    assert silent == set()


def test_help_says_what_a_setting_is_where_nobody_sets_it() -> None:
    assert told("How strong.", 0.05) == "How strong. Default: 0.05."
    assert told("At all.", False) == "At all. Default: off."
    assert told("At most.", None) == "At most."
    assert (label_of("kl_coef"), label_of("ppo_epochs")) == ("KL coef", "PPO epochs")


def test_a_box_is_tied_to_the_help_that_is_drawn_for_it() -> None:
    _, client = world()
    for name in ("annotation_judge_add", "annotation_import_add"):
        text = shown(client, name)
        for box in ("project", "image-alt") if "import" in name else ("members",):
            assert f'aria-describedby="help_{box}"' in text
            assert f'id="help_{box}"' in text
            assert f'<label for="id_{box}">' in text


def test_an_empty_list_says_what_it_waits_for() -> None:
    _, client = world()
    pages = [page for page in admin.site._registry.values() if isinstance(page, Starts)]
    assert len(pages) >= 9
    for page in pages:
        meta = page.opts
        name = f"{meta.app_label}_{meta.model_name}_changelist"
        text = shown(client, name)
        assert page.empty in text.replace("&#x27;", "'"), name
        assert page.adding in text, name
    state = shown(client, "training_round_changelist", state__exact="done")
    assert "Nothing here fits" in state


def test_a_page_is_headed_as_the_menu_names_it() -> None:
    project, client = world()
    round_ = Round.objects.create(project=project, number=1)
    for name, args, title in (
        ("training_round_change", [round_.pk], "Rounds"),
        ("training_curationjob_add", [], "Curation"),
        ("training_routingplan_changelist", [], "Who answers"),
    ):
        head = shown(client, name, *args).split("<main")[0].split("</aside>")[-1]
        for word in ("Next round", title):
            assert head.count(word) >= 2, (name, word)  # the menu and the heading


def test_curation_links_what_its_settings_name_and_says_what_is_missing() -> None:
    project, client = world()
    text = shown(client, "training_curationjob_add", kind="iterate")
    assert "There is no reward model yet" in text and "There is no judge yet" in text
    judge = Judge.objects.create(project=project, name="careful", backend="endpoint")
    again = shown(client, "training_curationjob_add", kind="iterate")
    assert "There is no judge yet" not in again
    snapshot = Snapshot.objects.create(project=project, name="batch", state="ready")
    job = CurationJob.objects.create(
        project=project,
        kind="votes",
        settings={"snapshot": str(snapshot.pk), "judge": judge.pk, "models": 4},
    )
    page = shown(client, "training_curationjob_change", job.pk)
    for thing, words in ((snapshot, "batch"), (judge, "careful")):
        meta = thing._meta
        link = reverse(
            f"admin:{meta.app_label}_{meta.model_name}_change", args=[thing.pk]
        )
        assert f'href="{link}">{words}</a>' in page
