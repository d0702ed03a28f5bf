"""What a row says beyond the record: the difference from what the record gives back.

`difference(made, given)` is null where both are the same, else one of

    {"is": value}                                   another value
    {"keys": {name: difference}, "gone": [names]}   of two objects
    {"items": {place: difference}}                  of two lists of one length

and `applied(made, difference)` is `given` again, types of numbers included.
"""

from collections.abc import Mapping
from typing import Any

Difference = dict[str, Any] | None


def difference(made: Any, given: Any) -> Difference:
    """Return what must change in `made` for it to be `given`."""
    if isinstance(made, dict) and isinstance(given, Mapping):
        return _of_objects(made, given)
    if isinstance(made, list) and isinstance(given, list) and len(made) == len(given):
        items = {
            str(place): found
            for place, pair in enumerate(zip(made, given, strict=True))
            if (found := difference(*pair)) is not None
        }
        return {"items": items} if items else None
    if type(made) is type(given) and made == given:
        return None
    return {"is": given}


def _of_objects(made: dict[str, Any], given: Mapping[str, Any]) -> Difference:
    keys: dict[str, Any] = {}
    for name, value in given.items():
        found = difference(made[name], value) if name in made else {"is": value}
        if found is not None:
            keys[name] = found
    gone = [name for name in made if name not in given]
    changed = {"keys": keys} if keys else {}
    return (changed | ({"gone": gone} if gone else {})) or None


def applied(made: Any, change: Difference) -> Any:
    """Return the row that `difference` was taken from, made anew.

    A list may have grown at its end since; what came later stays there.
    """
    if change is None:
        return made
    if "is" in change:
        return change["is"]
    if "items" in change:
        found = list(made)
        for place, inner in change["items"].items():
            found[int(place)] = applied(found[int(place)], inner)
        return found
    kept = {name: made[name] for name in made if name not in change.get("gone", ())}
    for name, inner in change.get("keys", {}).items():
        kept[name] = applied(kept.get(name), inner)
    return kept
