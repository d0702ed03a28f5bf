"""People talk with models: each turn a task of its own, blind, and nothing lost."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from annotation.errors import Conflict, InvalidInput, TooManyAttempts
from annotation.models import Assignment, Feedback, Project, Prompt, Task
from annotation.services.answering import submit
from annotation.services.leasing import lease
from annotation.services.projects import create_project
from tests.factories import make_user
from training.models import ModelVersion, Reply, Talk
from training.services import replies, talking
from training.services.promoting import base_model
from training.services.talk_view import talk_shown
from workers.tasks.talking import write_reply

pytestmark = pytest.mark.django_db
FIRST, SECOND = "the careful model", "the quick model"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def project(alice: User) -> Project:
    made = create_project(slug="chat", preset="hh", members={alice: "annotator"})
    for name in (FIRST, SECOND):
        ModelVersion.objects.create(
            project=made, name=name, role="policy", source="tiny:causal"
        )
    return made


@pytest.fixture
def talk(alice: User, project: Project) -> Talk:
    return talking.open_talk(user=alice, project=project)


def say(alice: User, talk: Talk, content: str, number: int = 1, **more: Any) -> Talk:
    return talking.say(user=alice, talk=talk.pk, number=number, content=content, **more)


def write(talk: Talk, *texts: str) -> None:
    """Let the models write these texts, by place, in the last turn."""
    last = talk.turns.latest("number")
    for reply, text in zip(last.replies.order_by("place"), texts, strict=True):
        job = replies.claim(reply.pk)
        assert job is not None
        replies.finish(job, text, "stop")


def compare(alice: User, talk: Talk, outcome: str) -> None:
    """Answer the comparison in hand, for one side."""
    shown = talk_shown(talk)["assignment"]
    a, b = (each["id"] for each in shown["completions"])
    submit(
        user=alice,
        assignment=shown["id"],
        client_id=uuid4(),
        judgments=[
            {
                "kind": "compare",
                "question": "overall",
                "a": str(a),
                "b": str(b),
                "outcome": outcome,
                "strength": 2,
                "scale": "hh-8@1",
            }
        ],
        protocol_version=1,
    )


def last_messages(talk: Talk) -> list[dict[str, str]]:
    return talking.chat_of(talk.turns.latest("number"))


def test_a_turn_becomes_an_ordinary_task_and_the_better_reply_goes_on(
    alice: User, talk: Talk
) -> None:
    say(alice, talk, "How do I keep bread fresh?")
    write(talk, "In a box.", "In the sun.")
    shown = talk_shown(talk)
    assert shown["waits_for"] == "answer"
    texts = [
        each["messages"][0]["content"] for each in shown["assignment"]["completions"]
    ]
    assert texts == ["In a box.", "In the sun."]  # as they were seen growing
    assert [each["label"] for each in shown["assignment"]["completions"]] == ["A", "B"]

    compare(alice, talk, "b")
    (feedback,) = Feedback.objects.all()
    task = feedback.assignment.task
    assert feedback.assignment.counted
    assert (task.prompt.source, task.prompt.messages[0]["role"]) == ("live", "user")
    writers = {row.generator for row in task.completions.all()}
    assert writers == {FIRST, SECOND}

    say(alice, talk, "Why the sun?", 2)
    assert last_messages(talk) == [
        {"role": "user", "content": "How do I keep bread fresh?"},
        {"role": "assistant", "content": "In the sun."},
        {"role": "user", "content": "Why the sun?"},
    ]
    write(talk, "It dries.", "It is warm.")
    second = Task.objects.latest("pk")
    assert second.prompt.messages == last_messages(talk)
    # Turns of one talk never part between training and test.
    assert len(set(Prompt.objects.values_list("group_key", "split"))) == 1


def test_an_annotator_never_learns_which_model_wrote_what(
    alice: User, talk: Talk
) -> None:
    seen = set()
    for number in range(1, 7):
        say(alice, talk, f"Question {number}?", number)
        last = talk.turns.latest("number")
        seen.add(tuple(last.replies.values_list("model__name", flat=True)))
        first = last.replies.all()[0]
        job = replies.claim(first.pk)
        assert job is not None
        replies.fail(job, {"message": f"{first.model.name!r} broke: tiny:causal."})
        assert talk_shown(talk)["turns"][-1]["replies"][0]["problem"]
        told = str(talk_shown(talk))
        assert not any(name in told for name in (FIRST, SECOND, "tiny:causal"))
        talking.ask_again(user=alice, talk=talk.pk)
        write(talk, f"First {number}.", f"Second {number}.")
        told = str(talk_shown(talk))
        assert not any(name in told for name in (FIRST, SECOND, "tiny:causal"))
        compare(alice, talk, "a")
    assert seen == {(FIRST, SECOND), (SECOND, FIRST)}  # each model on each side


def test_nobody_else_gets_the_task_and_an_expired_one_comes_back(
    alice: User, project: Project, talk: Talk
) -> None:
    say(alice, talk, "Mine?")
    write(talk, "Yes.", "No.")
    assert lease(user=alice, slug=project.slug).held == []
    Assignment.objects.update(state=Assignment.State.EXPIRED)
    bob = make_user("bob")
    project.memberships.create(user=bob, role="annotator")
    assert lease(user=bob, slug=project.slug).held == []
    assert talk_shown(talk)["assignment"] is not None
    assert Assignment.objects.get().state == Assignment.State.LEASED
    compare(alice, talk, "a")
    assert Feedback.objects.get().late is False


def test_the_next_turn_waits_for_the_replies_and_for_the_answer(
    alice: User, talk: Talk
) -> None:
    say(alice, talk, "First?")
    with pytest.raises(Conflict, match="not whole"):
        say(alice, talk, "Second?", 2)
    write(talk, "One.", "Two.")
    with pytest.raises(Conflict, match="not compared"):
        say(alice, talk, "Second?", 2)
    assert talk.turns.count() == 1
    compare(alice, talk, "a")
    say(alice, talk, "Second?", 2)
    say(alice, talk, "Second?", 2)  # sent again by a browser that heard no answer
    assert talk.turns.count() == 2
    with pytest.raises(Conflict, match="gone on"):
        say(alice, talk, "Something else?", 2)


@pytest.mark.parametrize("content", ["", " \n ", "x" * 9000])
def test_turns_without_words_or_with_too_many_are_refused(
    alice: User, talk: Talk, content: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        say(alice, talk, content)
    assert refused.value.fields[0]["path"] == "content"
    assert talk.turns.count() == 0


def test_turns_come_at_a_limited_rate(
    alice: User, talk: Talk, settings: Settings
) -> None:
    settings.LIVE_TURNS_PER_MINUTE = 1
    say(alice, talk, "First?")
    write(talk, "One.", "Two.")
    compare(alice, talk, "a")
    with pytest.raises(TooManyAttempts) as refused:
        say(alice, talk, "Second?", 2)
    assert refused.value.retry_after > 1


def test_equal_replies_are_drawn_anew_and_then_not_compared(
    alice: User, talk: Talk
) -> None:
    say(alice, talk, "Same?")
    write(talk, "The same.", "The  same.")
    first, second = talk.turns.get().replies.order_by("place")
    assert (first.state, second.state) == (Reply.State.DONE, Reply.State.QUEUED)
    for _ in range(replies.DRAWN_AT_MOST - 1):
        job = replies.claim(second.pk)
        assert job is not None
        replies.finish(job, "The same.", "stop")
    shown = talk_shown(talk)
    assert (shown["waits_for"], shown["assignment"]) == (None, None)
    say(alice, talk, "And now?", 2)
    assert last_messages(talk)[1]["content"] == "The same."


def test_a_reply_is_written_once_and_a_lost_writer_is_fenced(
    alice: User, talk: Talk, settings: Settings
) -> None:
    say(alice, talk, "Hello?")
    first = talk.turns.get().replies.order_by("place")[0]
    job = replies.claim(first.pk)
    assert job is not None
    assert replies.claim(first.pk) is None  # the message came twice
    assert replies.grow(job, "Hel")
    settings.LIVE_SILENT_SECONDS = 0
    replies.keep_up()
    assert "silent" in talk_shown(talk)["turns"][0]["replies"][0]["problem"]
    talking.ask_again(user=alice, talk=talk.pk)
    again = replies.claim(first.pk)
    assert again is not None
    assert not replies.grow(job, "the old one")
    replies.finish(job, "the old one", "stop")
    replies.finish(again, "the new one", "stop")
    first.refresh_from_db()
    assert first.text == "the new one"


def test_a_new_talk_ends_the_one_before_and_its_writers(
    alice: User, project: Project, talk: Talk
) -> None:
    say(alice, talk, "Hello?")
    job = replies.claim(talk.turns.get().replies.all()[0].pk)
    assert job is not None
    assert talking.open_talk(user=alice, project=project) == talk
    other = talking.open_talk(user=alice, project=project, fresh=True)
    assert other != talk
    assert not replies.grow(job, "nobody waits")


def test_a_trial_names_its_models_and_stays_out_of_the_record(
    alice: User, project: Project
) -> None:
    project.memberships.update(role="researcher")
    ids = list(ModelVersion.objects.values_list("pk", flat=True))
    trial = talking.open_trial(user=alice, project=project, models=ids)
    say(alice, trial, "Hello?")
    write(trial, "One.", "Two.")
    shown = talk_shown(trial)
    assert shown["waits_for"] is None
    assert {each["model"] for each in shown["turns"][0]["replies"]} == {FIRST, SECOND}
    say(alice, trial, "More?", 2, follow=1)
    assert last_messages(trial)[1]["content"] == "Two."
    assert not Prompt.objects.exists() and not Task.objects.exists()


def test_models_of_other_projects_cannot_be_tried_out(
    alice: User, project: Project
) -> None:
    other = create_project(slug="other", preset="hh")
    theirs = ModelVersion.objects.create(
        project=other, name="theirs", role="policy", source="tiny:causal"
    )
    judge = base_model(project=None, source="tiny:encoder", role="encoder")
    for model in (theirs, judge):
        with pytest.raises(InvalidInput, match="cannot answer"):
            talking.open_trial(user=alice, project=project, models=[model.pk])


def test_a_project_without_a_model_says_so(alice: User) -> None:
    bare = create_project(slug="bare", preset="hh", members={alice: "annotator"})
    with pytest.raises(Conflict, match="No model answers"):
        talking.open_talk(user=alice, project=bare)


def test_a_real_model_writes_and_its_failures_say_why(
    alice: User, talk: Talk, settings: Settings
) -> None:
    settings.LIVE_REPLIES_AT_ONCE = 1  # in the test's own transaction
    talk.sampling = talk.sampling | {"max_new_tokens": 12, "temperature": 1.0}
    talk.save()
    say(alice, talk, "Say something.")
    first, second = talk.turns.get().replies.order_by("place")
    write_reply(first.pk)
    first.refresh_from_db()
    assert first.state == Reply.State.DONE, first.error
    assert first.text
    ModelVersion.objects.filter(pk=second.model_id).update(source="tiny:encoder")
    write_reply(second.pk)
    second.refresh_from_db()
    problem = talk_shown(talk)["turns"][0]["replies"][1]["problem"]
    assert second.state == Reply.State.FAILED
    assert problem and "causal" in problem
