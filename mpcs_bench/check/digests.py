"""One digest for the numbers of a result, whatever file format or row order holds them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from mpcs_bench.records import Result

WEIGHTS = "weights.safetensors"


def result_digest(result: Result) -> str:
    """Return the SHA-256 of predictions, metrics and history, and for a pre-training its weights.

    Numbers count by their bits: two digests are equal where nothing differs at all.
    """
    state = hashlib.sha256(result.spec.kind.encode())
    for table, order in (
        (result.predictions(), ("part", "sample_id")),
        (result.metrics(), ("part", "test_magnification", "metric")),
        (result.history(), ("name", "epoch")),
    ):
        _add(state, table.sort_by([(name, "ascending") for name in order]))
    if result.spec.kind == "pretrain":
        state.update(result.manifest.files.get(WEIGHTS, "no weights").encode())
    return state.hexdigest()


def _add(state: Any, table: Any) -> None:
    for name in sorted(table.column_names):
        column = table[name].combine_chunks()
        state.update(f"|{name}:{len(column)}|".encode())
        if str(column.type).startswith("list"):
            state.update(np.asarray(column.value_lengths()).tobytes())
            column = column.flatten()
        if str(column.type) == "string":
            state.update("\x1f".join(column.to_pylist()).encode("utf-8", "surrogatepass"))
        else:
            state.update(np.ascontiguousarray(column.to_numpy(zero_copy_only=False)).tobytes())
