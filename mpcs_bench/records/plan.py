"""Plans: `plans/<protocol>.json`, what a protocol consists of, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from mpcs_bench.errors import StoreError
from mpcs_bench.records.atomic_write import atomic_write_text
from mpcs_bench.records.json_file import read_json, to_json
from mpcs_bench.records.spec import FORMAT, CellAxes, check_key

FOLDER = "plans"
DEFAULT_MARGIN = 3.0
"""Percentage points; what plans say that were made before they could say it."""

_HINT = "Remove this file and run the protocol again: it is written anew."


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One cell of a protocol.

    `key` is None while it cannot be resolved (a data set that is not there); then `symbolic`
    names the cell. `position` orders the cells of the protocol; `axes` are those of `CellAxes`;
    `conditions` must be equal where cells are compared; `dataset`, `fingerprint` and `split_hash`
    name the data; `stages` are the keys of the stages it stands on.
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
    points a value may lie from a published one and be called equivalent.
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


def write_plan(workspace: Path, plan: PlanRecord) -> Path:
    """Write `plan` to `plans/<protocol>.json`, atomically.

    Raises StoreError where a key or an axis breaks the format, or the file cannot be written.
    """
    check_key(plan.protocol)
    for cell in plan.cells:
        if cell.key is not None:
            check_key(cell.key)
        CellAxes.of(cell.axes, f"cell {cell.symbolic} of {plan.protocol}")
    path = workspace / FOLDER / f"{plan.protocol}.json"
    document = {"format": FORMAT, **asdict(plan)}
    atomic_write_text(path, to_json(document, f"The plan of {plan.protocol}"))
    return path


def read_plans(workspace: Path) -> list[PlanRecord]:
    """Return all plans of the workspace, by protocol name.

    Raises StoreError where a file is damaged or of a newer format.
    """
    folder = workspace / FOLDER
    if not folder.is_dir():
        return []
    return [_read(path) for path in sorted(folder.glob("[!.]*.json"))]


def _read(path: Path) -> PlanRecord:
    document = read_json(path, _HINT)
    cell_fields = [item.name for item in fields(PlannedCell)]
    try:
        cells = tuple(
            PlannedCell(
                **{name: cell[name] for name in cell_fields if name != "stages"},
                stages=tuple(cell["stages"]),
            )
            for cell in document["cells"]
        )
        return PlanRecord(
            **{
                item.name: document[item.name]
                for item in fields(PlanRecord)
                if item.name not in ("cells", "notes", "factors", "decisions", "margin")
            },
            cells=cells,
            notes=tuple(document["notes"]),
            factors=tuple(document.get("factors", ())),
            decisions=dict(document.get("decisions", {})),
            margin=document.get("margin", DEFAULT_MARGIN),
        )
    except KeyError as error:
        raise StoreError(f"{path} lacks the field {error}.", hint=_HINT) from error
    except TypeError as error:
        raise StoreError(f"{path} is damaged: {error}.", hint=_HINT) from error
