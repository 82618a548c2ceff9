"""`gc`: finds what nothing needs, and removes it so that a kill at any moment does no harm.

Order: the database forgets a result before its files go, since a row without files would keep a
new result of that key out. Killed before the files are gone, the result stands whole and unknown:
the next `gc` finds it again. A folder is renamed to a temporary first and then emptied, so that no
half of it is ever taken for the whole; what a kill leaves of that is a temporary of a dead
process. Single files go in one step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.upkeep.database import finished_keys, forget
from mpcs_bench.upkeep.garbage import GROUPS, Garbage, Item
from mpcs_bench.upkeep.known import Known
from mpcs_bench.upkeep.leftovers import leftovers
from mpcs_bench.upkeep.needed import needed
from mpcs_bench.upkeep.removing import remove
from mpcs_bench.upkeep.unneeded import unneeded_stages
from mpcs_bench.upkeep.unused_cache import unused_cache


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed, and what could not be: its path and why."""

    items: tuple[Item, ...]
    failed: tuple[tuple[Path, str], ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes that were freed."""
        return sum(item.bytes for item in self.items)


def survey(workspace: Workspace) -> Garbage:
    """Return what can go; changes nothing, and may be asked while a run goes on.

    Raises StoreError where a plan, a state file or the database cannot be read.
    """
    workspace.require()
    known = Known.read(workspace.root)
    wanted = needed(known)
    rows = finished_keys(workspace.root) if known.stages else []
    cached, unclear = unused_cache(workspace.root, known, wanted.keys)
    items = [
        *unneeded_stages(workspace.root, known, wanted.keys, rows),
        *leftovers(workspace.root),
        *cached,
    ]
    items.sort(key=lambda item: GROUPS.index(item.group))
    return Garbage(tuple(items), (*wanted.notices, *unclear))


def collect(workspace: Workspace, agreed: Garbage) -> Collected:
    """Remove what was agreed to and can still go; the workspace is locked meanwhile.

    Raises StoreError where a run has the workspace, or someone else the database; then nothing
    was removed. What cannot be removed otherwise is reported, and stays.
    """
    with workspace.lock():
        again = {_mark(item): item for item in survey(workspace).items}
        items = [again[mark] for item in agreed.items if (mark := _mark(item)) in again]
        _forget(workspace.root, items)
        done, failed = [], []
        for item in items:
            problems = list(_removed(item))
            failed += problems
            if not problems:
                done.append(item)
    return Collected(tuple(done), tuple(failed))


def _mark(item: Item) -> tuple[str, str, tuple[Path, ...]]:
    return item.group, item.name, item.paths


def _forget(workspace: Path, items: list[Item]) -> None:
    def keys(*groups: str) -> list[str]:
        return [item.key for item in items if item.group in groups and item.key is not None]

    results, states, indexes = keys("results", "rows"), keys("states"), keys("indexes")
    if results or states or indexes:
        forget(workspace, results=results, states=states, indexes=indexes)


def _removed(item: Item) -> Iterator[tuple[Path, str]]:
    """Remove the paths of an item; yield those that cannot be."""
    for path in item.paths:
        try:
            remove(path)
        except OSError as error:
            yield path, error.strerror or str(error)
