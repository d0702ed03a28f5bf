"""Numbers that people put into addresses and fields."""

LONGEST = 9  # digits: fits every integer column


def whole_number(text: str | None) -> int | None:
    """Return a number from 0 to 999,999,999 from its digits; None for anything else.

    `str.isdigit` would let through what `int` refuses, such as a superscript two.
    """
    if text is None or not text.isdecimal() or len(text) > LONGEST:
        return None
    return int(text)
