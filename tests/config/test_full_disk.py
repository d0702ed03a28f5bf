"""A disk that is full: a clear error, and nothing that was accepted is lost."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.services import ServiceError, ensure_services, stop_services


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of as many megabytes as the test asks for."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={request.param}m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield folder
    stop_services(folder / "var")
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("small_disk", [20], indirect=True)
def test_a_first_start_without_room_says_so_and_leaves_nothing_half_made(
    small_disk: Path,
) -> None:
    with pytest.raises(ServiceError, match="No space left") as refusal:
        ensure_services(small_disk / "var")
    assert "free some disk space" in refusal.value.fix
    assert not (small_disk / "var" / "pg").exists()


@pytest.mark.parametrize("small_disk", [110], indirect=True)
def test_rows_accepted_before_the_disk_was_full_are_there_after_it(
    small_disk: Path,
) -> None:
    var = small_disk / "var"
    urls = ensure_services(var)
    accepted = 0
    link = psycopg.connect(urls.database_url, autocommit=True)
    link.execute("CREATE TABLE said (id int PRIMARY KEY, text text)")
    filler = small_disk / "filler"
    with pytest.raises(psycopg.Error), open(filler, "wb") as file:
        for _ in range(1000):
            with contextlib.suppress(OSError):
                file.write(b"x" * 2**20)
                file.flush()
            link.execute(
                "INSERT INTO said VALUES (%s, repeat(md5(%s::text), 20000))",
                (accepted, accepted),
            )
            accepted += 1
    link.close()
    assert accepted > 0

    filler.unlink()
    stop_services(var)
    with psycopg.connect(ensure_services(var).database_url) as link:
        row = link.execute("SELECT count(*), max(id) FROM said").fetchone()
    assert row is not None
    assert row[0] >= accepted
    assert row[1] >= accepted - 1
