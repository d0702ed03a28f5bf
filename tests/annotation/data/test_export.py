"""Exports: what TRL and `datasets` load, and feedback that comes back unchanged."""

import io
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from annotation.errors import InvalidInput, NotFound
from annotation.judgments import dump_judgments, parse_judgments
from annotation.models import (
    Assignment,
    Completion,
    Feedback,
    Project,
    Prompt,
    Task,
    TaskCompletion,
)
from annotation.projections.columns import from_json
from annotation.projections.pair_rows import PairRow
from annotation.projections.pairs import judgments_of
from annotation.projections.query import ViewQuery
from annotation.services.exporting import Export
from annotation.services.importing import ImportOptions, import_file
from annotation.services.projects import create_project
from tests.annotation.data.files import jsonl, label, pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = create_project(slug="toy")
    rows = [
        pair(1),
        pair(2, split="test"),
        pair(3, labels=[label("ann", "tie")]),
        pair(4, labels=[label("ann", "b", strength=3), label("ben", "both_bad")]),
    ]
    import_file(project=made, path=jsonl(tmp_path / "rows.jsonl", rows))
    return made


def lines(export: Export) -> list[dict[str, Any]]:
    text = b"".join(export.jsonl()).decode()
    return [json.loads(line) for line in text.splitlines()]


def parquet_rows(export: Export, path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet

    export.write_parquet(path)
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def test_rows_hold_every_label_and_give_the_judgments_back(project: Project) -> None:
    export = Export(project)
    rows = lines(export)
    assert len(rows) == 3 + 3 + 1 + 1
    assert export.tally.dropped == {"compare: both_bad": 1}
    back = judgments_of(from_json(PairRow, row) for row in rows)
    for source, judgment in back.items():
        kept = Feedback.objects.get(pk=source.feedback).judgments[source.judgment]
        assert dump_judgments([judgment]) == [kept]


def test_parquet_and_json_lines_hold_the_same_rows(
    project: Project, tmp_path: Path
) -> None:
    for number, shape in enumerate(("rows", "trl", "trl-conversational")):
        export = Export(project, shape=shape)  # type: ignore[arg-type]
        assert parquet_rows(export, tmp_path / f"{number}.parquet") == lines(export)


def test_trl_rows_are_training_prompts_and_decided_pairs_alone(
    project: Project,
) -> None:
    rows = lines(Export(project, shape="trl"))
    assert all(set(row) == {"prompt", "chosen", "rejected"} for row in rows)
    assert sorted((row["prompt"], row["chosen"]) for row in rows) == [
        ("Question 1?", "First answer to 1."),
        ("Question 1?", "Second answer to 1."),
        ("Question 4?", "Second answer to 4."),
    ]
    test = ViewQuery.model_validate({"splits": ["test"]})
    assert len(lines(Export(project, shape="trl", query=test))) == 2


def test_conversational_rows_are_messages(project: Project) -> None:
    row = lines(Export(project, shape="trl-conversational"))[-1]
    assert row == {
        "prompt": [{"role": "user", "content": "Question 4?"}],
        "chosen": [{"role": "assistant", "content": "Second answer to 4."}],
        "rejected": [{"role": "assistant", "content": "First answer to 4."}],
    }


def test_margins_come_when_asked_for(project: Project) -> None:
    rows = lines(Export(project, shape="trl", margins=True))
    assert sorted(row["margin"] for row in rows) == [0.0, 0.0, 3.0]


def test_longer_chats_become_transcripts_in_the_standard_shape(tmp_path: Path) -> None:
    project = create_project(slug="chats")
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]
    import_file(
        project=project,
        path=jsonl(
            tmp_path / "x.jsonl", [pair(1, prompt=chat, labels=[label("ann", "a")])]
        ),
    )
    (row,) = lines(Export(project, shape="trl"))
    assert row["prompt"] == (
        "System: Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant: "
    )
    assert row["chosen"] == "First answer to 1."
    (row,) = lines(Export(project, shape="trl-conversational"))
    assert row["prompt"] == chat


