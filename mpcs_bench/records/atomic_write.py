"""Atomic, durable writing: a file or folder is there whole, or it is not there.

Order, for one file: write to a temporary name in the same folder; flush and fsync the file (its
bytes are on the disk before its name is); rename over the target (atomic within one file
system); fsync the folder (the name is on the disk). After a power cut either the old or the new
file stands, never half of one.

Order, for a folder: fsync every file in it, fsync the folder, rename it, fsync the parent.

Scope: one writer per target. Two writers do not corrupt each other: the last rename wins for a
file, the first for a folder (`publish_folder` refuses a target that is not empty).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mpcs_bench.errors import StoreError
from mpcs_bench.records.process import unique_token


def atomic_write(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then rename it to `path`; parents are made.

    Raises StoreError where the disk is full or the folder cannot be written; `path` is then as it
    was and the temporary is gone. An exception of `write` that is no OSError passes through.
    """
    temporary = path.with_name(f".tmp-{path.name}-{os.getpid()}-{unique_token()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        fsync_file(temporary)
        temporary.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        _remove_quietly(temporary)


def atomic_write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, atomically; raises as `atomic_write`."""
    atomic_write(path, lambda temporary: temporary.write_bytes(text.encode()))


def publish_folder(temporary: Path, target: Path) -> bool:
    """Rename the filled folder `temporary` to `target`; False where `target` already stands.

    Every file directly in `temporary` must have been fsynced. Raises OSError as rename does.
    """
    fsync_folder(temporary)
    try:
        temporary.rename(target)
    except OSError:
        if target.is_dir():
            return False
        raise
    fsync_folder(target.parent)
    return True


def fsync_file(path: Path) -> None:
    """Force the bytes of `path` to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def fsync_folder(path: Path) -> None:
    """Force the names in folder `path` to the disk (a no-op where folders cannot be opened)."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> StoreError:
    """Return the StoreError that tells a user why `path` could not be written."""
    reason = error.strerror or str(error)
    return StoreError(
        f"Cannot write {path}: {reason}.",
        hint="Free space there, make it writable, or choose another folder with --workspace; "
        "then run again: what was finished before is kept.",
    )


def _remove_quietly(path: Path) -> None:
    # Whatever goes wrong here must not hide the error that brought us here.
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
