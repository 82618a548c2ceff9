"""See to it that Ctrl-C reaches the caller, whatever the database makes of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end of the block where one was raised within it.

    DuckDB runs Python's handlers amid a query and reports what they raise as an error of its own
    ("Query interrupted", a module that "was not installed"), or as nothing at all. Handlers that
    raise nothing are called as ever. In other threads than the main one no signal is handled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen = False
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        handler = before[signal.Signals(number)]
        try:
            if callable(handler):
                handler(number, frame)
        except KeyboardInterrupt:
            seen = True
            raise

    taken = [number for number, handler in before.items() if callable(handler)]
    try:
        for number in taken:
            signal.signal(number, note)
        yield
    except BaseException as error:
        if seen and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        for number in taken:
            if signal.getsignal(number) is note:
                signal.signal(number, before[number])
    if seen:
        raise KeyboardInterrupt
