"""Results that were found whole before: they are not read again while their files stay as they are.

Reading a result takes ten times as long as looking at its files' sizes and times, and longer where
it has weights. A file whose bytes changed has another size, time of change, or number; one that
rots on the disk has not, which is why `mpcs-bench doctor` reads everything.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mpcs_bench.errors import StoreError
from mpcs_bench.records.atomic_write import atomic_write_text
from mpcs_bench.records.files import MANIFEST, SPEC
from mpcs_bench.records.json_file import read_json

FILE = Path("cache") / "results-seen.jsonl"


@dataclass(frozen=True, slots=True)
class Seen:
    """A result that was whole: what its files looked like, when it was made, and its id."""

    key: str
    stamp: str
    made_ns: int
    symbolic: str


class SeenResults:
    """The memory of one workspace, `cache/results-seen.jsonl`: one line a result, added at the end.

    It can be removed at any time: results are then read once more.
    """

    def __init__(self, workspace: Path) -> None:
        self._results, self._path = workspace / "results", workspace / FILE
        self._new: list[Seen] = []
        self._crowded = False

    def is_whole(self, key: str, stamp: str) -> bool:
        """Say whether the result was whole when its files looked like `stamp`."""
        seen = self._seen.get(key)
        return seen is not None and seen.stamp == stamp

    def add(self, key: str, stamp: str) -> None:
        """Remember that the result is whole and looks like `stamp`; `save` writes it down."""
        self._remember(self._look(key, stamp))

    def newest(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the key of the newest of these results for each readable id that they have.

        Those never looked at are looked at now; what cannot be read is left out.
        """
        listed = list(keys)
        for key in listed:
            if key not in self._seen:
                self._remember(self._look(key, ""))
        known = [self._seen[key] for key in listed if key in self._seen]
        known.sort(key=lambda seen: seen.made_ns)
        return {seen.symbolic: seen.key for seen in known}

    @cached_property
    def _seen(self) -> dict[str, Seen]:
        """What is remembered, by key; a committer that only adds never reads it."""
        lines = _lines(self._path)
        found = {seen.key: seen for line in lines if (seen := _parsed(line)) is not None}
        self._crowded = len(lines) > 2 * len(found) + 1000
        return found | {seen.key: seen for seen in self._new}

    def save(self) -> None:
        """Write down what was added. A memory that cannot be written is no loss."""
        kept = list(self._seen.values()) if self._crowded else self._new
        if not kept:
            return
        text = "".join(json.dumps([s.key, s.stamp, s.made_ns, s.symbolic]) + "\n" for s in kept)
        try:
            if self._crowded:
                atomic_write_text(self._path, text)
            else:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(text)
        except (OSError, StoreError):
            return
        self._new, self._crowded = [], False

    def _remember(self, seen: Seen | None) -> None:
        if seen is None:
            return
        self._new.append(seen)
        if "_seen" in self.__dict__:
            self._seen[seen.key] = seen

    def _look(self, key: str, stamp: str) -> Seen | None:
        path = self._results / key / SPEC
        try:
            made = path.stat().st_mtime_ns
            return Seen(key, stamp, made, str(read_json(path)["symbolic"]))
        except (OSError, KeyError, StoreError):
            return None


def stamp_of(folder: Path) -> str | None:
    """Return what tells the present files of a result from any others, without reading them.

    None where there is no such folder, or no manifest in it.
    """
    facts = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                status = entry.stat()
                times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"
                facts.append(f"{entry.name}:{status.st_ino}:{status.st_size}:{times}")
    except OSError:
        return None
    if not any(fact.startswith(f"{MANIFEST}:") for fact in facts):
        return None
    return hashlib.blake2b("\n".join(sorted(facts)).encode(), digest_size=12).hexdigest()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _parsed(line: str) -> Seen | None:
    """Read one line; None for one that a killed process left torn."""
    try:
        key, stamp, made_ns, symbolic = json.loads(line)
        return Seen(str(key), str(stamp), int(made_ns), str(symbolic))
    except (ValueError, TypeError):
        return None
