"""Images are kept by their content, known by their first bytes, and of bounded size."""

from __future__ import annotations

import io
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput, NotFound, TooManyRequests
from annotation.services import media as service
from annotation.services.image_sizes import size_of
from annotation.services.media import drop_image, image_of, keep_image
from annotation.services.projects import publish_protocol
from tests.factories import add_member, make_project, sign_in
from tests.pictures import avif, gif, jpg, png, webp

pytestmark = pytest.mark.django_db
PNG = png()


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA = tmp_path / "media"
    settings.MEDIA_MAX_BYTES = 6000
    cache.clear()
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
    [
        b"",
        b"<svg onload='alert(1)'/>",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html>",
        b"GIF8",
        b"RIFF....WAVE",
        PNG + b" " * 6000,
    ],
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


FORMS: dict[str, Any] = {
    "png": png,
    "gif": gif,
    "jpg": jpg,
    "lossy webp": lambda w, h: webp(w, h, form="lossy"),
    "lossless webp": lambda w, h: webp(w, h, form="lossless"),
    "extended webp": lambda w, h: webp(w, h, form="extended"),
    "avif": lambda w, h: avif((1, 1), (w, h)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_small_file_of_very_many_pixels_is_refused(
    form: str, media: Path, settings: Settings
) -> None:
    settings.MEDIA_MAX_PIXELS = 1_000_000
    project = make_project()
    with pytest.raises(InvalidInput, match="too many pixels") as told:
        keep_image(project=project, pieces=[FORMS[form](12_000, 9_000)])
    assert told.value.found == "12,000 x 9,000"
    assert [p for p in media.rglob("*") if p.is_file()] == []
    assert keep_image(project=project, pieces=[FORMS[form](1_000, 1_000)])


@pytest.mark.parametrize("form", FORMS)
def test_a_header_that_is_not_whole_is_refused(form: str, media: Path) -> None:
    cut = FORMS[form](300, 200)[: 9 if form == "gif" else 20]
    with pytest.raises(InvalidInput, match="broken"):
        keep_image(project=make_project(), pieces=[cut])
    assert [p for p in media.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("form", ["png", "gif", "jpg"])
def test_a_picture_without_pixels_is_refused(form: str) -> None:
    with pytest.raises(InvalidInput, match="broken") as told:
        keep_image(project=make_project(), pieces=[FORMS[form](300, 0)])
    assert "300 x 0" in str(told.value.found)


def test_boxes_without_end_take_no_time(settings: Settings) -> None:
    settings.MEDIA_MAX_BYTES = 10**6
    began = time.process_time()
    with pytest.raises(InvalidInput, match="broken"):
        keep_image(project=make_project(), pieces=[avif(*[(1, 1)] * 20_000)])
    assert time.process_time() - began < 5


def nested(boxes: int) -> bytes:
    """Return AVIF boxes that hold each other."""
    held = b""
    for _ in range(boxes):
        held = struct.pack(">I", 12 + len(held)) + b"meta" + b"\0" * 4 + held
    return held


@pytest.mark.parametrize(
    ("kind", "start", "again", "times"),
    [
        ("jpg", b"\xff\xd8", b"\xff", 8 << 20),
        ("jpg", b"\xff\xd8", b"\xff\x01", 4 << 20),
        ("jpg", b"\xff\xd8", b"\xff\xe0\x00\x02", 2 << 20),
        ("avif", b"", nested(2000), 1),
    ],
    ids=["filling", "markers", "segments", "boxes"],
)
def test_no_header_takes_seconds_or_the_stack(
    kind: str, start: bytes, again: bytes, times: int
) -> None:
    """Nothing of a broken image is counted: it could be sent for ever."""
    content = start + again * times
    began = time.process_time()
    with pytest.raises(ValueError, match=r"segments|deep"):
        size_of(io.BytesIO(content), kind)
    assert time.process_time() - began < 0.5  # more than one, byte by byte


def test_a_picture_that_is_a_page_as_well_is_shown_as_a_picture_alone() -> None:
    """The type is ours, nothing is sniffed, and opened by itself it may do nothing."""
    project = make_project()
    client = sign_in(add_member(project, "researcher"))
    address = f"/api/v1/projects/{project.slug}/media"
    both = png(more=b"<script>alert(1)</script>")
    made = client.post(address, both, "text/html")
    assert made.status_code == 201 and made.json()["type"] == "image/png"
    got = client.get(f"{address}/{made.json()['sha256']}")
    assert got.headers["Content-Type"] == "image/png"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    policy = got.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy
    assert "script" not in policy
    # Kept by this browser for this person, and not for long.
    assert got.headers["Cache-Control"] == "private, max-age=86400"
    assert {"cookie", "authorization"} <= set(got.headers["Vary"].lower().split(", "))


def test_a_project_has_room_for_so_much(media: Path, settings: Settings) -> None:
    project, other = make_project(), make_project()
    settings.MEDIA_PROJECT_BYTES = len(PNG) + 10
    kept = keep_image(project=project, pieces=[PNG])
    assert keep_image(project=project, pieces=[PNG]) == kept  # takes no more room
    with pytest.raises(InvalidInput, match="no room") as told:
        keep_image(project=project, pieces=[png(3, 3)])
    assert "Delete" in str(told.value.fix)
    assert keep_image(project=other, pieces=[png(3, 3)])
    drop_image(project=project, sha256=kept.sha256)
    assert keep_image(project=project, pieces=[png(3, 3)])


def test_a_person_uploads_so_much_a_day(settings: Settings) -> None:
    settings.MEDIA_PERSON_BYTES_PER_DAY = 2 * len(PNG)
    project, other = make_project(), make_project()
    ana, ben = add_member(project, "researcher"), add_member(project, "researcher")
    keep_image(project=project, pieces=[png(2, 2)], user=ana)
    with pytest.raises(TooManyRequests, match="in a day") as told:
        keep_image(project=other, pieces=[png(9, 90)], user=ana)
    assert 0 < told.value.retry_after <= 86_400
    assert keep_image(project=project, pieces=[png(9, 90)], user=ben)


def test_only_its_project_deletes_an_image_and_then_it_is_gone(media: Path) -> None:
    project, other = make_project(), make_project()
    image = keep_image(project=project, pieces=[PNG])
    theirs = keep_image(project=other, pieces=[PNG])
    foreign = sign_in(add_member(other, "owner"))
    address = f"/api/v1/projects/{project.slug}/media/{image.sha256}"
    assert foreign.delete(address).status_code == 404
    annotator = sign_in(add_member(project, "annotator"))
    assert annotator.delete(address).status_code == 403
    researcher = sign_in(add_member(project, "researcher"))
    assert researcher.delete(address).status_code == 204
    assert researcher.delete(address).status_code == 404
    assert annotator.get(address).status_code == 404
    assert not image.path.exists() and theirs.path.exists()


def test_what_a_cut_off_upload_left_is_swept_away(media: Path) -> None:
    project = make_project()
    image = keep_image(project=project, pieces=[PNG])
    old, new = image.path.with_name(".old"), image.path.with_name(".new")
    for path in (old, new):
        path.write_bytes(b"half")
    long_ago = time.time() - service.UNFINISHED_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    keep_image(project=project, pieces=[png(3, 3)])
    assert not old.exists() and new.exists()
