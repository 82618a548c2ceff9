"""The names in an archive: which may be written, and what may stand beside what."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import PurePosixPath

RECORD = "mpcs-bench-archive.json"
"""What the harness writes beside the files of an archive."""

_DRIVE = re.compile(r"^[A-Za-z]:")
_LEFT_OUT = frozenset({"__MACOSX", ".DS_Store"})


class UnsafeNameError(Exception):
    """A name that must not be written; the text says why, without the name."""


@dataclass(slots=True)
class Names:
    """The names that were taken so far, so that no two files meet in one place.

    Names that differ only in case, or in how accents are written, are one on some file systems:
    an archive that holds both would not be the same data everywhere.
    """

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    _spellings: dict[str, str] = field(default_factory=dict)

    def place(self, name: str, *, folder: bool) -> PurePosixPath:
        """Return where `name` goes, relative to the root ('.' is the root itself).

        Raises UnsafeNameError for a name that leads outside, or clashes with an earlier one.
        """
        path = checked(name)
        parts = path.parts
        for depth in range(1, len(parts) + 1):
            self._take("/".join(parts[:depth]), folder=folder or depth < len(parts))
        return path

    def _take(self, name: str, *, folder: bool) -> None:
        spelt = self._spellings.setdefault(_folded(name), name)
        if spelt != name:
            raise UnsafeNameError(f"it differs from '{spelt}' only in case or accents")
        if name in (self.files if folder else self.folders):
            raise UnsafeNameError("it is both a file and a folder")
        (self.folders if folder else self.files).add(name)


def checked(name: str) -> PurePosixPath:
    """Return `name` as a relative path without `.`; raises UnsafeNameError where it is none."""
    if name.startswith("/") or _DRIVE.match(name):
        raise UnsafeNameError("it is absolute")
    if "\\" in name or any(unicodedata.category(letter) == "Cc" for letter in name):
        raise UnsafeNameError("it holds a backslash or a control character")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UnsafeNameError("it is not UTF-8") from None
    path = PurePosixPath(name)
    if ".." in path.parts:
        raise UnsafeNameError("it leads upwards")
    if path.parts and path.parts[0].casefold() == RECORD:
        raise UnsafeNameError("the harness writes a file of this name itself")
    return path


def linked(name: PurePosixPath, target: str, files: Container[str]) -> str:
    """Return the file of the archive that a link called `name` leads to.

    Raises UnsafeNameError where it leads outside, or to anything but a file of the archive.
    """
    if target.startswith("/") or _DRIVE.match(target):
        raise UnsafeNameError(f"it is a link to '{target}', which is absolute")
    parts: list[str] = list(name.parent.parts)
    for part in PurePosixPath(target).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise UnsafeNameError(f"it is a link to '{target}', outside of the archive")
    found = "/".join(parts)
    if found not in files:
        raise UnsafeNameError(f"it is a link to '{target}', which is no file of the archive")
    return found


def is_left_out(path: PurePosixPath) -> bool:
    """Say whether a file is what macOS puts into archives: no data, though it may look like it."""
    return bool(_LEFT_OUT & set(path.parts)) or path.name.startswith("._")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
