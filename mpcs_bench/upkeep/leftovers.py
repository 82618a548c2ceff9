"""What processes left that were killed, results set aside as damaged, and those moved aside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.records.temporaries import stale_temporaries
from mpcs_bench.upkeep.garbage import Item, size_of
from mpcs_bench.upkeep.trash import batches

DAMAGED = ".damaged-"
_FOLDERS = ("", "results", "states", "plans", "origins", "checkpoints", ".trash", "cache")


def leftovers(workspace: Path) -> Iterator[Item]:
    """Yield temporaries of processes that have ended, damaged results, and batches moved aside.

    Temporaries of other hosts cannot be told and stay.
    """
    for path in sorted({*_temporaries(workspace), *Workspace(workspace).stale_cache()}):
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
        yield from stale_temporaries(workspace / name)