def test_exported_trl_rows_import_as_the_same_pairs(
    project: Project, tmp_path: Path
) -> None:
    exported = lines(Export(project, shape="trl-conversational"))
    other = create_project(slug="other")
    options = ImportOptions(source="toy")
    import_file(
        project=other, path=jsonl(tmp_path / "t.jsonl", exported), options=options
    )
    query = ViewQuery()
    again = lines(Export(other, shape="trl-conversational", query=query))
    key = json.dumps
    assert sorted(map(key, again)) == sorted(map(key, exported))


def test_controls_the_verified_pool_and_bad_tasks_never_leave_as_rows(
    project: Project,
) -> None:
    tasks = list(Task.objects.order_by("id"))
    Task.objects.filter(pk=tasks[0].pk).update(is_control=True)
    Task.objects.filter(pk=tasks[1].pk).update(verified_pool=True)
    seen = Assignment.objects.filter(task=tasks[2]).first()
    assert seen is not None
    Assignment.objects.filter(pk=seen.pk).update(
        skip_flag={"kind": "bad_task", "note": ""}
    )
    export = Export(project)
    assert {row["task"] for row in lines(export)} == {str(tasks[3].pk)}
    assert export.tally.dropped == {
        "control task": 3,
        "verified pool": 3,
        "task flagged as bad": 1,
        "compare: both_bad": 1,
    }


def test_one_flag_among_three_people_takes_nobodys_answer_out(project: Project) -> None:
    task = Task.objects.order_by("id").first()
    assert task is not None
    met = list(Assignment.objects.filter(task=task).order_by("id"))
    before = len(lines(Export(project)))
    for flags, left in ((1, before), (2, before - len(met))):
        Assignment.objects.filter(pk__in=[one.pk for one in met[:flags]]).update(
            skip_flag={"kind": "bad_task", "note": ""}
        )
        assert len(met) == 3
        assert len(lines(Export(project))) == left


def test_a_corrected_answer_gives_its_newest_row_alone(project: Project) -> None:
    first = Feedback.objects.filter(actor__external_id="ann").first()
    assert first is not None
    corrected = _correct(first)
    export = Export(project)
    behind = {item["feedback"] for row in lines(export) for item in row["src"]}
    assert str(corrected.pk) in behind
    assert str(first.pk) not in behind
    assert export.tally.dropped["superseded"] == 1


def _correct(first: Feedback) -> Feedback:
    judgments = parse_judgments(first.judgments)[:1]
    (compare,) = judgments
    assert compare.kind == "compare"
    mirrored = compare.model_copy(update={"outcome": "b", "strength": None})
    return Feedback.objects.create(
        client_id=uuid.uuid4(),
        assignment=first.assignment,
        project=first.project,
        actor=first.actor,
        judgments=dump_judgments([mirrored]),
        protocol=first.protocol,
        content_hash="0" * 64,
        supersedes=first,
    )


def test_names_of_people_stay_at_home(project: Project) -> None:
    from tests.factories import add_member

    person = add_member(project, name="jane.doe@example.org")
    actor = person.actor if hasattr(person, "actor") else None
    if actor is None:
        from annotation.models import Actor

        actor = Actor.objects.create(kind="human", name=person.username, user=person)
    _answer_as(project, actor)
    for view in ("pairs", "feedback"):
        text = b"".join(Export(project, view=view).jsonl())
        assert b"jane.doe" not in text
        assert f"person-{actor.pk}".encode() in text


def _answer_as(project: Project, actor: Any) -> None:
    from django.utils import timezone

    given = Feedback.objects.filter(project=project).first()
    assert given is not None
    now = timezone.now()
    assignment = Assignment.objects.create(
        task=given.assignment.task,
        project=project,
        actor=actor,
        order=[0, 1],
        state="answered",
        leased_at=now,
        expires_at=now,
        ended_at=now,
    )
    Feedback.objects.create(
        client_id=uuid.uuid4(),
        assignment=assignment,
        project=project,
        actor=actor,
        judgments=given.judgments,
        protocol=given.protocol,
        content_hash="1" * 64,
    )


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_feedback_comes_back_unchanged_in_another_project(
    project: Project, tmp_path: Path, form: str
) -> None:
    first = Feedback.objects.filter(actor__external_id="ann").first()
    assert first is not None
    _correct(first)
    Task.objects.filter(pk=first.assignment.task_id).update(is_control=True, round=3)
    path = tmp_path / f"feedback.{form}"
    if form == "jsonl":
        path.write_bytes(b"".join(Export(project, view="feedback").jsonl()))
    else:
        Export(project, view="feedback").write_parquet(path)
    other = create_project(slug="other")
    row = import_file(project=other, path=path)
    assert (row.counts["bad_rows"], row.layout) == (0, "feedback")
    assert _story(other) == _story(project)
    # and what came back is exported as it came
    again = lines(Export(other, view="feedback"))
    assert len(again) == Feedback.objects.filter(project=project).count()
    assert _story(project) == _told(again)
    # a second time, here or at home, adds nothing
    before = Feedback.objects.count()
    assert import_file(project=other, path=path).counts["answers"] == 0
    assert import_file(project=project, path=path).counts["answers"] == 0
    assert Feedback.objects.count() == before


