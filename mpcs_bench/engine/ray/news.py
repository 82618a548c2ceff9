"""The progress of a running stage, handed on when somebody asks: the newest, never all."""

from __future__ import annotations

import threading
import time

from mpcs_bench.stages.job import Tick

INTERVAL = 0.5
"""Seconds between two messages of one worker."""

PATIENCE = 20.0
"""Seconds after which a question goes unanswered: the driver asks again."""


class News:
    """A stage tells, another thread waits for what it tells."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: tuple[str, Tick] | None = None
        self._handed = 0.0
        self._ends = 0

    def tell(self, key: str, tick: Tick) -> None:
        """Keep `tick` of stage `key` until it is asked for, or a newer one comes."""
        with self._changed:
            self._newest = key, tick
            self._changed.notify_all()

    def end(self) -> None:
        """Let whoever waits go: the stage has ended."""
        with self._changed:
            self._newest = None
            self._ends += 1
            self._changed.notify_all()

    def next(self) -> tuple[str, Tick] | None:
        """Wait for news and return stage and tick; None where the stage ends or nothing comes."""
        begun = time.monotonic()
        with self._changed:
            ends = self._ends
            while self._ends == ends:
                now = time.monotonic()
                if now - begun > PATIENCE:
                    return None
                due = self._handed + INTERVAL - now
                if self._newest is not None and due <= 0:
                    newest, self._newest, self._handed = self._newest, None, now
                    return newest
                self._changed.wait(due if self._newest is not None else PATIENCE)
        return None
