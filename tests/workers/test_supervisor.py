"""The supervisor's edges, with a stand-in for the engine that takes no time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from tests.training.factories import make_project, make_snapshot, tiny_encoder
from tests.workers.conftest import eventually
from training.models import ModelVersion, RunEvent, TrainingRun
from training.services import artifacts, launching, runs
from workers import launchers, supervisor
from workers.processes import group_runs
from workers.supervisor import Supervisor

pytestmark = pytest.mark.django_db(transaction=True)
FAKE = Path(__file__).with_name("fake_engine.py")
Play = Callable[[str], None]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, settings: Settings, hone_var: Path) -> Play:
    """Choose how the stand-in behaves."""
    settings.RUN_GRACE_SECONDS = 1

    def choose(mode: str) -> None:
        def fake(arguments: object) -> list[str]:
            return [sys.executable, str(FAKE), mode, *arguments]  # type: ignore[misc]

        monkeypatch.setitem(launchers.LAUNCHERS, "local", fake)

    return choose


@pytest.fixture
def run(hone_var: Path, broker: object) -> TrainingRun:
    project = make_project()
    return launching.launch(
        project=project,
        kind="reward",
        model=tiny_encoder(),
        snapshot=make_snapshot(project),
    )


def claimed(run: TrainingRun, worker: str = "one") -> TrainingRun:
    taken = runs.claim(run.pk, worker=worker)
    assert taken is not None
    return taken


def in_background(run: TrainingRun, **options: Callable[[], bool]) -> threading.Thread:
    def work() -> None:
        try:
            Supervisor(run, **options).supervise()
        finally:
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def engine_of(run: TrainingRun) -> int:
    """Return the engine's process group, once it has begun to speak."""
    eventually(
        lambda: RunEvent.objects.filter(run=run, seq__gte=3).exists(), seconds=20
    )
    run.refresh_from_db()
    return int(run.environment["pid"])


def test_cancel_ends_the_whole_group_even_if_it_will_not(
    run: TrainingRun, play: Play
) -> None:
    play("stubborn")
    thread = in_background(claimed(run))
    group = engine_of(run)
    child = int((artifacts.attempt_dir(run.pk, 1) / "child").read_text())
    runs.request_cancel(run)
    thread.join(20)
    run.refresh_from_db()
    assert (run.state, run.error) == ("cancelled", None)
    assert run.finished_at is not None
    assert not group_runs(group)
    assert not Path(f"/proc/{child}/cmdline").exists() or not (
        Path(f"/proc/{child}/cmdline").read_bytes()
    )
    assert not ModelVersion.objects.filter(run=run).exists()


def test_an_attempt_that_was_given_up_writes_nothing_more(
    run: TrainingRun, play: Play, settings: Settings
) -> None:
    play("train")
    stale = claimed(run)
    thread = in_background(stale)
    group = engine_of(run)
    # Its heartbeat is lost on the way; the reaper gives the run to somebody else.
    settings.RUN_SILENT_SECONDS = 0
    assert runs.reap_silent() == [run.pk]
    fresh = claimed(run, "two")
    assert fresh.attempt == 2
    thread.join(20)
    assert not thread.is_alive()
    assert not group_runs(group)
    run.refresh_from_db()
    assert (run.state, run.attempt, run.worker) == ("running", 2, "two")
    assert runs.heartbeat(stale) is None
    assert not runs.end(stale, "succeeded")
    assert runs.heartbeat(fresh) is not None


def test_a_worker_that_is_told_to_stop_hands_its_run_on(
    run: TrainingRun, play: Play
) -> None:
    play("train")
    stop = threading.Event()
    thread = in_background(claimed(run), stop=stop.is_set)
    engine_of(run)
    stop.set()
    thread.join(20)
    run.refresh_from_db()
    assert run.state == "preempted"
    again = claimed(run, "two")
    # An orderly stop is no crash: all the tries are left.
    assert again.attempt - again.retried_from == 1


