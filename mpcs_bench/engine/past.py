"""What a workspace says of stages by their keys: which are done, and what became of the others."""

from __future__ import annotations

from typing import Any

from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import StoreError
from mpcs_bench.records import (
    SeenResults,
    StageState,
    check_result,
    read_result,
    read_state,
    result_folders,
    stamp_of,
    state_keys,
)


class Past:
    """A workspace as it is now: one scan of its folders, and a look at what a plan asks about.

    A result that was found whole before is not read again while its files look as they did; any
    other is read whole, weights too.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._folders = set(result_folders(workspace.results))
        self._stated = set(state_keys(workspace.root))
        self._seen = SeenResults(workspace.root)
        self._newest: dict[str, str] | None = None

    def has_result(self, key: str) -> bool:
        """Say whether there is a result of this key, whole or damaged."""
        return key in self._folders

    def damage(self, key: str) -> str | None:
        """Return what is wrong with the result of this key, or None."""
        folder = self._workspace.results / key
        stamp = stamp_of(folder)
        if stamp is not None and self._seen.is_whole(key, stamp):
            return None
        problems = check_result(folder)
        if not problems and stamp is not None:
            self._seen.add(key, stamp)
        return "; ".join(problems) or None

    def state(self, key: str) -> StageState | None:
        """Return where a stage stands; None where it was never begun.

        Raises StoreError where the state's file is damaged.
        """
        return read_state(self._workspace.root, key) if key in self._stated else None

    def earlier(self, symbolic: str) -> dict[str, Any] | None:
        """Return what the newest result of a readable id was made from; None where there is none.

        A damaged result explains nothing.
        """
        if self._newest is None:
            self._newest = self._seen.newest(self._folders)
        key = self._newest.get(symbolic)
        if key is None:
            return None
        try:
            return dict(read_result(self._workspace.results / key).spec.spec)
        except StoreError:
            return None

    def remember(self) -> None:
        """Write down which results were found whole, for the next plan."""
        self._seen.save()
