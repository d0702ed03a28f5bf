"""The one way to refuse a launch: which field, expected, found, and what to do."""

from annotation.errors import InvalidInput


def unlaunchable(field: str, expected: str, found: str, fix: str = "") -> InvalidInput:
    """Return the refusal of a run for what one of its fields says."""
    return InvalidInput(
        f"The run cannot be launched: its {field} is not right.",
        expected=expected,
        found=found,
        fix=fix or f"Correct {field}.",
        fields=[{"path": field, "message": f"expected {expected}", "value": found}],
    )


def shown(error: InvalidInput) -> InvalidInput:
    """Return a refusal whose advice a form shows too, beside what was found."""
    error.fields[0]["value"] = f"{error.found}. {error.fix}"
    return error
