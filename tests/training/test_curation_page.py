"""Curation in the panel: started there, done by a worker, read there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.errors import InvalidInput
from annotation.models import Task
from tests.factories import add_member, sign_in
from tests.factories import make_project as make_other
from tests.training.test_curation_verified import artifacts_of_this_test, project
from training.models import CurationJob
from training.services import curation_jobs, upkeep
from training.services.curation_jobs import create_job
from training.services.freezing import create_snapshot, freeze
from workers.curation import jobs

__all__ = ["artifacts_of_this_test", "project"]
pytestmark = pytest.mark.django_db
ADD = "admin:training_curationjob_add"


@pytest.fixture
def client(project: Any) -> Client:
    return sign_in(add_member(project, "researcher"))


def page_of(client: Client, job: CurationJob) -> str:
    address = reverse("admin:training_curationjob_change", args=[job.pk])
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_pool_is_set_apart_from_the_panel(project: Any, client: Client) -> None:
    choice = client.get(reverse(ADD)).content.decode()
    assert "could be verified" in choice and "Choose recycle" in choice
    address = f"{reverse(ADD)}?kind=verify"
    wrong = client.post(address, {"project": project.pk, "share": "3"})
    assert "or less" in wrong.content.decode()
    started = client.post(address, {"project": project.pk, "share": "0.2"})
    assert started.status_code == 302
    job = CurationJob.objects.get()
    assert (job.state, job.settings["share"]) == ("queued", 0.2)
    assert job.created_by is not None
    assert "A worker of the queue judge does it." in page_of(client, job)
    # A message that was lost is made up for, and one that comes twice does nothing.
    assert curation_jobs.waiting() == [job.pk]
    jobs.run(job.pk)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result["verified"]) == ("done", 8)
    assert Task.objects.filter(project=project, verified_pool=True).count() == 8
    assert curation_jobs.waiting() == []
    assert "What it found" in page_of(client, job)
    upkeep.keep_up()


def test_votes_show_bands_and_who_is_asked_again(project: Any, client: Client) -> None:
    snapshot = freeze(create_snapshot(project=project, name="all").pk)
    # Nobody waits for these any more, so asking again means something.
    Task.objects.filter(project=project).update(state="closed")
    form = client.get(f"{reverse(ADD)}?kind=votes").content.decode()
    assert str(snapshot.pk) in form and "turns suspected labels round" in form
    told = {"snapshot": str(snapshot.pk), "models": 2, "ask_again": 3}
    job = create_job(project=project, kind="votes", settings=told)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "done", job.error
    assert sum(job.result["bands"].values()) == snapshot.rows
    text = page_of(client, job)
    assert "The most doubted labels" in text
    asked = job.result["asked_again"]
    assert asked == 3 and text.count("waits for a person") >= 3
    assert job.result["snapshot"] in text


def test_a_job_that_cannot_be_done_says_why(project: Any, client: Client) -> None:
    snapshot = freeze(create_snapshot(project=project, name="all").pk)
    told = {"snapshot": str(snapshot.pk)}
    job = create_job(project=project, kind="recycle", settings=told)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "failed" and job.error is not None
    assert "nothing to hold the labels against" in page_of(client, job)
    with pytest.raises(InvalidInput) as refused:
        create_job(project=make_other("other"), kind="votes", settings=told)
    assert refused.value.fields[0]["path"] == "snapshot"
