"""The members of a tar or zip archive, one after the other; damage is said, never skipped."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Self

from mpcs_bench.errors import DataError

MemberKind = Literal["file", "folder", "symlink", "hardlink"]
Consumed = Callable[[int], None]
"""Told how many bytes of the archive have been read."""

HEADERS = 16 << 20
"""Bytes that may stand between two files of a tar archive: names and padding need far less."""
LONGEST_LINK = 4096
COMPRESSED: Mapping[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,  # a zip compression that Python does not have
    ValueError,
)
BY_HAND = "Unpack it with another program, look at what it holds, and give its folder with --data."


@dataclass(frozen=True, slots=True)
class Member:
    """One member: `size` in bytes as declared, `target` of a link, `read(n)` its next bytes.

    The bytes must be read before the next member is asked for.
    """

    name: str
    kind: MemberKind
    size: int = 0
    target: str = ""
    read: Callable[[int], bytes] = lambda _: b""


def members(archive: Path, inside: Path, consumed: Consumed) -> Iterator[Member]:
    """Yield the members of `archive` in its order; `inside` is the folder that they go into.

    Raises DataError where it is neither tar (plain, gz, bz2, xz) nor zip, is cut off or damaged,
    is encrypted, or holds a device; OSError where it cannot be read.
    """
    with damage_named(archive), archive.open("rb") as file:
        head = file.read(512)
        opener = next((make for magic, make in COMPRESSED.items() if head.startswith(magic)), None)
        if opener is None and head[257:262] != b"ustar" and zipfile.is_zipfile(file):
            yield from _zip_members(archive, file, consumed)
            return
        if head.startswith(b"PK"):
            raise zipfile.BadZipFile("the list of its files, at the end, is missing")
        file.seek(0)
        stream = opener(file) if opener else file
        yield from _tar_members(archive, stream, inside, lambda: consumed(file.tell()))


@contextmanager
def damage_named(archive: Path) -> Iterator[None]:
    """Turn what the readers of archives raise into a DataError that names `archive`."""
    try:
        yield
    except _BROKEN as error:
        raise DataError(
            f"The archive {archive} is cut off, damaged or no archive: "
            f"{str(error) or type(error).__name__}.",
            hint="Compare its size with the one published, and fetch it again. "
            "Archives are .tar, .tar.gz, .tar.bz2, .tar.xz and .zip.",
        ) from error


def refused(archive: Path, name: str, reason: str) -> DataError:
    """Return the error for a member that is not unpacked."""
    shown = name.encode(errors="backslashreplace").decode()
    return DataError(
        f"The archive {archive} holds '{shown}', which is not unpacked: {reason}.", hint=BY_HAND
    )


class _StrictInfo(tarfile.TarInfo):
    """A header that is damaged or missing is an error; tarfile would take it for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if not buf.strip(b"\0") and len(buf) == tarfile.BLOCKSIZE:
            return super().frombuf(buf, encoding, errors)  # the end, as tarfile knows it
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise EOFError(f"{error}, where a file or the archive's end should be") from None


class _Metered:
    """A stream that may be read only as far as the members so far declare."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.allowed = HEADERS

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.allowed -= len(data)
        if self.allowed < 0:
            raise tarfile.ReadError(f"more than {HEADERS >> 20} MiB stand between two files")
        return data


def _tar_members(
    archive: Path, stream: IO[bytes], inside: Path, consumed: Callable[[], None]
) -> Iterator[Member]:
    metered: Any = _Metered(stream)
    # As a stream: the archive is read once, whatever its compression.
    with tarfile.open(fileobj=metered, mode="r|", tarinfo=_StrictInfo) as tar:
        for info in tar:
            kind = _tar_kind(info)
            if kind is None:
                raise refused(archive, info.name, "it is a device or the like")
            metered.allowed += info.size + tarfile.BLOCKSIZE
            yield _tar_member(archive, tar, info, kind, inside)
            consumed()
        rest: Any = tar.fileobj
        while data := rest.read(1 << 16):  # to the end, where gzip keeps its checksum
            if data.strip(b"\0"):
                raise tarfile.ReadError("something stands behind its end")


def _tar_member(
    archive: Path, tar: tarfile.TarFile, info: tarfile.TarInfo, kind: MemberKind, inside: Path
) -> Member:
    accepts = getattr(tarfile, "data_filter", None)  # Python 3.11.4
    if accepts is not None and not info.name.startswith("/"):  # that is refused by its name
        try:
            accepts(info, str(inside))
        except tarfile.FilterError as error:
            raise refused(archive, info.name, str(error)) from error
    if kind != "file":
        return Member(info.name, kind, target=info.linkname)
    content = tar.extractfile(info)
    assert content is not None  # a regular file has content
    return Member(info.name, kind, info.size, read=content.read)


def _tar_kind(info: tarfile.TarInfo) -> MemberKind | None:
    if info.size < 0:
        raise tarfile.ReadError(f"the size of '{info.name}' is negative")
    if info.isdir():
        return "folder"
    if info.issym():
        return "symlink"
    if info.islnk():
        return "hardlink"
    return "file" if info.isreg() else None


def _zip_members(archive: Path, file: IO[bytes], consumed: Consumed) -> Iterator[Member]:
    with zipfile.ZipFile(file) as opened:
        for info in opened.infolist():
            if info.flag_bits & 1:
                raise refused(archive, info.filename, "it is encrypted")
            kind = _zip_kind(info)
            if kind is None:
                raise refused(archive, info.filename, "it is a device or the like")
            # What stands behind a NUL is cut off in `filename`.
            if kind == "folder":
                yield Member(info.orig_filename, kind)
                continue
            with opened.open(info) as content:
                if kind == "symlink":
                    target = content.read(LONGEST_LINK).decode(errors="replace")
                    yield Member(info.orig_filename, kind, target=target)
                else:
                    yield Member(info.orig_filename, kind, info.file_size, read=content.read)
            consumed(info.header_offset + info.compress_size)


def _zip_kind(info: zipfile.ZipInfo) -> MemberKind | None:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    if info.is_dir() or kind == stat.S_IFDIR:
        return "folder"
    if kind == stat.S_IFLNK:
        return "symlink"
    return "file" if kind in (0, stat.S_IFREG) else None
