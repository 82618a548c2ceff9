"""The three tables of a result: their schemas and their rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mpcs_bench.errors import StoreError


def _required(name: str, kind: Any) -> Any:
    return pa.field(name, kind, nullable=False)


METRICS = pa.schema(
    [
        _required("part", pa.string()),
        _required("test_magnification", pa.int32()),
        _required("metric", pa.string()),
        _required("value", pa.float64()),
        _required("n", pa.int64()),
    ]
)
HISTORY = pa.schema(
    [
        _required("epoch", pa.int32()),
        _required("name", pa.string()),
        _required("value", pa.float64()),
    ]
)
PREDICTIONS = pa.schema(
    [
        _required("part", pa.string()),
        _required("sample_id", pa.string()),
        _required("pixel_hash", pa.string()),
        _required("image_id", pa.string()),
        _required("patient_id", pa.string()),
        _required("group_id", pa.string()),
        _required("magnification", pa.int32()),
        _required("patch_index", pa.int32()),
        _required("label", pa.int32()),
        _required("predicted", pa.int32()),
        pa.field("score", pa.float64()),
        _required("logits", pa.list_(pa.float32())),
        pa.field("threshold", pa.float64()),
    ]
)
SCHEMAS: Mapping[str, Any] = {
    "metrics": METRICS,
    "history": HISTORY,
    "predictions": PREDICTIONS,
}
UNIQUE: Mapping[str, tuple[str, ...]] = {
    "metrics": ("part", "test_magnification", "metric"),
    "history": ("epoch", "name"),
    "predictions": ("part", "sample_id"),
}
"""What names a row: two rows of one table never agree in all of these."""

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ResultTables:
    """The tables of a result as pyarrow tables; empty where a stage has none.

    `metrics`: part, test_magnification (0: none), metric, value, n (items the value is over).
    `history`: epoch, name, value. `predictions`: one row per sample and part; `score` is
    P(positive class) and `threshold` what it was held to, both null for several classes;
    `logits` has one value per output of the network.
    """

    metrics: Any = field(default_factory=METRICS.empty_table)
    history: Any = field(default_factory=HISTORY.empty_table)
    predictions: Any = field(default_factory=PREDICTIONS.empty_table)

    def validated(self) -> ResultTables:
        """Return the tables cast to the schemas, columns in order.

        Raises StoreError, naming table and column, for a missing or unknown column, a type that
        does not fit, a null where none may be, and two rows that say the same thing twice.
        """
        return ResultTables(
            metrics=validate("metrics", self.metrics),
            history=validate("history", self.history),
            predictions=validate("predictions", self.predictions),
        )


def metrics_table(rows: Rows) -> Any:
    """Return a metrics table from one mapping per row."""
    return _from_rows("metrics", rows)


def history_table(rows: Rows) -> Any:
    """Return a history table from one mapping per row."""
    return _from_rows("history", rows)


def predictions_table(rows: Rows) -> Any:
    """Return a predictions table from one mapping per row."""
    return _from_rows("predictions", rows)


def validate(name: str, table: Any) -> Any:
    """Return `table` in the schema of `name`; raises StoreError as `ResultTables.validated`."""
    schema = SCHEMAS[name]
    for column in schema.names:
        if column not in table.column_names:
            raise StoreError(f"The table '{name}' lacks the column '{column}'.")
    for column in table.column_names:
        if column not in schema.names:
            raise StoreError(
                f"The table '{name}' has an unknown column '{column}'.",
                hint=f"Its columns: {', '.join(schema.names)}.",
            )
    columns = [_column(name, schema.field(column), table[column]) for column in schema.names]
    checked = pa.Table.from_arrays(columns, schema=schema)
    _check_unique(name, checked)
    return checked


def _column(table: str, wanted: Any, column: Any) -> Any:
    try:
        cast = column.cast(wanted.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise StoreError(
            f"The column '{wanted.name}' of table '{table}' must be {wanted.type}, "
            f"and {column.type} does not fit: {error}"
        ) from error
    if not wanted.nullable and cast.null_count:
        raise StoreError(
            f"The column '{wanted.name}' of table '{table}' has {cast.null_count} empty values."
        )
    return cast


def _check_unique(name: str, table: Any) -> None:
    keys = list(UNIQUE[name])
    counts = table.group_by(keys).aggregate([([], "count_all")])
    if counts.num_rows == table.num_rows:
        return
    twice = counts.filter(pc.greater(counts["count_all"], 1)).slice(0, 1).to_pylist()[0]
    which = ", ".join(f"{key}={twice[key]}" for key in keys)
    raise StoreError(f"The table '{name}' has {twice['count_all']} rows for {which}.")


def _from_rows(name: str, rows: Rows) -> Any:
    listed = [dict(row) for row in rows]
    # pyarrow would drop a misspelt name silently.
    for column in sorted({str(key) for row in listed for key in row} - set(SCHEMAS[name].names)):
        raise StoreError(f"The table '{name}' has an unknown column '{column}'.")
    try:
        return pa.Table.from_pylist(listed, schema=SCHEMAS[name])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise StoreError(f"A row does not fit the table '{name}': {error}") from error
