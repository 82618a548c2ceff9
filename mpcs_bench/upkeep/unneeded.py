"""Results, checkpoints, states and rows of stages that no plan needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mpcs_bench.upkeep.garbage import Item, size_of
from mpcs_bench.upkeep.known import Known, KnownStage

CHECKPOINTS = "checkpoints"
STATES = "states"
RESULTS = "results"
NO_PLAN = "no plan here needs it"


def unneeded_stages(
    workspace: Path, known: Known, needed: frozenset[str], rows: Iterable[str]
) -> Iterator[Item]:
    """Yield what can go of stages; `rows` are the keys that the database holds a result of.

    What a process runs now, on whatever host, stays with all it has.
    """
    stages = known.stages
    spare = {key for key in stages if key not in needed and not _running(stages[key])}
    # Downstream first, as they are removed: no result ever stands on one that is gone.
    for key in reversed(known.upstream_first(spare)):
        stage = stages[key]
        if stage.has_result:
            parts = (workspace / RESULTS / key, workspace / STATES / f"{key}.json")
            paths = tuple(path for path in parts if path.exists())
            yield Item("results", stage.symbolic, NO_PLAN, paths, size_of(paths), key)
    yield from _checkpoints(workspace, known, needed)
    for key in sorted(spare):
        stage = stages[key]
        path = workspace / STATES / f"{key}.json"
        if path.is_file() and not stage.has_result:
            yield Item("states", stage.symbolic, NO_PLAN, (path,), size_of([path]), key)
    for key in sorted(rows):
        if key not in stages or not stages[key].has_result:
            name = stages[key].symbolic if key in stages else key
            yield Item("rows", name, "its result is no longer on disk", key=key)


def _checkpoints(workspace: Path, known: Known, needed: frozenset[str]) -> Iterator[Item]:
    folder = workspace / CHECKPOINTS
    for path in sorted(folder.glob("[!.]*")) if folder.is_dir() else ():
        stage = known.stages.get(path.name)
        if stage is not None and _running(stage):
            continue
        if stage is not None and stage.has_result:
            reason = "its stage is finished"
        elif path.name not in needed:
            reason = NO_PLAN
        else:
            continue
        name = stage.symbolic if stage is not None else path.name
        yield Item("checkpoints", name, reason, (path,), size_of([path]), path.name)


def _running(stage: KnownStage) -> bool:
    # Of a process on this host that has ended, the state says `interrupted`.
    return not stage.has_result and stage.state is not None and stage.state.state == "running"
