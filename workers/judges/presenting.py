"""Tasks as they are put to a judge: their texts, in each order that it is asked in."""

from collections.abc import Iterator, Sequence

from annotation.models import Task
from annotation.protocols.questions import Common, parse_questions
from annotation.protocols.validation import questions_of
from workers.curation.verified import with_examples
from workers.judges.base import Presented

# Tasks whose texts are read together: few at first, so that the first call is soon out.
FIRST_READ, READ = 4, 32


def presented(tasks: Sequence[int]) -> Iterator[Presented]:
    """Yield each task in its own order and, of two or more completions, reversed."""
    questions: dict[int, list[Common]] = {}
    start, size = 0, FIRST_READ
    while wanted := tasks[start : start + size]:
        found = {
            task.pk: task
            for task in Task.objects.filter(pk__in=wanted)
            .select_related("prompt")
            .prefetch_related("slots__completion")
        }
        for pk in wanted:
            task = found[pk]
            if task.protocol_id not in questions:
                # Most tasks share one: it is read once, not beside each of them.
                questions[task.protocol_id] = parse_questions(task.protocol.questions)
            yield from _orders(task, questions[task.protocol_id])
        start, size = start + size, READ


def _orders(task: Task, questions: Sequence[Common]) -> Iterator[Presented]:
    slots = list(task.slots.all())
    asked = tuple(questions_of(questions, len(slots)))
    straight = tuple(range(len(slots)))
    orders = [straight] if len(slots) == 1 else [straight, straight[::-1]]
    for presentation, order in enumerate(orders):
        yield Presented(
            task=task.pk,
            presentation=presentation,
            order=order,
            prompt=task.prompt.messages,
            completions=tuple(
                (slots[place].completion_id, slots[place].completion.messages)
                for place in order
            ),
            questions=asked,
            context=with_examples(task),
            protocol=task.protocol_id,
        )
