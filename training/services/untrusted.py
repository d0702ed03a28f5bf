"""Text from models, made fit for the database: PostgreSQL keeps no NUL character."""

import math
from typing import Any


def clean_text(text: str) -> str:
    """Return text without NUL characters; lone surrogates become question marks."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def clean(value: Any) -> Any:
    """Return a JSON value that PostgreSQL takes: strings cleaned, no NaN."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value
