"""Images are kept by their content and known by their first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput, NotFound
from annotation.services.media import image_of, keep_image
from annotation.services.projects import publish_protocol
from tests.factories import add_member, make_project, sign_in

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 10


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA = tmp_path / "media"
    settings.MEDIA_MAX_BYTES = 1000
    return tmp_path / "media"


def test_an_image_is_kept_once_under_its_content(media: Path) -> None:
    project = make_project()
    first = keep_image(project=project, pieces=[PNG[:3], PNG[3:]])
    again = keep_image(project=project, pieces=[PNG])
    assert first == again
    assert [p.name for p in media.rglob("*") if p.is_file()] == [f"{first.sha256}.png"]
    found = image_of(project=project, sha256=first.sha256)
    assert (found.type, found.path.read_bytes()) == ("image/png", PNG)


def test_another_project_has_none_of_it(media: Path) -> None:
    image = keep_image(project=make_project(), pieces=[PNG])
    for name in (image.sha256, "../" + image.sha256, image.sha256 + ".png", ""):
        with pytest.raises(NotFound):
            image_of(project=make_project(), sha256=name)


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg onload='alert(1)'/>", b"<html>", b"GIF8", b"RIFF....WAVE", PNG * 99],
)
def test_what_is_no_image_or_too_large_leaves_nothing(
    content: bytes, media: Path
) -> None:
    with pytest.raises(InvalidInput):
        keep_image(project=make_project(), pieces=iter([content]))
    assert [p for p in media.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(("preset", "status"), [("hh", 201), ("thumbs", 403)])
def test_annotators_bring_images_where_they_write_the_prompts(
    preset: str, status: int
) -> None:
    project = make_project()
    publish_protocol(project=project, preset=preset)
    sent = sign_in(add_member(project, "annotator")).post(
        f"/api/v1/projects/{project.slug}/media",
        PNG,
        content_type="application/octet-stream",
    )
    assert sent.status_code == status, sent.content
