"""Which stages a user means: by number, key, id, protocol, kind, or because they failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.errors import BenchError, StoreError, did_you_mean
from mpcs_bench.store import Store
from mpcs_bench.upkeep.database import RETRY
from mpcs_bench.upkeep.known import Known, KnownStage

SHORTEST = 6
"""Digits of a key that stand for it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for: any of `names`, and of these, or of all, those that fit the rest."""

    names: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    failed: bool = False


def selected(known: Known, selection: Selection, workspace: Path) -> list[KnownStage]:
    """Return the stages that have something to move aside: a result, or a state.

    Raises BenchError where nothing was asked for, and StoreError for a name, protocol or kind
    that there is not, with the nearest, and where nothing fits.
    """
    if not (selection.names or selection.protocols or selection.kinds or selection.failed):
        raise BenchError(
            "Nothing says what is to be invalidated.",
            hint="Name cells by number, key or id; or give --protocol, --stage or --failed.",
        )
    plans = [plan.protocol for plan in known.plans]
    _known("protocol", selection.protocols, plans)
    found = [stage for stage in known.stages.values() if stage.has_result or stage.state]
    _known("kind of stage", selection.kinds, sorted({s.kind for s in found if s.kind}))
    if selection.names:
        numbers = _numbers(workspace) if any(name.isdigit() for name in selection.names) else {}
        keys = {key for name in selection.names for key in _keys(known, name, numbers, plans)}
        found = [stage for stage in found if stage.key in keys]
    found = [stage for stage in found if _fits(stage, selection)]
    if not found:
        raise StoreError(
            "Nothing that fits has a result, or has failed: it is to be computed anyway.",
            hint="`mpcs-bench results` lists the cells and how they stand.",
        )
    return found


def _fits(stage: KnownStage, selection: Selection) -> bool:
    if selection.protocols and not stage.protocols.intersection(selection.protocols):
        return False
    if selection.kinds and stage.kind not in selection.kinds:
        return False
    state = None if stage.has_result or stage.state is None else stage.state.state
    return not selection.failed or state == "failed"


def _keys(
    known: Known, name: str, numbers: dict[str, str | None], plans: Collection[str]
) -> Iterator[str]:
    """Yield the keys that a name means: one, or all stages of one readable id."""
    same = [stage.key for stage in known.stages.values() if stage.symbolic == name]
    if same:
        yield from same
        return
    if name in numbers:
        if (key := numbers[name]) is not None:
            yield key
        return
    begun = [key for key in known.stages if len(name) >= SHORTEST and key.startswith(name)]
    if len(begun) > 1:
        raise StoreError(
            f"'{name}' begins {len(begun)} keys.", hint=f"Give more: {', '.join(begun[:5])}."
        )
    if not begun:
        raise _unknown(known, name, plans)
    yield begun[0]


def _unknown(known: Known, name: str, plans: Collection[str]) -> StoreError:
    ids = [stage.symbolic for stage in known.stages.values()]
    hint = "`mpcs-bench results` lists the cells."
    if name in plans:
        hint = f"For all of that protocol: --protocol {name}."
    return StoreError(
        f"The workspace holds no cell and no stage '{name}'.{did_you_mean(name, ids)}", hint=hint
    )


def _numbers(workspace: Path) -> dict[str, str | None]:
    """Return the keys of cells by number: only the database gives them numbers."""
    with Store(workspace, RETRY).reader() as connection:
        rows = connection.execute("SELECT DISTINCT cell_id, key FROM cells").fetchall()
    return {str(number): key for number, key in rows}


def _known(what: str, names: Iterable[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise StoreError(
                f"The workspace holds no {what} '{name}'.{did_you_mean(name, known)}",
                hint=f"It holds: {', '.join(known) or 'none'}.",
            )
