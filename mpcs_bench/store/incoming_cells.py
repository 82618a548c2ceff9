"""Cells of plans and of results as Arrow tables, ready to be loaded in bulk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from mpcs_bench.protocol.canonical import SharedParts
from mpcs_bench.records import AXES, CellAxes, PlannedCell, PlanRecord, Result

_TEXT, _INT, _BIG, _REAL = pa.string(), pa.int32(), pa.int64(), pa.float64()
_AXIS_TYPES: Mapping[str, Any] = {
    "train_magnification": _INT,
    "label_fraction": _REAL,
    "fold": _INT,
    "split_seed": _BIG,
    "seed": _BIG,
    "replicate": _INT,
}
CELLS = pa.schema(
    [
        ("line", _INT),
        ("protocol", _TEXT),
        ("experiment", _TEXT),
        ("label", _TEXT),
        ("position", _INT),
        ("identity", _TEXT),
        ("key", _TEXT),
        ("symbolic", _TEXT),
        *[(name, _AXIS_TYPES.get(name, _TEXT)) for name in AXES],
        ("fingerprint", _TEXT),
        ("split_hash", _TEXT),
        ("conditions", _TEXT),
        ("condition_hash", _TEXT),
        ("upstream", _TEXT),
    ]
)


NO_CONDITIONS: Mapping[str, Any] = {}
Row = tuple[Any, ...]
"""Values in the order of `CELLS`, without the line."""


def planned_cells_table(plans: Iterable[PlanRecord]) -> Any:
    """Return one row per cell and protocol."""
    conditions = _Conditions()
    return _table([_planned(plan, cell, conditions) for plan in plans for cell in plan.cells])


def result_cells_table(results: Iterable[Result]) -> Any:
    """Return one row per result that is a cell's own."""
    conditions = _Conditions()
    return _table(
        [
            (
                *(None, None, None, None),
                *_named(result.key, result.spec.symbolic, axes),
                *(axes.fingerprint, axes.split_hash),
                *conditions.of(axes.conditions),
                None,
            )
            for result in results
            if (axes := result.axes) is not None
        ]
    )


class _Conditions:
    """Conditions as JSON, and their digests: those that cells share are written once."""

    def __init__(self) -> None:
        self._parts = SharedParts()
        self._digests: dict[str, str] = {}

    def of(self, conditions: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
        if conditions is None:
            return None, None
        part = self._parts.part(conditions)
        if part.text not in self._digests:
            self._digests[part.text] = part.digest
        return part.text, self._digests[part.text]


def _planned(plan: PlanRecord, cell: PlannedCell, conditions: _Conditions) -> Row:
    axes = CellAxes.of(cell.axes, f"cell {cell.symbolic} of {plan.protocol}")
    return (
        *(plan.protocol, cell.experiment, cell.label, cell.position),
        *_named(cell.key, cell.symbolic, axes, cell.dataset),
        *(cell.fingerprint or axes.fingerprint, cell.split_hash or axes.split_hash),
        *conditions.of(cell.conditions or axes.conditions or NO_CONDITIONS),
        json.dumps(list(cell.stages)),
    )


def _named(key: str | None, symbolic: str, axes: CellAxes, dataset: str | None = None) -> Row:
    identity = f"unresolved:{symbolic}" if key is None else key
    return (
        *(identity, key, symbolic),
        dataset or axes.dataset,
        *(axes.encoder, axes.weights, axes.strategy, axes.loss, axes.adaptation),
        axes.train_magnification or 0,
        *(axes.label_fraction, axes.fold, axes.split_seed, axes.seed, axes.replicate),
    )


def _table(rows: list[Row]) -> Any:
    if not rows:
        return CELLS.empty_table()
    columns = [range(len(rows)), *zip(*rows, strict=True)]
    arrays = [_array(list(column), field) for column, field in zip(columns, CELLS, strict=True)]
    return pa.Table.from_arrays(arrays, names=CELLS.names)


def _array(values: list[Any], field: Any) -> Any:
    if field.name != "conditions":
        return pa.array(values, field.type)
    # Kilobytes that nearly all rows have in common.
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    texts = pa.array(list(places), field.type)
    return pa.DictionaryArray.from_arrays([places[value] for value in values], texts)
