"""Importing: every layout into the same record, once."""

from pathlib import Path
from typing import Any

import pytest

from annotation.judgments import parse_judgments
from annotation.models import (
    Actor,
    Assignment,
    Completion,
    Feedback,
    Import,
    Project,
    Prompt,
    Task,
)
from annotation.services.importing import ImportOptions, import_file
from annotation.services.projects import create_project
from tests.annotation.data.files import gzipped, jsonl, label, pair, parquet

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return create_project(slug="toy")


def run(project: Project, path: Path, **options: Any) -> Import:
    return import_file(project=project, path=path, options=ImportOptions(**options))


def counts_of_everything() -> list[int]:
    tables = (Prompt, Completion, Task, Actor, Assignment, Feedback)
    return [table.objects.count() for table in tables]


def test_every_label_stands_under_its_own_actor(
    project: Project, tmp_path: Path
) -> None:
    row = run(project, jsonl(tmp_path / "x.jsonl", [pair(1), pair(2)]))
    assert row.state == Import.State.DONE
    assert row.counts["bad_rows"] == 0
    actors = {actor.external_id: actor for actor in Actor.objects.all()}
    assert {name: actor.kind for name, actor in actors.items()} == {
        "ann": "human",
        "ben": "human",
        "gpt": "model",
    }
    assert {actor.source for actor in actors.values()} == {"toy"}
    assert {actor.project for actor in actors.values()} == {project}
    assert actors["gpt"].model == {"name": "gpt"}
    said = Feedback.objects.get(actor=actors["ann"], assignment__task__id=_task(1))
    first, second = parse_judgments(said.judgments)
    assert (first.kind, second.kind) == ("compare", "text")
    assert (first.question, first.criterion) == ("overall", None)
    assert second.targets == [0]
    assert first.kind == "compare" and first.outcome == "a"
    better = Completion.objects.get(pk=first.a)
    assert better.text == "First answer to 1."
    assert better.generator == "m1"


def _task(number: int) -> int:
    return Task.objects.get(prompt__external_id=f"toy:{number}").pk


def test_imported_answers_use_no_overlap_and_leave_the_task_open(
    project: Project, tmp_path: Path
) -> None:
    run(project, jsonl(tmp_path / "x.jsonl", [pair(1)]), overlap=3)
    task = Task.objects.get()
    assert (task.overlap, task.leased, task.counted, task.state) == (3, 0, 0, "open")
    for assignment in task.assignments.all():
        assert assignment.origin == Assignment.Origin.IMPORT
        assert assignment.state == Assignment.State.ANSWERED
        assert not assignment.counted


def test_gold_and_tags_stay_with_the_task_and_are_no_label(
    project: Project, tmp_path: Path
) -> None:
    run(project, jsonl(tmp_path / "x.jsonl", [pair(1, labels=[])]))
    task = Task.objects.get()
    assert task.scores["origin"] == {
        "id": "toy:1",
        "gold": "a",
        "tags": {"topic": "numbers"},
    }
    assert not Feedback.objects.exists()
    assert not task.is_control


@pytest.mark.parametrize("write", [jsonl, gzipped, parquet])
def test_repeating_an_import_adds_nothing(
    project: Project, tmp_path: Path, write: Any
) -> None:
    ending = {"jsonl": ".jsonl", "gzipped": ".jsonl.gz", "parquet": ".parquet"}
    path = write(tmp_path / f"x{ending[write.__name__]}", [pair(n) for n in range(5)])
    first = run(project, path)
    before = counts_of_everything()
    again = run(project, path)
    assert first.counts["answers"] == 15
    assert again.counts["answers"] == 0
    assert again.counts["known_answers"] == 15
    assert counts_of_everything() == before


def test_gzip_parquet_and_plain_lines_say_the_same(
    project: Project, tmp_path: Path
) -> None:
    rows = [pair(n) for n in range(3)]
    run(project, jsonl(tmp_path / "x.jsonl", rows))
    before = counts_of_everything()
    run(project, gzipped(tmp_path / "x.jsonl.gz", rows))
    run(project, parquet(tmp_path / "x.parquet", rows))
    assert counts_of_everything() == before


