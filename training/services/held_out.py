"""What a run may not learn from (invariant 6), looked for before it learns.

Freezing leaves out control tasks, the verified pool and whatever is not in the split
train. A task may join the pool, or become a control task, after a snapshot was frozen;
and a run may name prompts and completions itself. So each launch looks again, and the
worker once more before it starts the engine.
"""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.errors import InvalidInput
from annotation.models import Completion, Project, Prompt, Task
from annotation.services.prompt_rows import kept_from_training
from training.engine.registry import Preset
from training.models import Snapshot, SnapshotFeedback

NAMED = 5  # how many of what is refused are told


def refuse_held_out(
    preset: Preset,
    project: Project,
    *,
    snapshot: Snapshot | None = None,
    prompts: Collection[int] = (),
    completions: Collection[UUID] = (),
) -> None:
    """Refuse a run that would train on what is held out or known.

    Args:
        snapshot: whose training rows the run reads.
        prompts: the prompts that it names itself.
        completions: the completions that it names itself; their prompts count.

    Raises:
        InvalidInput: saying which prompts or tasks, and why.
    """
    if not preset.is_trainable:
        return
    if snapshot is not None:
        _refuse_tasks(snapshot)
    mine = Prompt.objects.filter(project=project)
    if prompts:
        _refuse_prompts(mine.filter(pk__in=prompts), len(set(prompts)), "prompt_ids")
    if completions:
        theirs = Completion.objects.filter(pk__in=completions).values("prompt")
        asked = mine.filter(pk__in=theirs)
        _refuse_prompts(asked, asked.count(), "completion_ids")


def _refuse_prompts(prompts: QuerySet[Prompt], count: int, field: str) -> None:
    kept = prompts.annotate(known=Exists(kept_from_training())).filter(
        ~Q(split=Prompt.Split.TRAIN) | Q(known=True)
    )
    found = list(kept.order_by("pk").values_list("pk", "split", "known"))
    if not found:
        return
    told = [
        f"prompt {pk} ({'of a control task or the verified pool' if known else split})"
        for pk, split, known in found
    ]
    raise _refused(
        f"inputs.{field}",
        expected="prompts of the split train, none of a control task",
        found=f"{len(found)} of {count} that are held out or known: {_some(told)}",
        fix="Launch it again without them.",
    )


def _refuse_tasks(snapshot: Snapshot) -> None:
    learned = SnapshotFeedback.objects.filter(
        snapshot=snapshot, feedback__assignment__task=OuterRef("pk")
    )
    pool = Task.objects.filter(project=snapshot.project_id, verified_pool=True)
    kept = Task.objects.filter(
        Q(is_control=True) | Q(prompt__in=pool.values("prompt")),
        Exists(learned),
        project=snapshot.project_id,
        prompt__split=Prompt.Split.TRAIN,
    )
    found = list(kept.order_by("pk").values_list("pk", "is_control"))
    if not found:
        return
    told = [
        f"task {pk} ({'a control task' if control else 'of the verified pool'})"
        for pk, control in found
    ]
    raise _refused(
        "snapshot",
        expected="training rows of no control task and none of the verified pool",
        found=f"{len(found)} tasks that were set apart since {snapshot.name} was "
        f"frozen: {_some(told)}",
        fix="Freeze a new snapshot, which leaves them out, and launch on that.",
    )


def _some(told: list[str]) -> str:
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return ", ".join(told[:NAMED]) + more


def _refused(field: str, *, expected: str, found: str, fix: str) -> InvalidInput:
    return InvalidInput(
        "The run would train on what is kept back.",
        expected=expected,
        found=found,
        fix=fix,
        fields=[{"path": field, "message": f"expected {expected}", "value": found}],
    )
