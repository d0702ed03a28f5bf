"""Tags by a judge: what kind of request a prompt is, asked once and read strictly.

The families and values are those of `tags.py`; a model tags in the paper as well
(Miranda et al. 2024). The judge sees the request and what stands beside it: no
completion, and no answer of anybody. What does not parse is an abstention: its words
are kept, and the tags by rules and likeness stand. Calls are those of any judge: kept
under their content address, counted in its accounts, held by its budget.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Annotated, Any

from django.db.models import Count, QuerySet
from pydantic import Field, create_model

from annotation.judgments import Strict
from annotation.models import Judge, JudgeBatch, Task
from annotation.services.judge_settings import JudgeSettings, settings_of
from training.models.routing import TaskFeatures
from workers.judges.asking import close, must_be_ready
from workers.judges.base import Cost, Failure, Presented, Said
from workers.judges.calls import Call, Conversation
from workers.judges.driving import Driver
from workers.judges.instructions import ONE_OBJECT, as_messages
from workers.judges.keeping import Judged
from workers.judges.ledger import Ledger, locked
from workers.judges.parsing import Unreadable, one_object
from workers.judges.registry import transport_of
from workers.routing.extractors import VERSIONS, Features
from workers.routing.record import store
from workers.routing.tags import FAMILIES, RULES

EXTRACTOR = "judge"
AT_ONCE = 16  # tasks whose tags are written together
READ = 64
SEVERAL = {"subject": 3}
"""Families of which a request may have so many values; of all others it has one."""
ROLE = "Here nothing is compared: say only what kind of request it is."
WHAT = "What kind of request is it? Of each line, choose by what stands in brackets:"


def meanings() -> dict[str, dict[str, str]]:
    """Return every family with what its values mean."""
    described = {
        each.name: {value: texts[0] for value, texts in each.values.items()}
        for each in FAMILIES
    }
    told = {family: dict(values) for family, values in RULES.items()}
    return described | told


@cache
def form() -> type[Strict]:
    """Return the object that a judge is asked for: every family, known values alone."""
    fields: dict[str, Any] = {}
    for family, values in meanings().items():
        value = Annotated[str, Field(pattern=f"^(?:{'|'.join(values)})$")]
        fields[family] = (value, ...)
        if most := SEVERAL.get(family):
            fields[family] = (list[value], Field(min_length=1, max_length=most))
    made: type[Strict] = create_model("JudgedTags", __base__=Strict, **fields)
    return made


def question() -> str:
    """Return what a judge is asked, with the form of its reply."""
    lines = [
        f"{family}{_how_many(family)}: "
        + "; ".join(f"{value} ({meaning})" for value, meaning in values.items())
        for family, values in meanings().items()
    ]
    shown = ", ".join(
        f'"{family}": ' + ('["..."]' if family in SEVERAL else '"..."')
        for family in meanings()
    )
    return "\n".join([WHAT, *lines, ONE_OBJECT.format(form="{" + shown + "}")])


def _how_many(family: str) -> str:
    return f", one to {SEVERAL[family]} of them" if family in SEVERAL else ""


def tags_in(reply: str) -> frozenset[str]:
    """Return the tags of a reply, such as `safety=low`.

    Raises:
        Unreadable: when it is anything but the object that was asked for.
    """
    said = one_object(reply, form()).model_dump()
    return frozenset(
        f"{family}={value}"
        for family, values in said.items()
        for value in (values if family in SEVERAL else [values])
    )


def untagged(judge: Judge) -> QuerySet[Task]:
    """Return the project's pairs that no judge was asked to tag in this version."""
    known = TaskFeatures.objects.filter(
        extractor=EXTRACTOR, version=VERSIONS[EXTRACTOR]
    )
    return (
        Task.objects.filter(
            project=judge.project_id, is_control=False, verified_pool=False
        )
        .annotate(size=Count("slots"))
        .filter(size=2)
        .exclude(pk__in=known.values("task"))
        .order_by("pk")
    )


def tag_tasks(
    *,
    judge: Judge,
    limit: int | None = None,
    progress: Callable[[int], object] = lambda count: None,
) -> Judged:
    """Let a judge tag what is untagged.

    Returns:
        what it did; `answers` are tasks that have tags now.

    Raises:
        Conflict: when the judge is stopped, or at work in another process.
        InvalidInput: when it cannot be asked, or writes no words.
    """
    with locked(judge):
        judge.refresh_from_db()
        must_be_ready(judge)
        wanted = list(untagged(judge).values_list("pk", flat=True)[:limit])
        if not wanted:
            return Judged()
        ledger, settings = Ledger(judge), settings_of(judge)
        transport = transport_of(judge, ledger)
        batch = JudgeBatch.objects.create(judge=judge, state="running")
        judged = Judged()
        stop: Failure | None = None
        try:
            driver = Driver(transport, ledger)
            ended = driver.run(_requests(wanted), lambda item: _ask(item, settings))
            while some := list(islice(ended, AT_ONCE)):
                stop = stop or next((s.failure for _, s in some if _stops(s)), None)
                _keep(judge, some, judged)
                progress(len(some))
        finally:
            transport.close()
        close(batch, judged, ledger, stop)
        return judged


def _stops(said: Said) -> bool:
    return said.failure is not None and said.failure.stops


def _requests(tasks: Sequence[int]) -> Iterator[Presented]:
    """Yield each task's request alone."""
    for start in range(0, len(tasks), READ):
        rows = Task.objects.filter(pk__in=tasks[start : start + READ])
        for task in rows.select_related("prompt").order_by("pk"):
            yield Presented(
                task=task.pk,
                presentation=0,
                order=(),
                prompt=task.prompt.messages,
                completions=(),
                questions=(),
                context=task.prompt.context or None,
            )


def _ask(item: Presented, settings: JudgeSettings) -> Conversation:
    messages = as_messages(item, question(), instructions=ROLE)
    [reply] = yield [Call(messages, settings.max_tokens, 0.0)]
    return Said(raw_text=reply.text, cost=Cost(reply.tokens, reply.milliseconds))


def _keep(
    judge: Judge, ended: Sequence[tuple[Presented, Said]], judged: Judged
) -> None:
    """Write tags and abstentions; what failed is asked again another time."""
    tasks, found, beside = [], [], []
    for item, said in ended:
        judged.tasks += 1
        judged.tokens += said.cost.tokens
        judged.milliseconds += said.cost.milliseconds
        if said.failure is not None:
            judged.failed += 1
            continue
        more: Mapping[str, Any] = {"judge": judge.pk}
        try:
            tags = tags_in(said.raw_text)
            judged.answers += 1
        except Unreadable as error:
            tags, more = frozenset(), {**more, "raw": error.kept}
            judged.abstained += 1
        tasks.append(item.task)
        found.append(Features(tags=tags))
        beside.append(more)
    store(EXTRACTOR, tasks, found, beside)
