"""`manage.py doctor` finds what is wrong and says what to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from django.db import connection

from config import doctor
from config.doctor import Finding, examine
from tests.factories import make_project, make_tasks
from training.services import health

ROOT = Path(__file__).resolve().parents[2]
Usage = namedtuple("Usage", "total used free")


def look(what: str) -> Finding:
    return next(f for f in examine() if f.what == what)


@pytest.mark.django_db
def test_a_sound_house_has_no_failures() -> None:
    health.announce(list(health.QUEUES), "somebody@here")
    found = {f.what: f for f in examine()}
    for what in ("disk", "PostgreSQL", "migrations", "Valkey", "counters", "learning"):
        assert found[what].verdict == "ok", found[what]
    assert "somebody@here" in found["queue gpu"].found


@pytest.mark.django_db
def test_a_queue_without_a_worker_is_named() -> None:
    health.depart(list(health.QUEUES), "somebody@here")
    finding = look("queue judge")
    assert finding.verdict == "warning"
    assert "config.run worker judge" in finding.fix


@pytest.mark.django_db
def test_counters_that_differ_from_the_rows_are_found() -> None:
    make_tasks(make_project(), count=3)
    assert look("counters").verdict == "ok"
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE annotation_task SET counted = 1"
            " WHERE id = (SELECT min(id) FROM annotation_task)"
        )
    finding = look("counters")
    assert finding.verdict == "failure"
    assert finding.found.startswith("1 tasks")


@pytest.mark.parametrize(
    ("free", "verdict"), [(50 * 2**30, "ok"), (2**30, "warning"), (2**20, "failure")]
)
@pytest.mark.django_db
def test_a_disk_that_fills_up_is_said_early(
    monkeypatch: pytest.MonkeyPatch, free: int, verdict: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(free * 2, free, free))
    assert look("disk").verdict == verdict


@pytest.mark.django_db
def test_a_look_that_breaks_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        raise RuntimeError("boom")

    looks = (("broken", broken, False), *doctor.LOOKS)
    monkeypatch.setattr(doctor, "LOOKS", looks)
    found = list(examine())
    assert found[0].verdict == "failure"
    assert "boom" in found[0].found
    assert len(found) > 5


def test_dead_servers_are_two_findings_and_exit_1(tmp_path: Path) -> None:
    dead = {
        "DATABASE_URL": "postgresql://hone@127.0.0.1:1/hone",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "HONE_VAR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        cwd=ROOT,
        env={**os.environ, **dead},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, bool(done.stdout)) == (1, True), done.stderr
    failed = {f["what"]: f for f in json.loads(done.stdout) if f["verdict"] != "ok"}
    for what, variable in (("PostgreSQL", "DATABASE_URL"), ("Valkey", "REDIS_URL")):
        assert failed[what]["verdict"] == "failure"
        assert variable in failed[what]["fix"]


def test_a_command_without_its_servers_ends_with_a_sentence(tmp_path: Path) -> None:
    environment = {
        k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}
    }
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**environment, "HONE_VAR": str(tmp_path / "file" / "var")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "expected:" in done.stderr
    assert "Traceback" not in done.stderr
