"""What people call a completion: by its letter in the presented order."""


def letter(number: int) -> str:
    """Return A..Z, then AA, AB, ... for places from 0 on."""
    label = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        label = chr(ord("A") + rest) + label
    return label