@pytest.mark.parametrize(
    ("mine", "theirs", "state"), [(-1, 0, "preempted"), (-1, -1, "running")]
)
def test_a_background_run_gives_way_to_one_that_people_wait_for(
    run: TrainingRun,
    play: Play,
    monkeypatch: pytest.MonkeyPatch,
    mine: int,
    theirs: int,
    state: str,
) -> None:
    monkeypatch.setattr(runs, "GIVE_WAY_SECONDS", 0.5)
    play("train")
    TrainingRun.objects.filter(pk=run.pk).update(priority=mine)
    stop = threading.Event()
    thread = in_background(claimed(run), stop=stop.is_set)
    engine_of(run)
    urgent = launching.launch(
        project=run.project,
        kind="reward",
        model=run.model,
        snapshot=run.snapshot,
        priority=theirs,
    )
    thread.join(20 if state == "preempted" else 4)
    run.refresh_from_db()
    assert run.state == state
    if state == "preempted":
        first = runs.claim_next(worker="one")
        assert first is not None and first.pk == urgent.pk
    stop.set()
    thread.join(20)


def test_a_database_that_drops_its_connections_costs_nothing(
    run: TrainingRun, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "DATABASE_RETRY_SECONDS", 0.1)
    play("slow")
    thread = in_background(claimed(run))
    engine_of(run)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        (dropped,) = cursor.fetchone()
    assert dropped
    thread.join(30)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("succeeded", 1)
    seen = list(RunEvent.objects.filter(run=run).values_list("seq", flat=True))
    assert seen == list(range(1, 41)), "an event was lost or came twice"


def test_a_crash_is_tried_again_and_then_told(
    run: TrainingRun, play: Play, settings: Settings
) -> None:
    play("crash")
    settings.RUN_MAX_ATTEMPTS = 2
    Supervisor(claimed(run)).supervise()
    run.refresh_from_db()
    assert run.state == "queued"
    Supervisor(claimed(run)).supervise()
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("failed", 2)
    assert run.error is not None
    assert "signal 9" in run.error["found"]
    assert "tried 2 times" in run.error["fix"]
    assert "about to fall over" in run.log_tail
    # A person's retry begins with all tries again.
    play("done")
    runs.retry(run)
    Supervisor(claimed(run)).supervise()
    run.refresh_from_db()
    assert (run.state, run.attempt, run.error) == ("succeeded", 3, None)
    assert ModelVersion.objects.get(run=run).source.endswith("attempts/3/model")


def test_what_a_dead_worker_had_finished_is_taken_over(
    run: TrainingRun, play: Play
) -> None:
    play("done")
    first = Supervisor(claimed(run))
    first._finish = lambda status: None  # type: ignore[method-assign]  # dies here
    first.supervise()
    TrainingRun.objects.filter(pk=run.pk).update(state="queued")
    play("crash")  # it would fail, if it were run again
    Supervisor(claimed(run)).supervise()
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("succeeded", 2)
    assert ModelVersion.objects.get(run=run).source.endswith("attempts/1/model")


def test_a_run_that_waits_is_cancelled_at_once(run: TrainingRun) -> None:
    runs.request_cancel(run)
    assert run.state == "cancelled"
    assert runs.claim(run.pk, worker="one") is None


def test_files_that_are_gone_are_named(run: TrainingRun, play: Play) -> None:
    play("done")
    assert run.snapshot is not None
    for file in artifacts.snapshot_dir(run.snapshot.pk).iterdir():
        file.unlink()
    Supervisor(claimed(run)).supervise()
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.error is not None
    assert "no rows on disk" in run.error["message"]
    assert "Freeze a new snapshot" in run.error["fix"]


def test_a_directory_that_cannot_be_written_is_named(
    run: TrainingRun, play: Play
) -> None:
    play("done")
    artifacts.run_dir(run.pk).parent.mkdir(parents=True)
    artifacts.run_dir(run.pk).write_text("a file is in the way")
    Supervisor(claimed(run)).supervise()
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.error is not None
    assert "cannot be written" in run.error["message"]


def test_the_engine_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://hone:hush@db/hone")
    monkeypatch.setenv("HONE_SECRET_KEY", "hush")
    environment = launchers.environment()
    assert "hush" not in " ".join(environment.values())
    assert environment["HF_HUB_OFFLINE"] == "1"
