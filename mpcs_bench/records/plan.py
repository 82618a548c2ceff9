"""Plans: `plans/<protocol>.json`, what a protocol consists of, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from mpcs_bench.errors import StoreError
from mpcs_bench.records.atomic_write import atomic_write_text
from mpcs_bench.records.json_file import read_json, to_json, to_json_line
from mpcs_bench.records.margins import (
    DEFAULT_MARGIN,
    MarginInForce,
    PlannedMargin,
    history_from,
    margin_in_force,
)
from mpcs_bench.records.spec import CellAxes, check_key

FOLDER = "plans"
PLAN_FORMAT = 2
"""Version 1 repeated the conditions in every cell; it is read too."""

_HINT = "Remove this file and run the protocol again: it is written anew."
_OF_THEIR_OWN = frozenset({"cells", "notes", "factors", "decisions", "margin", "margins"})


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One cell of a protocol.

    `key` is None while it cannot be resolved (a data set that is not there); then `symbolic`
    names the cell. `position` orders the cells of the protocol; `axes` are those of `CellAxes`;
    `conditions` must be equal where cells are compared (cells that are alike hold one mapping);
    `dataset`, `fingerprint` and `split_hash` name the data; `stages` are the keys of the stages it
    stands on.
    """

    key: str | None
    position: int
    experiment: str
    label: str
    axes: Mapping[str, Any]
    symbolic: str
    conditions: Mapping[str, Any] = field(default_factory=dict)
    dataset: str | None = None
    fingerprint: str | None = None
    split_hash: str | None = None
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """The cells of one protocol; `planned_at` is ISO 8601 in UTC, `notes` go with its tables.

    `factors` are conditions that its table compares; `decisions` are those that its numbers rest
    on: entry -> `question` and `taken`, what each experiment took. `margin` is how many percentage
    points a value may lie from a published one and be called equivalent, as planned last;
    `margins` are all that were planned so far (none: not known).
    """

    protocol: str
    title: str
    scale: str
    baseline: str | None
    planned_at: str
    cells: tuple[PlannedCell, ...]
    notes: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    decisions: Mapping[str, Any] = field(default_factory=dict)
    margin: float = DEFAULT_MARGIN
    margins: tuple[PlannedMargin, ...] = ()

    @property
    def margin_in_force(self) -> MarginInForce:
        """The margin that counts: none may widen once there are results."""
        return margin_in_force(self.margin, self.margins)


def write_plan(workspace: Path, plan: PlanRecord) -> Path:
    """Write `plan` to `plans/<protocol>.json`, atomically.

    Raises StoreError where a key or an axis breaks the format, or the file cannot be written.
    """
    check_key(plan.protocol)
    what = f"The plan of {plan.protocol}"
    conditions: dict[int, int] = {}
    shared: list[str] = []
    cells: list[str] = []
    for cell in plan.cells:
        if cell.key is not None:
            check_key(cell.key)
        CellAxes.of(cell.axes, f"cell {cell.symbolic} of {plan.protocol}")
        number = conditions.setdefault(id(cell.conditions), len(shared))
        if number == len(shared):
            shared.append(to_json_line(cell.conditions, what))
        values = {name: getattr(cell, name) for name in _CELL_FIELDS}
        cells.append(to_json_line(values | {"conditions": number}, what))
    head = {name: getattr(plan, name) for name in _PLAN_FIELDS if name != "cells"}
    head |= {"format": PLAN_FORMAT, "margins": [asdict(margin) for margin in plan.margins]}
    text = to_json(head, what)
    path = workspace / FOLDER / f"{plan.protocol}.json"
    # One line a cell: an indented plan takes twenty times as long to write.
    lists = _listed("conditions", shared), _listed("cells", cells)
    atomic_write_text(path, ",\n".join([text.removesuffix("\n}\n"), *lists]) + "\n}\n")
    return path


def read_plans(workspace: Path) -> list[PlanRecord]:
    """Return all plans of the workspace, by protocol name.

    Raises StoreError where a file is damaged or of a newer format.
    """
    folder = workspace / FOLDER
    if not folder.is_dir():
        return []
    return [_read(path) for path in sorted(folder.glob("[!.]*.json"))]


def _listed(name: str, items: Sequence[str]) -> str:
    lines = ",\n  ".join(items)
    inside = f"\n  {lines}\n " if items else ""
    return f' "{name}": [{inside}]'


def _read(path: Path) -> PlanRecord:
    document = read_json(path, _HINT, PLAN_FORMAT)
    shared = document.get("conditions")
    try:
        cells = tuple(_cell(cell, shared) for cell in document["cells"])
        return PlanRecord(
            **{name: document[name] for name in _PLAN_FIELDS if name not in _OF_THEIR_OWN},
            cells=cells,
            notes=tuple(document["notes"]),
            factors=tuple(document.get("factors", ())),
            decisions=dict(document.get("decisions", {})),
            margin=document.get("margin", DEFAULT_MARGIN),
            margins=history_from(document),
        )
    except KeyError as error:
        raise StoreError(f"{path} lacks the field {error}.", hint=_HINT) from error
    except (TypeError, ValueError, IndexError) as error:
        raise StoreError(f"{path} is damaged: {error}.", hint=_HINT) from error


def _cell(cell: Mapping[str, Any], shared: Sequence[Mapping[str, Any]] | None) -> PlannedCell:
    values = {name: cell[name] for name in _CELL_FIELDS}
    if shared is not None:
        values["conditions"] = shared[cell["conditions"]]
    return PlannedCell(**values | {"stages": tuple(values["stages"])})


_CELL_FIELDS = tuple(item.name for item in fields(PlannedCell))
_PLAN_FIELDS = tuple(item.name for item in fields(PlanRecord))
