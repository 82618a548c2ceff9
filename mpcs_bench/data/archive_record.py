"""What an unpacked archive leaves in its root: a record of every file, and the check against it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mpcs_bench.data.archive_names import RECORD
from mpcs_bench.errors import DataError
from mpcs_bench.registry.dataset import Progress

NEARBY = 3
"""A record is looked for in a root and in as many folders above it."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRecord(_Model):
    """A file as it was unpacked: SHA-256 of its bytes (64 hex digits), size in bytes."""

    sha256: str
    size: int


class ArchiveFile(FileRecord):
    """The archive itself, by the name that it had."""

    name: str


class ArchiveRecord(_Model):
    """`mpcs-bench-archive.json`: the archive, and its files by path below the root.

    `links` are symbolic links with their targets, `left_out` what was not unpacked.
    """

    format: Literal[1] = 1
    archive: ArchiveFile
    unpacked: str
    files: dict[str, FileRecord]
    links: dict[str, str] = {}
    left_out: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())

    def write(self, root: Path) -> None:
        """Write the record into `root`; raises OSError."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False)
        (root / RECORD).write_text(text + "\n", encoding="utf-8")

    def other_sizes(self, root: Path) -> list[str]:
        """Return the files that are missing, or of another size; no file is opened."""
        return [name for name, file in self.files.items() if _size(root / name) != file.size]


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """The files under `root` beside the record that was made when they were unpacked."""

    archive: str
    sha256: str
    root: str
    files: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether all files are as they were unpacked; files that came later do not count."""
        return not (self.missing or self.changed)


def read_record(root: Path) -> ArchiveRecord | None:
    """Return the record in `root`, or None; raises DataError where it is damaged."""
    try:
        return ArchiveRecord.model_validate_json((root / RECORD).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not what mpcs-bench writes"
        raise DataError(
            f"The record of what was unpacked cannot be read: {root / RECORD} ({reason}).",
            hint="Remove it, to do without; or remove the folder and unpack the archive again.",
        ) from error


def archive_report(
    root: Path, workers: int = 1, progress: Progress | None = None
) -> ArchiveReport | None:
    """Compare the files under `root` with its archive's record; None where there is none.

    Where `root` lies inside an unpacked archive, the whole of that is compared. Every file is
    read. Raises DataError for a damaged record, OSError for a file that cannot be read.
    """
    for place in (root, *root.resolve().parents[:NEARBY]):
        record = read_record(place)
        if record is not None:
            return _compared(record, place, workers, progress)
    return None


def _compared(
    record: ArchiveRecord, root: Path, workers: int, progress: Progress | None
) -> ArchiveReport:
    missing, changed = [], []

    def look(name: str) -> str | None:
        path, expected = root / name, record.files[name]
        if _size(path) != expected.size:
            return None if path.is_file() else ""
        return sha256_of(path)

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="checksum") as executor:
        for done, (name, found) in enumerate(
            zip(record.files, executor.map(look, record.files), strict=True), start=1
        ):
            if found == "":
                missing.append(name)
            elif found != record.files[name].sha256:
                changed.append(name)
            if progress is not None:
                progress(done, len(record.files))
    for name, target in record.links.items():
        if not (root / name).is_symlink():
            missing.append(name)
        elif str((root / name).readlink()) != target:
            changed.append(name)
    return ArchiveReport(
        archive=record.archive.name,
        sha256=record.archive.sha256,
        root=str(root),
        files=len(record.files) + len(record.links),
        missing=tuple(missing),
        changed=tuple(changed),
    )


def sha256_of(path: Path, read: Callable[[int], None] | None = None) -> str:
    """Return the SHA-256 of a file's bytes; `read` is told how many have been read."""
    state, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            state.update(data)
            done += len(data)
            if read is not None:
                read(done)
    return state.hexdigest()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None
