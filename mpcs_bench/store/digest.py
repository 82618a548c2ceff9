"""One number for all numbers: equal digests mean equal metrics and equal predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from mpcs_bench.store.connection import arrow
from mpcs_bench.store.statements import statement

_AT_ONCE = 200  # cells per query: bounds the memory


def digest_of(connection: duckdb.DuckDBPyConnection, protocols: Sequence[str] | None) -> str:
    """Return the SHA-256 over metrics and predictions of all cells (of `protocols`).

    Cells come in the order of their keys, rows in that of their names; values go in as float64,
    logits as float32 bytes. Database ids, the order of commits, times and folders do not matter.
    """
    wanted = None if protocols is None else list(protocols)
    stages = connection.execute(statement("digest_stages"), {"protocols": wanted}).fetchall()
    whole = hashlib.sha256()
    for start in range(0, len(stages), _AT_ONCE):
        some = stages[start : start + _AT_ONCE]
        ids = {"stages": [stage for _, stage in some]}
        tables = [
            arrow(connection, statement(name), ids)
            for name in ("digest_metrics", "digest_predictions")
        ]
        slices = [_by_stage(table) for table in tables]
        for key, stage in some:
            _add_text(whole, [key])
            for table, where in zip(tables, slices, strict=True):
                first, count = where.get(stage, (0, 0))
                _add_rows(whole, table.slice(first, count))
    return whole.hexdigest()


def _by_stage(table: Any) -> dict[int, tuple[int, int]]:
    """Return where each stage's rows stand: stage id -> (first row, number of rows)."""
    ids = table["stage_id"].to_numpy()
    stages, firsts, counts = np.unique(ids, return_index=True, return_counts=True)
    return {
        int(stage): (int(first), int(count))
        for stage, first, count in zip(stages, firsts, counts, strict=True)
    }


def _add_rows(whole: Any, table: Any) -> None:
    for name in table.column_names:
        if name == "stage_id":
            continue
        column = table[name].combine_chunks()
        _add_text(whole, [name])
        if name == "logits":
            lengths = column.value_lengths().to_numpy(zero_copy_only=False)
            _add_numbers(whole, lengths.astype("<i8"))
            values = column.flatten().to_numpy(zero_copy_only=False)
            _add_numbers(whole, _plain(values, "<f4"))
        elif name in ("value", "score", "threshold"):
            present = column.is_valid().to_numpy(zero_copy_only=False)
            whole.update(present.astype(np.uint8).tobytes())
            _add_numbers(whole, _plain(column.to_numpy(zero_copy_only=False), "<f8"))
        elif name in ("part", "sample_id", "pixel_hash", "metric"):
            _add_text(whole, column.to_pylist())
        else:
            _add_numbers(whole, column.to_numpy(zero_copy_only=False).astype("<i8"))


def _plain(values: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    """Return floats with one bit pattern for zero and one for NaN."""
    floats = values.astype(kind) + np.zeros((), kind)
    floats[np.isnan(floats)] = np.nan
    return floats


def _add_numbers(whole: Any, values: npt.NDArray[Any]) -> None:
    whole.update(len(values).to_bytes(8, "little"))
    whole.update(np.ascontiguousarray(values).tobytes())


def _add_text(whole: Any, texts: Sequence[str]) -> None:
    encoded = "\0".join(texts).encode()
    whole.update(len(texts).to_bytes(8, "little"))
    whole.update(len(encoded).to_bytes(8, "little"))
    whole.update(encoded)
