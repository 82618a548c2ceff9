"""Files of the driver's machine, for workers that do not see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mpcs_bench.records.files import sha256_of

UInt8 = npt.NDArray[np.uint8]


class Files(Protocol):
    """Reads files of the driver's machine, from there or from elsewhere."""

    def facts(self, path: str) -> tuple[str, int]:
        """Return SHA-256 and size in bytes of a file; raises OSError where it cannot be read."""

    def read(self, path: str, offset: int, count: int) -> UInt8:
        """Return up to `count` bytes from `offset` on."""


class FileServer:
    """Runs on the driver's node; arrays that it returns travel through Ray's object store."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], str] = {}

    def facts(self, path: str) -> tuple[str, int]:
        """Return SHA-256 and size in bytes of a file, hashed once for each of its states."""
        status = Path(path).stat()
        state = path, status.st_mtime_ns, status.st_size
        if state not in self._known:
            self._known[state] = sha256_of(Path(path))
        return self._known[state], status.st_size

    def read(self, path: str, offset: int, count: int) -> UInt8:
        """Return up to `count` bytes from `offset` on."""
        return np.fromfile(path, np.uint8, count, offset=offset)


class RemoteFiles:
    """A `FileServer` of another process, by its actor's handle."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def facts(self, path: str) -> tuple[str, int]:
        """Return SHA-256 and size in bytes of a file."""
        import ray

        facts: tuple[str, int] = ray.get(self._server.facts.remote(path))
        return facts

    def read(self, path: str, offset: int, count: int) -> UInt8:
        """Return up to `count` bytes from `offset` on."""
        import ray

        part: UInt8 = ray.get(self._server.read.remote(path, offset, count))
        return part