def _story(project: Project) -> list[Any]:
    return _told(lines(Export(project, view="feedback")))


def _told(rows: list[dict[str, Any]]) -> list[Any]:
    """Return rows with ids of the database replaced by what they stand for."""
    found = []
    for row in rows:
        texts = {
            item["id"]: json.dumps(item["messages"]) for item in row["completions"]
        }
        known = json.dumps(row)
        for pk, text in texts.items():
            known = known.replace(pk, f"<{json.dumps(text)[1:-1]}>")
        told = json.loads(known)
        for name in ("id", "origin", "counted", "protocol"):
            del told[name]
        found.append(told)
    return sorted(found, key=lambda item: json.dumps(item, sort_keys=True))


def test_a_judgment_on_a_completion_that_is_not_there_is_a_bad_row(
    project: Project, tmp_path: Path
) -> None:
    rows = lines(Export(project, view="feedback"))
    stranger = str(uuid.uuid4())
    rows[0]["judgments"][0]["b"] = stranger
    other = create_project(slug="other")
    row = import_file(project=other, path=jsonl(tmp_path / "x.jsonl", rows))
    assert row.counts["bad_rows"] == 1
    assert row.errors[0]["field"] == "judgments[0]"
    assert stranger in row.errors[0]["value"]


def test_a_task_key_of_other_completions_is_a_bad_row(
    project: Project, tmp_path: Path
) -> None:
    rows = lines(Export(project, view="feedback"))
    rows[-1]["task"]["key"] = rows[0]["task"]["key"]
    other = create_project(slug="other")
    row = import_file(project=other, path=jsonl(tmp_path / "x.jsonl", rows))
    assert [item["field"] for item in row.errors] == ["task.key"]


def test_what_cannot_be_exported_says_what_can(project: Project) -> None:
    with pytest.raises(NotFound, match="pairs, lists"):
        Export(project, view="trees")
    with pytest.raises(InvalidInput, match="no choice of ties"):
        Export(project, view="lists", query=ViewQuery(ties="drop"))
    with pytest.raises(InvalidInput, match="no such shape"):
        Export(project, view="feedback", shape="trl")


def test_the_command_writes_a_whole_file_or_none(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out" / "rows.jsonl"
    path.parent.mkdir()
    err = io.StringIO()
    given = ["--project", "toy", "--shape", "trl", "-o", str(path)]
    call_command("export", *given, stderr=err)
    assert len(path.read_text().splitlines()) == 3
    assert "left out 2: tie" in err.getvalue()

    def full(self: Export) -> Any:
        yield b'{"half":'
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Export, "jsonl", full)
    with pytest.raises(SystemExit) as left:
        call_command("export", *given, stderr=err)
    assert left.value.code == 2
    assert "No space left" in err.getvalue()
    assert [item.name for item in path.parent.iterdir()] == ["rows.jsonl"]
    assert len(path.read_text().splitlines()) == 3


def test_parquet_does_not_go_to_standard_output(project: Project) -> None:
    err = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("export", "--project", "toy", "--format", "parquet", stderr=err)
    assert "Name one with -o" in err.getvalue()


def test_reading_takes_a_fixed_number_of_queries_for_each_500_answers(
    project: Project, django_assert_max_num_queries: Any
) -> None:
    assert TaskCompletion.objects.count() and Prompt.objects.count()
    assert Completion.objects.count()
    # Seven before the first batch, the verified pool's prompts among them.
    with django_assert_max_num_queries(11):
        list(Export(project).rows())
