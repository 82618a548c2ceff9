"""What processes left that were killed, results set aside as damaged, and those moved aside."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from mpcs_bench.records.process import token_is_stale
from mpcs_bench.upkeep.garbage import Item, size_of
from mpcs_bench.upkeep.trash import batches

DAMAGED = ".damaged-"
AGE = 3600.0
"""Seconds after which a half-written cache file is nobody's work any more."""

_OURS = re.compile(r"^\.tmp-(?P<name>.+)-(?P<pid>\d+)-(?P<token>[0-9a-f]+\.\d+\.\d+)(\.wal)?$")
_FOLDERS = ("", "results", "states", "plans", "origins", "checkpoints", ".trash", "cache")
_IN_CACHE = ("*/.*.tmp", "pixels/*/.*.tmp", "generated/.*.partial-*")


def leftovers(workspace: Path) -> Iterator[Item]:
    """Yield temporaries of processes that have ended, damaged results, and batches moved aside.

    Temporaries of other hosts cannot be told and stay.
    """
    for path in sorted({*_temporaries(workspace), *_of_cache(workspace)}):
        name = str(path.relative_to(workspace))
        yield Item("temporaries", name, "its process has ended", (path,), size_of([path]))
    for path in sorted((workspace / "results").glob(f"{DAMAGED}*")):
        reason = "it was damaged, and its stage ran again"
        yield Item("damaged", path.name, reason, (path,), size_of([path]))
    for batch in batches(workspace):
        reason = f"`invalidate` moved it aside on {batch.made}; then it cannot be undone"
        name = f"{batch.name}: {len(batch.keys)} stages"
        yield Item("moved aside", name, reason, (batch.path,), size_of([batch.path]))


def _temporaries(workspace: Path) -> Iterator[Path]:
    for name in _FOLDERS:
        for path in (workspace / name).glob(".tmp-*"):
            match = _OURS.match(path.name)
            if match is not None and token_is_stale(int(match["pid"]), match["token"]):
                yield path


def _of_cache(workspace: Path) -> Iterator[Path]:
    old = time.time() - AGE
    for pattern in _IN_CACHE:
        for path in (workspace / "cache").glob(pattern):
            try:
                if path.lstat().st_mtime < old:
                    yield path
            except OSError:
                continue  # it was renamed into its place meanwhile
