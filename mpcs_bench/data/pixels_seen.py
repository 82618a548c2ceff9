"""Which files of a root have been decoded already, and to which pixels: an append-only log."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from mpcs_bench.data.atomic import NO_SPACE, no_space
from mpcs_bench.errors import DataError


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells that a file has not changed: its size in bytes and modification time."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState | None:
        """Return the state of a file, or None where it cannot be reached."""
        try:
            stat = path.stat()
        except OSError:
            return None
        return cls(stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Where an image's pixels stand in the cache, and its size."""

    pixel_hash: str
    width: int
    height: int


@dataclass(slots=True)
class SeenLog:
    """The log of one root folder: path, size and modification time -> decoded pixels.

    One JSON line a file, with the decoders and versions that made the pixels; of those of
    `decoders` the last one counts, and what others decoded is as if it had not been. A line torn
    by a crash is skipped, as is one of older versions, which did not say. Several processes may
    append: each batch is one write that begins on a new line.
    """

    file: Path
    decoders: str
    _seen: dict[str, tuple[FileState, Decoded]] = field(default_factory=dict)
    _pending: list[str] = field(default_factory=list)

    @classmethod
    def of_root(cls, folder: Path, root: Path, decoders: str) -> SeenLog:
        """Read the log for `root` in `folder`, empty where there is none yet."""
        name = hashlib.sha256(os.path.realpath(root).encode()).hexdigest()[:16]
        log = cls(folder / f"seen-{name}.jsonl", decoders)
        if log.file.is_file():
            for line in log.file.read_bytes().splitlines():
                log._read(line)
        return log

    def _read(self, line: bytes) -> None:
        try:
            path, size, mtime_ns, pixel_hash, width, height, decoders = json.loads(line)
        except (ValueError, TypeError):
            return
        if decoders == self.decoders:
            self._seen[path] = (FileState(size, mtime_ns), Decoded(pixel_hash, width, height))

    def get(self, path: str, state: FileState) -> Decoded | None:
        """Return what the file was decoded to, if it is as it was then."""
        entry = self._seen.get(path)
        return entry[1] if entry is not None and entry[0] == state else None

    def add(self, path: str, state: FileState, decoded: Decoded) -> int:
        """Note a decoded file; returns how many notes are not on disk yet."""
        self._seen[path] = (state, decoded)
        entry = [path, state.size, state.mtime_ns, decoded.pixel_hash]
        self._pending.append(json.dumps([*entry, decoded.width, decoded.height, self.decoders]))
        return len(self._pending)

    def flush(self) -> None:
        """Append what is pending in one write; raises DataError where that fails."""
        if not self._pending:
            return
        batch = ("\n" + "\n".join(self._pending) + "\n").encode()
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("ab", buffering=0) as file:
                file.write(batch)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise no_space(self.file, len(batch)) from error
            raise DataError(f"Cannot write {self.file}: {error.strerror or error}") from error
        self._pending.clear()
