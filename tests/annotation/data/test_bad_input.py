"""Bad input: every bad row says where and why, and takes nothing else with it."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from annotation.errors import InvalidInput
from annotation.models import Actor, Feedback, Import, Project, Prompt, Task
from annotation.services.importing import ImportOptions, import_file
from annotation.services.projects import create_project
from tests.annotation.data.files import gzipped, jsonl, label, pair, parquet

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return create_project(slug="toy")


def run(project: Project, path: Path, **options: Any) -> Import:
    return import_file(project=project, path=path, options=ImportOptions(**options))


CHAT = [{"role": "user", "content": "Hi"}]
BAD_ROWS: dict[str, tuple[Any, str, str]] = {
    "half a line": ('{"prompt": "x", ', "", "JSON"),
    "not an object": ("[1, 2]", "", "one object a line"),
    "a number that is none": ('{"prompt": NaN}', "", "NaN"),
    "another encoding": (b'{"prompt": "caf\xe9"}', "", "UTF-8 (byte 16 is not)"),
    "nothing known": ({"question": "x"}, "", "prompt, a, b"),
    "a side missing": (pair(9, b=None), "b", "a and b together"),
    "no prompt": (pair(9, prompt=None), "prompt", "a value"),
    "an empty chat": (pair(9, prompt=[]), "prompt", "at least one message"),
    "an unknown role": (
        pair(9, prompt=[{"role": "robot", "content": "x"}]),
        "prompt[0].role",
        "system, user",
    ),
    "a message without content": (
        pair(9, prompt=[{"role": "user"}]),
        "prompt[0]",
        "role and content",
    ),
    "a content that is no text": (
        pair(9, prompt=[{"role": "user", "content": 7}]),
        "prompt[0].content",
        "a text",
    ),
    "a side without text": (pair(9, a={"model": "m"}), "a", "text or messages"),
    "an empty side": (pair(9, a={"text": "  "}), "a.text", "not empty"),
    "equal sides": (pair(9, b=pair(9)["a"]), "b", "completions that differ"),
    "an unknown choice": (
        pair(9, labels=[label("ann", "c")]),
        "labels[0].choice",
        "one of a, b, tie",
    ),
    "an unknown kind": (
        pair(9, labels=[label("ann", "a", kind="alien")]),
        "labels[0].kind",
        "one of human",
    ),
    "a strength for a tie": (
        pair(9, labels=[label("ann", "tie", strength=2)]),
        "labels[0].strength",
        "none with tie",
    ),
    "labels that are no list": (pair(9, labels={"ann": "a"}), "labels", "a list"),
    "an unknown split": (pair(9, split="holdout"), "split", "train, validation"),
    "a NUL character": (pair(9, a={"text": "x\x00y"}), "a.text", "NUL"),
    "half a surrogate": (pair(9, a={"text": "x\ud800"}), "a.text", "surrogate"),
    "a 10 MB field": (pair(9, a={"text": "x" * 10_000_000}), "a.text", "1 MiB"),
    "a name that is too long": (pair(9, source="s" * 300), "source", "200 characters"),
    "details nested 900 deep": (
        json.dumps(pair(9, tags="DEEP")).replace('"DEEP"', "[" * 900 + "]" * 900),
        "",
        "nested less deeply",
    ),
    "a number out of range": (
        json.dumps(pair(9, tags="HUGE")).replace('"HUGE"', "1e400"),
        "tags",
        "a JSON value",
    ),
    "NUL in the details": (pair(9, tags={"k": "\x00"}), "tags.k", "NUL"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_named_and_the_rest_goes_in(
    project: Project, tmp_path: Path, name: str
) -> None:
    bad, field, expected = BAD_ROWS[name]
    row = run(project, jsonl(tmp_path / "x.jsonl", [pair(1), bad, pair(2)]))
    assert row.state == Import.State.DONE
    assert (row.counts["rows"], row.counts["bad_rows"]) == (3, 1)
    (problem,) = row.errors
    assert problem["line"] == 2
    assert problem["field"] == field
    assert expected in problem["expected"]
    assert len(problem["value"]) < 400
    assert set(Prompt.objects.values_list("external_id", flat=True)) == {
        "toy:1",
        "toy:2",
    }
    assert Feedback.objects.count() == 6


@pytest.mark.parametrize("name", ["half a line", "a NUL character", "equal sides"])
def test_under_strict_nothing_goes_in(
    project: Project, tmp_path: Path, name: str
) -> None:
    bad = BAD_ROWS[name][0]
    rows = [*(pair(n) for n in range(700)), bad]
    row = run(project, jsonl(tmp_path / "x.jsonl", rows), strict=True)
    assert row.state == Import.State.FAILED
    assert row.errors[0]["line"] == 701
    assert row.counts["answers"] == row.counts["prompts"] == 0
    for table in (Prompt, Task, Actor, Feedback):
        assert not table.objects.exists()


def test_all_bad_rows_are_counted_and_the_first_hundred_kept(
    project: Project, tmp_path: Path
) -> None:
    row = run(project, jsonl(tmp_path / "x.jsonl", ["{"] * 250 + [pair(1)]))
    assert row.counts["bad_rows"] == 250
    assert len(row.errors) == 100
    assert Feedback.objects.count() == 3


def test_a_truncated_gzip_keeps_what_came_before(
    project: Project, tmp_path: Path
) -> None:
    path = gzipped(tmp_path / "x.jsonl.gz", [pair(n) for n in range(3000)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    row = run(project, path)
    assert row.counts["bad_rows"] == 1
    assert row.errors[0]["expected"] == "a whole gzip file"
    kept = Prompt.objects.count()
    assert 100 < kept < 3000
    assert Feedback.objects.count() == 3 * kept


def test_a_damaged_gzip_is_told(project: Project, tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b'{"prompt": "x"}\n' * 10_000))
    whole[20:24] = b"\xff\xff\xff\xff"
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(whole)
    row = run(project, path)
    assert row.errors[0]["expected"] == "a whole gzip file"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.parquet", b"this is no parquet file", "PAR1"),
        ("x.parquet", b"PAR1 and then nothing of the kind", "a whole Parquet file"),
        ("x.jsonl", b"", "JSON Lines"),
        ("x.jsonl", '{"prompt": "x"}'.encode("utf-16"), "UTF-8"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_an_error(
    project: Project, tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        run(project, path)
    assert expected in str(caught.value)
    assert caught.value.fix
    row = Import.objects.get()
    assert row.state == Import.State.FAILED
    assert row.errors


def test_a_missing_file_is_an_error(project: Project, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be opened"):
        run(project, tmp_path / "nowhere.jsonl")


def test_a_parquet_file_with_bad_rows_names_them(
    project: Project, tmp_path: Path
) -> None:
    rows = [{"prompt": "a", "chosen": "x", "rejected": r} for r in ("y", "x", "z")]
    row = run(project, parquet(tmp_path / "x.parquet", rows))
    assert (row.counts["rows"], row.counts["bad_rows"]) == (3, 1)
    assert (row.errors[0]["line"], row.errors[0]["field"]) == (2, "rejected")


def test_a_row_the_database_alone_refuses_is_blamed_alone(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotation.services.importing import checks

    monkeypatch.setattr(checks, "text", lambda value, path, **_: value)  # no guard
    bad = pair(9, a={"text": "x\x00y"})
    row = run(project, jsonl(tmp_path / "x.jsonl", [pair(1), bad, pair(2)]))
    assert (row.counts["bad_rows"], row.errors[0]["line"]) == (1, 2)
    assert "accepts" in row.errors[0]["expected"]
    assert Feedback.objects.count() == 6


@pytest.mark.parametrize(
    ("rows", "strict", "code"),
    [
        ([pair(1)], False, None),
        ([pair(1), "{"], False, 1),
        ([pair(1), "{"], True, 1),
        (["{", "{"], False, 2),
    ],
)
def test_the_command_says_by_its_exit_code_what_became_of_it(
    project: Project, tmp_path: Path, rows: list[Any], strict: bool, code: int | None
) -> None:
    path = jsonl(tmp_path / "x.jsonl", rows)
    out, err = io.StringIO(), io.StringIO()
    given = [str(path), "--project", "toy", *(["--strict"] if strict else [])]
    if code is None:
        call_command("import", *given, stdout=out, stderr=err)
    else:
        with pytest.raises(SystemExit) as left:
            call_command("import", *given, stdout=out, stderr=err)
        assert left.value.code == code
        assert "bad row: line" in err.getvalue()
    assert Feedback.objects.count() == (3 if code in (None, 1) and not strict else 0)


def test_the_command_tells_of_a_project_that_is_none(tmp_path: Path) -> None:
    err = io.StringIO()
    path = jsonl(tmp_path / "x.jsonl", [pair(1)])
    with pytest.raises(SystemExit) as left:
        call_command("import", str(path), "--project", "nope", stderr=err)
    assert left.value.code == 2
    assert "create_project nope" in err.getvalue()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("strict", [False, True])
def test_an_import_that_is_killed_can_be_repeated(
    tmp_path: Path, hone_environment: dict[str, str], strict: bool
) -> None:
    import signal
    import subprocess
    import sys
    import time

    project = create_project(slug="killed")
    path = jsonl(tmp_path / "x.jsonl", (pair(number) for number in range(6000)))
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "manage.py", "import", "--project", "killed", str(path)]
    process = subprocess.Popen(
        command + (["--strict"] if strict else []),
        cwd=root,
        env=hone_environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # The first chunk is in; under strict nothing is to be seen before the end.
    deadline = time.monotonic() + 120
    while not Import.objects.exists() or not (strict or Feedback.objects.exists()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    kept = Feedback.objects.count()
    assert kept < 18_000
    assert kept == 0 if strict else kept % 1500 == 0 and kept > 0
    path = jsonl(path, (pair(number) for number in range(1200)))
    row = run(project, path, strict=strict)
    assert row.counts["known_answers"] == min(kept, 3600)
    assert Feedback.objects.count() == max(kept, 3600)
    assert Task.objects.count() == max(kept, 3600) // 3