def test_several_aspects_of_one_annotator_are_one_answer(
    project: Project, tmp_path: Path
) -> None:
    labels = [label("ann", "a"), label("ann", "b", aspect="safety", reason="Because")]
    run(project, jsonl(tmp_path / "x.jsonl", [pair(1, labels=labels)]))
    judgments = parse_judgments(Feedback.objects.get().judgments)
    assert [item.criterion for item in judgments] == [None, "safety", "safety"]
    assert judgments[2].targets == [1]


def test_a_judge_asked_in_both_orders_has_two_presentations(
    project: Project, tmp_path: Path
) -> None:
    labels = [
        label("gpt", "a", kind="ai", order="as-is"),
        label("gpt", "b", kind="ai", order="swapped"),
        label("gpt", None, kind="ai", order="as-is", invalid=True),
    ]
    path = jsonl(tmp_path / "x.jsonl", [pair(1, labels=labels)])
    run(project, path)
    run(project, path)
    plain, swapped, abstained = Assignment.objects.order_by("presentation")
    assert (plain.order, swapped.order) == ([0, 1], [1, 0])
    assert abstained.state == Assignment.State.ABSTAINED
    assert not abstained.feedback.exists()
    slots = [slot.completion_id for slot in Task.objects.get().slots.all()]
    one = parse_judgments(plain.feedback.get().judgments)[0]
    two = parse_judgments(swapped.feedback.get().judgments)[0]
    assert one.kind == two.kind == "compare"
    assert (one.a, one.b, one.outcome) == (slots[0], slots[1], "a")
    # "b" in the file's words, which was shown first
    assert (two.a, two.b, two.outcome) == (slots[1], slots[0], "a")


def test_the_same_pair_in_two_rows_is_one_task(
    project: Project, tmp_path: Path
) -> None:
    mirrored = pair(1, id="toy:99")
    mirrored["a"], mirrored["b"] = mirrored["b"], mirrored["a"]
    mirrored["labels"] = [label("ann", "a")]
    path = jsonl(tmp_path / "x.jsonl", [pair(1), mirrored])
    run(project, path)
    run(project, path)
    assert Task.objects.count() == 1
    both = Feedback.objects.filter(actor__external_id="ann")
    assert both.count() == 2
    orders = {row.assignment.presentation: row.assignment.order for row in both}
    assert orders == {0: [0, 1], 1: [1, 0]}


def test_an_answer_changed_under_its_old_name_is_refused(
    project: Project, tmp_path: Path
) -> None:
    labels = [label("ann", "a")]
    run(project, jsonl(tmp_path / "x.jsonl", [pair(1, labels=labels)]))
    labels = [label("ann", "b")]
    row = run(project, jsonl(tmp_path / "y.jsonl", [pair(1, labels=labels)]))
    assert row.counts["bad_rows"] == 1
    assert "the same answer as imported before" in row.errors[0]["expected"]
    assert Feedback.objects.count() == 1


def test_messages_of_a_side_are_the_whole_completion(
    project: Project, tmp_path: Path
) -> None:
    turns = [
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "More?"},
        {"role": "assistant", "content": "Two."},
    ]
    row = pair(1, a={"text": "Two.", "model": None, "messages": turns})
    run(project, jsonl(tmp_path / "x.jsonl", [row]))
    assert turns in list(Completion.objects.values_list("messages", flat=True))


