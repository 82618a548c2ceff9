"""One process at a time does a piece of work that all of them want: the others wait for it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

POLL_SECONDS = 0.2


@contextmanager
def alone(path: Path, pulse: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path`; who waits for it calls `pulse` every fifth of a second.

    The kernel drops the lock with its process, however that ends. Where the file cannot be made
    or its file system knows no locks, nobody waits: what is done must bear being done twice.
    What `pulse` raises ends the waiting.
    """
    descriptor = _held(path, pulse)
    try:
        yield
    finally:
        if descriptor is not None:
            # Away before it is free, so that nobody takes a lock that others cannot see.
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _held(path: Path, pulse: Callable[[], None]) -> int | None:
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            pulse()
            time.sleep(POLL_SECONDS)
            continue
        except OSError:
            os.close(descriptor)
            return None
        if _names(path, descriptor):
            return descriptor
        os.close(descriptor)


def _names(path: Path, descriptor: int) -> bool:
    """Say whether the open file is still the one of this name: its last holder took it away."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
