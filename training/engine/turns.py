"""Threads that compute one at a time, in turns. No torch: who waits may lack it."""

from __future__ import annotations

import threading


class Turns:
    """Lets threads compute one after another, in the order in which they ask."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._last, self._now = 0, 1  # the number given last, and whose turn it is

    def take(self) -> None:
        """Wait for one's turn, and have it until `give`."""
        with self._changed:
            self._last += 1
            mine = self._last
            self._changed.wait_for(lambda: self._now == mine)

    def give(self) -> None:
        """Let the next one go on."""
        with self._changed:
            self._now += 1
            self._changed.notify_all()
