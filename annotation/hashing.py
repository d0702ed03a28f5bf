"""Content addresses: what makes two prompts, completions or tasks the same."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SPLITS = ("train", "validation", "test")


def content_hash(value: Any) -> str:
    """Return the sha256 of a JSON value in canonical form, as 64 hex digits."""
    canonical = json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def split_of_group(
    group_key: str, *, validation: float = 0.1, test: float = 0.1
) -> str:
    """Return the split of a prompt group: the same in every round, on every machine.

    Args:
        group_key: what ties prompts together, such as the first user message's hash.
        validation, test: the shares of groups that go there, each in [0, 1].
    """
    digest = hashlib.sha256(b"split:" + group_key.encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"


def prompt_hash(messages: Any, context: Any = None) -> str:
    """Return a prompt's content address."""
    return content_hash({"messages": messages, "context": context})


def completion_hash(messages: Any, trace: Any = None) -> str:
    """Return a completion's content address within its prompt.

    Who wrote it is no part of it: the same text twice is nothing to compare.
    """
    return content_hash({"messages": messages, "trace": trace})


def task_key(
    prompt: str, completions: Iterable[str], *, kind: str = "", round: int | None = None
) -> str:
    """Return a task's content address: the same set of completions is one task.

    Args:
        prompt, completions: their content hashes; the order does not matter.
        kind: sets tasks apart that ask different things of the same completions.
        round: given, the same completions may be asked again in another round.
    """
    extra = [part for part in (kind, round) if part not in ("", None)]
    return content_hash([prompt, sorted(completions), *extra])


def group_key(messages: Sequence[Mapping[str, Any]], given: str = "") -> str:
    """Return what ties prompts to one split: a given key, or the first user message."""
    if given:
        return content_hash({"group": given})
    first = next(
        (item["content"] for item in messages if item["role"] == "user"),
        messages[0]["content"] if messages else "",
    )
    return content_hash({"first_user_message": first})
