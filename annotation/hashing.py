"""Content addresses: what makes two prompts, completions or tasks the same."""

import hashlib
import json
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
