"""Which results the plans of a workspace need: those of their cells, and what these stand on."""

from __future__ import annotations

from dataclasses import dataclass

from mpcs_bench.upkeep.known import Known, KnownStage


@dataclass(frozen=True, slots=True)
class Needed:
    """The keys that a plan needs, and sentences on what could not be told and is kept."""

    keys: frozenset[str]
    notices: tuple[str, ...] = ()


def needed(known: Known) -> Needed:
    """Return what is needed. In doubt a stage is: a blocked cell has no key to know it by.

    Where there is no plan at all, nothing says what is needed, and everything counts as it.
    """
    if not known.plans:
        everything = frozenset(known.stages)
        told = ("No plan is left here, so nothing says which results are needed: all are kept.",)
        return Needed(everything, told if everything else ())
    cells = [cell for plan in known.plans for cell in plan.cells]
    keys = {key for cell in cells for key in (cell.key, *cell.stages) if key is not None}
    blocked = {cell.symbolic for cell in cells if cell.key is None}
    kept = [stage for stage in known.stages.values() if _in_doubt(stage, blocked, keys)]
    keys |= {stage.key for stage in kept}
    for key in sorted(keys):
        keys |= _upstream(known, key)
    return Needed(frozenset(keys), _notices(known, kept))


def _in_doubt(stage: KnownStage, blocked: set[str], keys: set[str]) -> bool:
    """Say whether a stage may belong to a cell that is blocked, by its id or as a pre-training."""
    if not blocked or stage.key in keys:
        return False
    return stage.symbolic in blocked or stage.kind == "pretrain"


def _upstream(known: Known, key: str) -> set[str]:
    found: set[str] = set()
    current: str | None = key
    while current is not None and current not in found:
        found.add(current)
        stage = known.stages.get(current)
        current = stage.upstream if stage is not None else None
    return found


def _notices(known: Known, kept: list[KnownStage]) -> tuple[str, ...]:
    if not kept:
        return ()
    names = sorted(
        plan.protocol for plan in known.plans if any(cell.key is None for cell in plan.cells)
    )
    return (
        f"{len(kept)} stages are kept since they may belong to blocked cells of "
        f"{', '.join(names)}. `mpcs-bench plan` says why they are blocked: once they are not, "
        "that can be told.",
    )
