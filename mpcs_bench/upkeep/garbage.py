"""What a workspace holds that nothing needs: listed with sizes and reasons, nothing removed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Group = Literal[
    "results",
    "checkpoints",
    "states",
    "rows",
    "temporaries",
    "damaged",
    "moved aside",
    "indexes",
    "splits",
    "pixels",
    "working images",
    "encodings",
    "generated data",
]
GROUPS: tuple[Group, ...] = get_args(Group)
"""In the order in which they are listed, and removed."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can go: `paths` (none for a row of the database), their size and the reason.

    `key` is that of its stage, or the fingerprint of an index: what the database knows it by.
    """

    group: Group
    name: str
    reason: str
    paths: tuple[Path, ...] = ()
    bytes: int = 0
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Garbage:
    """All that can go, and sentences on what could not be told and stays."""

    items: tuple[Item, ...]
    notices: tuple[str, ...] = field(default=())

    @property
    def bytes(self) -> int:
        """Bytes of all of it."""
        return sum(item.bytes for item in self.items)

    def of(self, group: Group) -> tuple[Item, ...]:
        """Return the items of one group."""
        return tuple(item for item in self.items if item.group == group)

    def groups(self) -> Iterator[tuple[Group, tuple[Item, ...]]]:
        """Yield the groups that have items, in order."""
        for group in GROUPS:
            if items := self.of(group):
                yield group, items


def size_of(paths: Iterable[Path]) -> int:
    """Return the bytes of files and folders; what has gone meanwhile has none."""
    return sum(_size(path) for path in paths)


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return _bytes(path)
    return sum(_bytes(Path(folder, name)) for folder, _, names in os.walk(path) for name in names)


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
