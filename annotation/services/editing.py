"""An edit becomes a completion of its own, beside the one that it changes."""

from collections.abc import Sequence
from uuid import UUID

from annotation.hashing import completion_hash
from annotation.judgments import Judgment, WrittenText
from annotation.models import Completion


def keep_edits(*, judgments: Sequence[Judgment], actor: int, feedback: UUID) -> int:
    """Add a completion for each edit whose text is new; return how many there are.

    The edited completion is its parent, and they part where the texts begin to
    differ. It is in no task until somebody asks about it.

    Args:
        actor: who wrote it; its generator's name is never a person's.
        feedback: the answer that it came with.
    """
    edits = {
        judgment.completion: judgment.content
        for judgment in judgments
        if isinstance(judgment, WrittenText)
        and judgment.role == "edit"
        and judgment.completion is not None
    }
    if not edits:
        return 0
    made = 0
    for original in Completion.objects.filter(pk__in=edits):
        text = edits[original.pk]
        messages = [{"role": "assistant", "content": text}]
        _, is_new = Completion.objects.get_or_create(
            prompt_id=original.prompt_id,
            content_hash=completion_hash(messages),
            defaults={
                "messages": messages,
                "generator": f"person-{actor}",
                "sampling": {"feedback": str(feedback)},
                "parent": original,
                "branch_at": _shared(original.text, text),
            },
        )
        made += is_new
    return made


def _shared(first: str, second: str) -> int:
    """Return how many characters two texts have in common at their start."""
    pairs = enumerate(zip(first, second, strict=False))
    differing = (place for place, (one, other) in pairs if one != other)
    return next(differing, min(len(first), len(second)))