class TestTrl:
    def rows(self, count: int) -> list[dict[str, Any]]:
        return [
            {
                "prompt": f"Question {n}?",
                "chosen": f" Good {n}.",
                "rejected": f" Bad {n}.",
            }
            for n in range(count)
        ]

    def test_the_chosen_one_wins_and_is_not_always_shown_first(
        self, project: Project, tmp_path: Path
    ) -> None:
        path = jsonl(tmp_path / "x.jsonl", self.rows(40))
        run(project, path, annotator="crowd")
        outcomes = []
        for feedback in Feedback.objects.all():
            (judgment,) = parse_judgments(feedback.judgments)
            assert judgment.kind == "compare"
            better = judgment.a if judgment.outcome == "a" else judgment.b
            assert Completion.objects.get(pk=better).text.startswith(" Good")
            outcomes.append(judgment.outcome)
        assert 8 < outcomes.count("a") < 32
        actor = Actor.objects.get()
        assert (actor.external_id, actor.kind) == ("crowd", "human")
        assert run(project, path, annotator="crowd").counts["answers"] == 0

    def test_conversations_that_share_their_start_hold_the_prompt(
        self, project: Project, tmp_path: Path
    ) -> None:
        start = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Sky?"},
        ]
        row = {
            "chosen": [*start, {"role": "assistant", "content": "Blue."}],
            "rejected": [*start, {"role": "assistant", "content": "Green."}],
            "margin": 2,
            "score_chosen": 0.7,
        }
        run(project, jsonl(tmp_path / "x.jsonl", [row]))
        assert Prompt.objects.get().messages == start
        texts = {item.text for item in Completion.objects.all()}
        assert texts == {"Blue.", "Green."}
        (judgment,) = Feedback.objects.get().judgments
        assert judgment["strength"] == 2
        assert Task.objects.get().scores["origin"] == {
            "margin": 2,
            "score_chosen": 0.7,
        }

    def test_texts_that_share_their_start_hold_the_prompt(
        self, project: Project, tmp_path: Path
    ) -> None:
        row = {"chosen": "The sky is blue.", "rejected": "The sky is green."}
        run(project, jsonl(tmp_path / "x.jsonl", [row]))
        assert Prompt.objects.get().messages[0]["content"] == "The sky is"
        texts = {item.text for item in Completion.objects.all()}
        assert texts == {" blue.", " green."}

    def test_a_row_without_a_counterpart_says_what_is_missing(
        self, project: Project, tmp_path: Path
    ) -> None:
        rows: list[Any] = [{"prompt": "p", "chosen": "x"}, *self.rows(1)]
        row = run(project, jsonl(tmp_path / "x.jsonl", rows))
        assert row.counts["bad_rows"] == 1
        assert row.errors[0]["field"] == "rejected"
        assert Feedback.objects.count() == 1


class TestBare:
    ROW = {"prompt": "Why?", "completions": ["One.", {"text": "Two.", "model": "m"}]}

    def test_completions_become_pairs_to_ask_about(
        self, project: Project, tmp_path: Path
    ) -> None:
        row = self.ROW | {"completions": ["1", "2", "3", "4"]}
        run(project, jsonl(tmp_path / "x.jsonl", [row]))
        assert Task.objects.count() == 6
        assert not Feedback.objects.exists()

    def test_a_chain_asks_about_each_and_the_next(
        self, project: Project, tmp_path: Path
    ) -> None:
        row = self.ROW | {"completions": ["1", "2", "3", "4"]}
        run(project, jsonl(tmp_path / "x.jsonl", [row]), pairs="chain")
        assert Task.objects.count() == 3

    def test_one_completion_or_none_is_kept_without_a_task(
        self, project: Project, tmp_path: Path
    ) -> None:
        rows: list[Any] = [
            self.ROW | {"completions": ["One."]},
            {"prompt": "Alone?"},
        ]
        row = run(project, jsonl(tmp_path / "x.jsonl", rows))
        assert (row.counts["bad_rows"], row.counts["prompts"]) == (0, 2)
        assert Completion.objects.count() == 1
        assert not Task.objects.exists()

    def test_equal_completions_are_kept_once(
        self, project: Project, tmp_path: Path
    ) -> None:
        row = self.ROW | {"completions": ["Same.", "Same.", "Other."]}
        run(project, jsonl(tmp_path / "x.jsonl", [row]))
        assert Completion.objects.count() == 2
        assert Task.objects.count() == 1

    def test_more_completions_later_add_the_new_pairs_alone(
        self, project: Project, tmp_path: Path
    ) -> None:
        run(project, jsonl(tmp_path / "x.jsonl", [self.ROW]))
        more = self.ROW | {"completions": ["One.", "Two.", "Three."]}
        row = run(project, jsonl(tmp_path / "y.jsonl", [more]))
        assert (row.counts["completions"], row.counts["tasks"]) == (1, 2)


