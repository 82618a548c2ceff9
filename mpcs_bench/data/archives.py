"""Unpack a data set's published archive into its root folder: whole, or not at all.

Everything is written into a temporary folder beside the root, which takes the root's name once
the last file is there and the archive was sound to its end. Nothing is fsynced: after a power cut
`data verify` says what is whole, by the checksums that are kept with the files.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from mpcs_bench.data.archive_members import Member, damage_named, members, refused
from mpcs_bench.data.archive_names import Names, UnsafeNameError, is_left_out, linked
from mpcs_bench.data.archive_record import (
    ArchiveFile,
    ArchiveRecord,
    FileRecord,
    read_record,
    sha256_of,
)
from mpcs_bench.data.atomic import NO_SPACE, free_bytes
from mpcs_bench.errors import DataError
from mpcs_bench.records import sweep_temporaries
from mpcs_bench.records.process import unique_token
from mpcs_bench.registry.dataset import Progress

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may unpack to: `ratio` times its own size, `always` bytes at any rate.

    Images hardly compress; an archive that exceeds this was made to fill a disk.
    """

    ratio: float = 200.0
    always: int = 1 << 30
    members: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An archive in its root; `already` where it had been unpacked before and nothing was done."""

    root: Path
    record: ArchiveRecord
    already: bool = False


LIMITS = Limits()


def unpack(
    archive: Path, root: Path, progress: Progress | None = None, limits: Limits = LIMITS
) -> Unpacked:
    """Unpack a tar (plain, gz, bz2, xz) or zip archive into `root`, which must be empty or absent.

    Links are kept where they lead to files of the archive. `progress` is told bytes of twice the
    archive: it is read once for its checksum, once to unpack. Where `root` was made from the same
    archive nothing is done.

    Raises DataError where `root` holds anything else; where the archive is damaged, holds what
    could be written outside of `root` or over one another, or too much; and where the disk is
    full. `root` is then as it was.
    """
    tell = progress or (lambda _done, _total: None)
    root = root.resolve()
    try:
        size = archive.stat().st_size
        digest = sha256_of(archive, lambda done: tell(done, 2 * size))
    except OSError as error:
        raise DataError(f"There is no archive {archive} to read: {error.strerror}.") from error
    source = ArchiveFile(name=archive.name, sha256=digest, size=size)
    temporary = root.with_name(f".tmp-{root.name}-{os.getpid()}-{unique_token()}")
    try:
        standing = _standing(root, source)
        if standing is not None:
            return Unpacked(root, standing, already=True)
        sweep_temporaries(root.parent)
        temporary.mkdir(parents=True)
        filling = _Filling(archive, source, temporary, limits)
        for member in members(archive, temporary, lambda done: tell(size + done, 2 * size)):
            filling.take(member)
        record = filling.finish()
        record.write(temporary)
        temporary.rename(root)
    except OSError as error:
        raise _cannot_write(root, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    tell(2 * size, 2 * size)
    return Unpacked(root, record)


def _standing(root: Path, source: ArchiveFile) -> ArchiveRecord | None:
    """Return the record of a root that was made from the same archive, None for an empty root.

    Raises DataError for any other root.
    """
    if not root.exists():
        return None
    if not root.is_dir():
        raise DataError(f"{root} is a file, not a folder to unpack into.")
    if not any(root.iterdir()):
        if os.path.ismount(root):
            raise DataError(
                f"{root} is a mount point: no folder can take its name.",
                hint=f"Name a folder inside it, such as {root / 'data'}.",
            )
        return None
    record = read_record(root)
    if record is None or record.archive.sha256 != source.sha256:
        made = f"was unpacked from '{record.archive.name}'" if record else "is not empty"
        raise DataError(
            f"{root} {made}: '{source.name}' is not unpacked over it.",
            hint="Name another folder, or remove this one; to use what is there, leave the "
            "archive out.",
        )
    if other := record.other_sizes(root):
        raise DataError(
            f"{root} was unpacked from this archive, but {len(other)} of {len(record.files)} "
            f"files are missing or changed since (first: {other[0]}).",
            hint="Remove the folder and unpack again.",
        )
    return record


@dataclass(slots=True)
class _Filling:
    """Writes the members of an archive into a temporary folder; links last.

    While files are written no link exists that one of them could be written through.
    """

    archive: Path
    source: ArchiveFile
    folder: Path
    limits: Limits
    names: Names = field(default_factory=Names)
    files: dict[str, FileRecord] = field(default_factory=dict)
    links: list[tuple[PurePosixPath, Member]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    declared: int = 0
    count: int = 0
    free: int = field(init=False)

    def __post_init__(self) -> None:
        self.free = free_bytes(self.folder)

    def take(self, member: Member) -> None:
        """Write one member, or keep it for later; raises DataError."""
        self._count(member)
        try:
            path = self.names.place(member.name, folder=member.kind == "folder")
        except UnsafeNameError as error:
            raise refused(self.archive, member.name, str(error)) from error
        if is_left_out(path):
            self.left_out += [str(path)] * (member.kind != "folder")
        elif member.kind == "folder":
            (self.folder / path).mkdir(parents=True, exist_ok=True)
        elif member.kind == "file":
            self._file(path, member)
        else:
            self.links.append((path, member))

    def finish(self) -> ArchiveRecord:
        """Make the links and return the record; raises DataError, also for an empty archive."""
        files, links = dict(self.files), {}
        for path, member in self.links:
            place = self.folder / path
            try:
                within = path if member.kind == "symlink" else PurePosixPath("link")
                target = linked(within, member.target, self.files)
            except UnsafeNameError as error:
                raise refused(self.archive, member.name, str(error)) from error
            if str(path) in files or str(path) in links:
                raise refused(self.archive, member.name, "the archive holds it twice")
            place.parent.mkdir(parents=True, exist_ok=True)
            if member.kind == "symlink":
                place.symlink_to(member.target)
                links[str(path)] = member.target
            else:
                place.hardlink_to(self.folder / target)
                files[str(path)] = self.files[target]
        if not files:
            raise DataError(f"The archive {self.archive} holds no files.")
        return ArchiveRecord(
            archive=self.source,
            unpacked=datetime.now(UTC).isoformat(timespec="seconds"),
            files=files,
            links=links,
            left_out=tuple(self.left_out),
        )

    def _count(self, member: Member) -> None:
        self.declared += member.size
        self.count += 1
        if self.declared > self.free:
            raise DataError(
                f"No space to unpack {self.archive}: more than {self.declared / 1e9:.3f} GB are "
                f"needed, {self.free / 1e9:.3f} GB are free beside {self.folder.parent}.",
                hint="Free some space, or unpack to a larger disk.",
            )
        allowed = max(self.limits.always, self.limits.ratio * self.source.size)
        if self.declared > allowed or self.count > self.limits.members:
            raise DataError(
                f"The archive {self.archive} ({self.source.size / 1e6:.3f} MB) would unpack to "
                f"more than {self.declared / 1e6:.0f} MB in {self.count} files: it was made to "
                "fill a disk, or is no archive of images.",
                hint="If you trust it, unpack it with another program and give its folder.",
            )

    def _file(self, path: PurePosixPath, member: Member) -> None:
        known = self.files.get(str(path))
        if known is not None:
            # The same file once more does no harm; of two different ones, one would be lost.
            if self._read(member, None) != known:
                raise refused(self.archive, member.name, "the archive holds two different ones")
            return
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            self.files[str(path)] = self._read(member, file)

    def _read(self, member: Member, file: IO[bytes] | None) -> FileRecord:
        state, size = hashlib.sha256(), 0
        while True:
            with damage_named(self.archive):
                data = member.read(CHUNK)
                if not data and size != member.size:
                    raise EOFError(f"'{member.name}' ends after {size} of {member.size} bytes")
            if not data:
                return FileRecord(sha256=state.hexdigest(), size=size)
            state.update(data)
            size += len(data)
            if file is not None:
                file.write(data)


def _cannot_write(root: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
        reason = "another process has filled it meanwhile"
    hint = "Free some space, or unpack to a larger disk." if error.errno in NO_SPACE else None
    return DataError(f"Cannot unpack into {root}: {reason}.", hint=hint)
