"""What pydantic finds wrong, in words that a person understands.

Each problem has the path of the field, what is wrong with it and its value. The
framework's own words stay only where they are plain already.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

Problem = dict[str, Any]
# The tags of judgments and questions, which are no fields.
KINDS = {
    *("compare", "rank", "best_worst", "rate", "span", "missing", "principle", "text"),
    *("reaction", "outcome", "choose", "step", "flag"),
}
VALUE_CHARACTERS = 200

# By pydantic's error type; the braces are filled from the error's context.
SENTENCES: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a field here; take it out",
    "literal_error": "should be {expected}",
    "union_tag_invalid": "is a kind that does not exist; should be {expected_tags}",
    "union_tag_not_found": "is missing; it says what the rest means",
    "string_type": "should be text",
    "string_too_short": "should have at least {min_length} character(s)",
    "string_too_long": "should have at most {max_length} characters",
    "string_pattern_mismatch": "should match {pattern}",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "greater_than": "should be above {gt}",
    "greater_than_equal": "should be {ge} or more",
    "less_than": "should be below {lt}",
    "less_than_equal": "should be {le} or less",
    "list_type": "should be a list",
    "too_short": "should have at least {min_length} item(s), found {actual_length}",
    "too_long": "should have at most {max_length} items",
    "model_type": "should be an object with named fields",
    "model_attributes_type": "should be an object with named fields",
    "dict_type": "should be an object with named fields",
    "uuid_type": "should be a UUID",
    "uuid_parsing": "should be a UUID",
    "value_error": "{error}",
}
PATTERNS: Mapping[str, str] = {
    r"^[a-z0-9][a-z0-9_-]*$": "should be small letters, digits and - _, such as tone-2",
    r"^[a-z0-9][a-z0-9_./-]*$": "should be small letters, digits and - _ . /, such as "
    "fluency/grammar",
    r"^[a-z0-9][a-z0-9_-]{0,49}(@[1-9][0-9]{0,4})?$": "should be a name and its "
    "version, such as helpfulness-5@1",
    r"^[0-9a-f]{64}$": "should be a sha256 in 64 small hexadecimal digits",
}


def problems_of(error: ValidationError) -> list[Problem]:
    """Return what is wrong with each field."""
    return [problem_of(item) for item in error.errors()]


def problem_of(item: Mapping[str, Any], within: int = 0) -> Problem:
    """Return one of pydantic's errors as path, message and value.

    Args:
        within: how many parts of the path lead to where fields begin.
    """
    is_tag = item["type"] in ("union_tag_invalid", "union_tag_not_found")
    location = [*item["loc"][within:], *(["kind"] if is_tag else [])]
    return {
        "path": _path(location),
        "message": sentence(item),
        "value": repr(item["input"])[:VALUE_CHARACTERS] if "input" in item else None,
    }


def _path(location: Sequence[object]) -> str:
    """Return a field's path with dots, without the tags of unions.

    Pydantic puts the tag of a list's item right behind its place.
    """
    return ".".join(
        str(part)
        for before, part in zip([None, *location], location, strict=False)
        if not (isinstance(before, int) and part in KINDS)
    )


def sentence(item: Mapping[str, Any]) -> str:
    """Return one error of pydantic's in words."""
    context = dict(item.get("ctx", {}))
    if item["type"] == "string_pattern_mismatch" and context["pattern"] in PATTERNS:
        return PATTERNS[context["pattern"]]
    known = SENTENCES.get(item["type"])
    if known is None:
        return str(item["msg"])
    return known.format_map(context)
