"""The library by HTTP and in the panel: searched, decided on, never told too much."""

from typing import Any

import pytest
from django.test import Client

from annotation.models import Extraction, LibraryPrinciple, Mention, Project
from annotation.services.principles.deciding import decide
from annotation.services.principles.library import principle_key, write_principle
from tests.annotation.principles.world import critiques, make_world
from tests.factories import add_member, sign_in

pytestmark = pytest.mark.django_db
API = "/api/v1/projects/toy/principles"
PANEL = "/admin/annotation"


@pytest.fixture
def project() -> Project:
    return make_world()


@pytest.fixture
def proposed(project: Project) -> LibraryPrinciple:
    """A principle that two people's critiques speak of."""
    critiques(project, ann="No sources.", ben="Sources are missing.")
    row = LibraryPrinciple.objects.create(
        project=project,
        text="Cites sources for its claims.",
        key=principle_key("Cites sources for its claims."),
        origin="extracted",
    )
    extraction = Extraction.objects.create(project=project, state="done")
    for number, feedback in enumerate(project_feedback(project)):
        Mention.objects.create(
            principle=row,
            extraction=extraction,
            feedback=feedback,
            judgment=0,
            completion_id=feedback.judgments[0]["completion"],
            verdict="no",
            wording=row.text,
            quote=feedback.judgments[0]["content"],
            similarity=1.0,
            key=str(number) * 64,
        )
    return row


def project_feedback(project: Project) -> list[Any]:
    from annotation.models import Feedback

    return list(Feedback.objects.filter(project=project).order_by("pk"))


def client_of(project: Project, role: str) -> Client:
    return sign_in(add_member(project, role))


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, body, content_type="application/json")


def test_a_reviewer_finds_reads_and_decides(
    project: Project, proposed: LibraryPrinciple
) -> None:
    client = client_of(project, "reviewer")
    (row,) = client.get(API, {"q": "SOURCES cites"}).json()
    assert row == {
        "id": proposed.pk,
        "text": proposed.text,
        "origin": "extracted",
        "state": "proposed",
        "said": 2,
        "people": 2,
    }
    assert client.get(API, {"q": "sources brevity"}).json() == []
    assert client.get(API, {"state": "approved"}).json() == []
    quotes = [
        each["quote"] for each in client.get(f"{API}/{proposed.pk}").json()["mentions"]
    ]
    assert sorted(quotes) == ["No sources.", "Sources are missing."]
    decided = post(client, f"{API}/{proposed.pk}/decision", {"decision": "approve"})
    assert decided.json()["state"] == "approved"
    again = post(client, f"{API}/{proposed.pk}/decision", {"decision": "reject"})
    assert again.status_code == 409
    assert len(project_feedback(project)) == 3


def test_annotators_get_approved_ones_and_nobodys_words(
    project: Project, proposed: LibraryPrinciple
) -> None:
    annotator = client_of(project, "annotator")
    assert annotator.get(API).json() == []
    assert annotator.get(API, {"state": "proposed"}).json() == []
    decide(principle=proposed, state="approved", user=add_member(project, "owner"))
    (row,) = annotator.get(API, {"q": "sources"}).json()
    assert (row["said"], row["people"]) == (None, None)
    assert annotator.get(f"{API}/{proposed.pk}").status_code == 403


def test_a_researcher_writes_one_and_is_told_of_its_likes(project: Project) -> None:
    client = client_of(project, "researcher")
    first = post(client, API, {"text": "Cites sources for its claims."})
    assert first.status_code == 201 and first.json()["near"] == []
    second = post(client, API, {"text": "Cites sources for all its claims."})
    assert [each["text"] for each in second.json()["near"]] == [first.json()["text"]]
    assert (
        post(client, API, {"text": "cites sources for its claims"}).status_code == 409
    )


def test_an_extraction_is_queued_once(
    project: Project, django_capture_on_commit_callbacks: Any
) -> None:
    client = client_of(project, "researcher")
    with django_capture_on_commit_callbacks() as sent:
        queued = post(client, f"{API}/extractions", {"thresholds": {"consensus": 0.5}})
    assert queued.status_code == 202 and len(sent) == 1
    assert queued.json()["thresholds"]["consensus"] == 0.5
    assert post(client, f"{API}/extractions", {}).status_code == 409
    bad = post(client, f"{API}/extractions", {"thresholds": {"consensus": 7}})
    assert bad.status_code == 422
    assert bad.json()["fields"][0]["path"] == "thresholds.consensus"
    (row,) = client.get(f"{API}/extractions").json()
    assert (row["id"], row["state"]) == (queued.json()["id"], "running")


def test_the_panel_lists_searches_and_decides(
    project: Project, proposed: LibraryPrinciple
) -> None:
    client = client_of(project, "researcher")
    owner = add_member(project, "owner")
    write_principle(project=project, text="Is brief.", user=owner)
    listed = client.get(f"{PANEL}/libraryprinciple/", {"q": "sources"})
    text = listed.content.decode()
    assert "Cites sources for its claims." in text and "Is brief." not in text
    page = f"{PANEL}/libraryprinciple/{proposed.pk}"
    shown = client.get(f"{page}/change/").content.decode()
    for said in ("Sources are missing.", "Approve", "Reject"):
        assert said in shown
    done = client.post(f"{page}/decide/", {"decision": "approved"}, follow=True)
    assert "It is approved now." in done.content.decode()
    assert "Withdraw" in done.content.decode()
    again = client.post(f"{page}/decide/", {"decision": "rejected"}, follow=True)
    assert "cannot become rejected" in again.content.decode()


def test_the_panel_begins_a_reading_and_takes_a_principle(project: Project) -> None:
    client = client_of(project, "researcher")
    form = {
        "project": project.pk,
        "quote_ratio": 70,
        "agree_similarity": 0.7,
        "consensus": 2,
        "min_annotators": 1,
        "merge_similarity": 0.9,
    }
    refused = client.post(f"{PANEL}/extraction/add/", form)
    errors = refused.context["form"].errors
    assert errors["consensus"] == ["Should be 1.0 or less; found 2.0."]
    begun = client.post(
        f"{PANEL}/extraction/add/", form | {"consensus": 1}, follow=True
    )
    assert "this page looks again by itself" in begun.content.decode()
    reading = project.extractions.get()
    assert reading.thresholds["quote_ratio"] == 70
    assert "Read again" not in begun.content.decode()
    project.extractions.update(state="failed", problem="Nobody answered.")
    failed = client.get(f"{PANEL}/extraction/{reading.pk}/change/").content.decode()
    assert "Nobody answered." in failed and "quote ratio" in failed
    assert f"extraction/add/?project={project.pk}" in failed
    assert "Decide on what was found" not in failed
    written = client.post(
        f"{PANEL}/libraryprinciple/add/",
        {"project": project.pk, "text": "Is <b>brief</b>."},
        follow=True,
    )
    assert "Is &lt;b&gt;brief&lt;/b&gt;." in written.content.decode()
