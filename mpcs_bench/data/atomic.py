"""Files that appear whole or not at all: written beside their place, then renamed into it."""

from __future__ import annotations

import errno
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mpcs_bench.errors import DataError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def appearing(path: Path, nbytes: int) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` on success.

    Two processes may write the same path at once: the last rename wins, and readers see one
    whole file or the other. Nothing is fsynced: what is written here can be made again.
    `nbytes` is the size to come, for the message. Raises DataError where the disk is full or
    the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise no_space(path, nbytes) from error
        raise DataError(
            f"Cannot write the cache file {path}: {error.strerror or error}",
            hint="Choose a workspace that this user can write.",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def no_space(path: Path, nbytes: int) -> DataError:
    """Return the error for a disk that has no room for `nbytes` at `path`."""
    free = free_bytes(path)
    return DataError(
        f"No space for {path}: {nbytes / 1e9:.3f} GB needed, {free / 1e9:.3f} GB free.",
        hint="Free some space, choose a workspace on a larger disk, or a smaller image size.",
    )


def free_bytes(path: Path) -> int:
    """Return how many bytes are free where `path` would stand."""
    place = path
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