class TestSplits:
    def test_a_given_split_wins(self, project: Project, tmp_path: Path) -> None:
        rows = [
            pair(n, split=split) for n, split in enumerate(["train", "test", "dev"])
        ]
        run(project, jsonl(tmp_path / "x.jsonl", rows))
        found = dict(Prompt.objects.values_list("external_id", "split"))
        assert found == {"toy:0": "train", "toy:1": "test", "toy:2": "validation"}

    def test_without_one_a_group_is_drawn_alike_everywhere(
        self, project: Project, tmp_path: Path
    ) -> None:
        rows = [pair(n, split=None) for n in range(200)]
        run(project, jsonl(tmp_path / "x.jsonl", rows))
        other = create_project(slug="other")
        run(other, jsonl(tmp_path / "y.jsonl", reversed(rows)))
        splits = [
            dict(Prompt.objects.filter(project=p).values_list("external_id", "split"))
            for p in (project, other)
        ]
        assert splits[0] == splits[1]
        shares = [
            list(splits[0].values()).count(s) / 200 for s in ("validation", "test")
        ]
        assert all(0.04 < share < 0.18 for share in shares)

    def test_a_row_never_takes_its_group_to_another_split(
        self, project: Project, tmp_path: Path
    ) -> None:
        same = [{"role": "user", "content": "Question 1?"}]
        follow = [*same, {"role": "assistant", "content": "x"}, *same]
        rows = [pair(1), pair(2, prompt=follow, split="test")]
        row = run(project, jsonl(tmp_path / "x.jsonl", rows))
        assert (row.counts["bad_rows"], row.counts["warnings"]) == (0, 1)
        assert row.errors[0]["warning"]
        assert row.errors[0]["line"] == 2
        assert set(Prompt.objects.values_list("split", flat=True)) == {"train"}

    def test_a_group_key_ties_prompts_together(
        self, project: Project, tmp_path: Path
    ) -> None:
        rows = [pair(n, group="story", split=None) for n in range(30)]
        run(project, jsonl(tmp_path / "x.jsonl", rows))
        assert Prompt.objects.values("group_key").distinct().count() == 1
        assert Prompt.objects.values("split").distinct().count() == 1


REAL = {
    "argconv/pairs_test.jsonl.gz": (765, 3815),
    "hh_harmless/pairs_test.jsonl": (147, 147),
    "llmeval2/pairs_test.jsonl.gz": (216, 216),
    "pandalm/pairs.jsonl.gz": (631, 3139),
    "llmbar/pairs.jsonl.gz": (243, 4097),
    "rankgen/pairs.jsonl.gz": (120, 365),
    "llamafactory_demo/pairs_en.jsonl.gz": (293, 293),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files_go_in_whole(project: Project, data_dir: Path, name: str) -> None:
    rows, answers = REAL[name]
    row = run(project, data_dir / name)
    assert row.errors == []
    assert (row.counts["rows"], row.counts["bad_rows"]) == (rows, 0)
    assert row.counts["answers"] == answers


def test_real_responses_become_comparisons(project: Project, data_dir: Path) -> None:
    row = run(project, data_dir / "selfinstruct_responses/responses.jsonl.gz")
    assert (row.counts["rows"], row.counts["bad_rows"]) == (195, 0)
    assert row.counts["tasks"] > 195


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_add_it_once(tmp_path: Path) -> None:
    import threading

    from django.db import connection

    project = create_project(slug="twice")
    rows = [pair(number, split=None) for number in range(900)]
    path = jsonl(tmp_path / "x.jsonl", rows)
    done: list[Import] = []

    def read() -> None:
        try:
            done.append(run(Project.objects.get(pk=project.pk), path))
        finally:
            connection.close()

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [row.state for row in done] == [Import.State.DONE] * 2
    assert all(row.counts["bad_rows"] == 0 for row in done)
    assert Feedback.objects.count() == 2700
    assert Task.objects.count() == Prompt.objects.count() == 900
    assert sum(row.counts["answers"] for row in done) == 2700
