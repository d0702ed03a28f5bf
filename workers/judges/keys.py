"""Keys of endpoints: read where a call is made, sent to their own origin alone.

A variable holds a key, or an origin and a key with white space between: a key that
names its origin is sent nowhere else, whoever names the variable.
"""

import os
from urllib.parse import urlsplit

from annotation.services.judge_endpoints import PORTS
from annotation.services.judge_settings import JudgeSettings
from training.services.untrusted import clean_text
from workers.judges.base import Failure

HIDDEN = "[key]"


class Key:
    """The key of one judge's endpoint.

    Attributes:
        value: what is sent; empty where the judge names none, or none that fits.
        problem: why it cannot be sent, or None.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        self._name = settings.key
        *origin, self.value = (_told(settings.key) or "").split() or [""]
        self.problem = self._wrong(settings.url, origin)
        self._secret = self.value
        if self.problem is not None:
            self.value = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.value}"} if self.value else {}

    def hide(self, text: str) -> str:
        """Return text that can be kept: without the key, fit for the database.

        Text has to be whole: a key of which the end is cut off is not found.
        """
        hidden = text.replace(self._secret, HIDDEN) if self._secret else text
        return clean_text(hidden)

    def _wrong(self, url: str, origin: list[str]) -> Failure | None:
        if not self._name:
            return None
        if not self.value:
            return self._unauthorised("is not set", "a key in", "no such variable")
        if not (self.value.isascii() and self.value.isprintable()) or len(origin) > 1:
            return self._unauthorised(
                "cannot be sent",
                "a key, or an origin and a key, in printable ASCII in",
                "something else",
            )
        if origin and _origin(origin[0]) != _origin(url):
            return self._unauthorised(
                "is for another endpoint", f"a key for {url} in", f"one for {origin[0]}"
            )
        return None

    def _unauthorised(self, what: str, expected: str, found: str) -> Failure:
        return Failure(
            "unauthorised",
            f"The judge's key {what} where this worker runs.",
            expected=f"{expected} the environment variable {self._name}",
            found=found,
            fix="Set it for the workers and start them again.",
            stops=True,
        )


def _told(name: str) -> str | None:
    return os.environ.get(name) if name else None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Return an address's scheme, host and port; none of them for what is none."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return "", None, None
