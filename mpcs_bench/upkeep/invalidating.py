"""`invalidate`: moves results aside, with all that stands on them, so that they are made anew.

The database forgets them before their files go. Killed in between, a stage is either as it was
(its result still stands, and the next run takes it in again) or moved aside; no row is ever left
of a result that is gone, and no result on one that is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import StoreError
from mpcs_bench.records import read_states
from mpcs_bench.records.atomic_write import cannot_write
from mpcs_bench.store import Store
from mpcs_bench.upkeep.database import RETRY, forget
from mpcs_bench.upkeep.known import Known, KnownStage
from mpcs_bench.upkeep.removing import remove
from mpcs_bench.upkeep.selection import Selection, selected
from mpcs_bench.upkeep.trash import Batch, batch_called, move_aside, move_back, new_batch


@dataclass(frozen=True, slots=True)
class Invalidation:
    """What would be moved aside: stages that were `named`, and those that `stand` on them.

    `protocols` are those whose comparisons and verdicts go, since they rest on these results.
    """

    selection: Selection
    named: tuple[KnownStage, ...]
    standing: tuple[KnownStage, ...]
    protocols: tuple[str, ...]

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all of them."""
        return frozenset(stage.key for stage in (*self.named, *self.standing))


@dataclass(frozen=True, slots=True)
class Restored:
    """A batch that was moved back: the keys that came, and those that had a new result."""

    batch: str
    back: tuple[str, ...]
    left: tuple[str, ...]


def invalidation(workspace: Workspace, selection: Selection) -> Invalidation:
    """Return what a selection would move aside; changes nothing.

    Raises StoreError where the selection names what there is not, or nothing.
    """
    workspace.require()
    known = Known.read(workspace.root)
    named = selected(known, selection, workspace.root)
    below = known.downstream(stage.key for stage in named) - {stage.key for stage in named}
    standing = [known.stages[key] for key in sorted(below) if _is_there(known.stages.get(key))]
    gone = (*named, *standing)
    with_results = [stage for stage in gone if stage.has_result]
    protocols = {name for stage in with_results for name in stage.protocols}
    return Invalidation(selection, tuple(named), tuple(standing), tuple(sorted(protocols)))


def invalidate(workspace: Workspace, agreed: Invalidation) -> Batch:
    """Move aside what was agreed to; the workspace is locked meanwhile.

    Raises StoreError where a run has the workspace or someone else the database, where it would
    be other stages by now, and where they cannot be moved.
    """
    with workspace.lock():
        found = invalidation(workspace, agreed.selection)
        if found.keys != agreed.keys:
            raise StoreError(
                f"Meanwhile it would be {len(found.keys)} stages, not {len(agreed.keys)}.",
                hint="Nothing was moved. Give the command again.",
            )
        _refuse_running((*found.named, *found.standing))
        ordered = tuple(Known.read(workspace.root).upstream_first(found.keys))
        batch = new_batch(workspace.root, ordered, found.protocols)
        try:
            forget(workspace.root, results=found.keys, protocols=found.protocols)
        except StoreError:
            remove(batch.path)
            raise
        try:
            move_aside(workspace.root, batch)
        except OSError as error:
            raise cannot_write(batch.path, error) from error
    return batch


def undo(workspace: Workspace, name: str | None) -> Restored:
    """Move a batch back (None: the newest), and commit it; the workspace is locked meanwhile.

    A stage that has a new result keeps that one, and its old one stays aside. Raises StoreError
    where there is no such batch.
    """
    workspace.require()
    with workspace.lock():
        batch = batch_called(workspace.root, name)
        try:
            back, left = move_back(workspace.root, batch)
        except OSError as error:
            raise cannot_write(batch.path, error) from error
        _commit(workspace.root, back)
        if not left:
            remove(batch.path)
    return Restored(batch.name, tuple(back), tuple(left))


def _commit(workspace: Path, keys: Sequence[str]) -> None:
    states = read_states(workspace)
    folders = [workspace / "results" / key for key in keys]
    Store(workspace, RETRY).commit(
        states=[states[key] for key in keys if key in states],
        results=[folder for folder in folders if folder.is_dir()],
    )


def _is_there(stage: KnownStage | None) -> bool:
    return stage is not None and (stage.has_result or stage.state is not None)


def _refuse_running(stages: Iterable[KnownStage]) -> None:
    """Raise StoreError where another host says that it runs one of them."""
    for stage in stages:
        state = stage.state
        if state is not None and state.state == "running" and not stage.has_result:
            raise StoreError(
                f"{stage.symbolic} is running, in process {state.pid} on {state.host}.",
                hint="Wait for it, or stop it there. Where that host is gone, remove "
                f"states/{stage.key}.json.",
            )
