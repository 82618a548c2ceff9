"""Features h of an encoder on given images: for linear evaluation, and as a file for figures.

Only `encode` needs torch: who reads the file trains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mpcs_bench.errors import StageError, StoreError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from mpcs_bench.protocol.transform import Transform
    from mpcs_bench.stages.images import WorkingImages

IntArray = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

FEATURES = "features.parquet"
"""Name of the file in the result of a pre-training."""


def encode(
    encoder: nn.Module,
    images: WorkingImages,
    transform: Transform,
    rows: IntArray,
    *,
    device: torch.device,
    precision: str,
    pulse: Callable[[], None] = lambda: None,
) -> Float32:
    """Return the features [n, d] of `rows[n]` (none or more) as float32, under the test view.

    Each image goes through the encoder once, in evaluation mode; the modes of its modules are as
    before afterwards, and no random number is drawn. `pulse` is called after every batch. Raises
    StageError where what comes out is not one vector an image.
    """
    from mpcs_bench.stages.predict import Predictor

    width = int(encoder.num_features)  # type: ignore[arg-type]
    if not len(rows):
        return np.empty((0, width), dtype=np.float32)
    with as_it_was(encoder):
        # What a predictor does to a classifier is all that is wanted here: batches of bounded
        # size, inference mode, float32 in the end.
        predictor = Predictor(encoder, images, transform, device, precision, pulse)
        features = predictor.logits(rows)
    if features.shape != (len(rows), width):
        raise StageError(
            f"The encoder gave features of shape {list(features.shape)} for {len(rows)} images, "
            f"and declares num_features = {width}.",
            hint="`mpcs-bench plugins test` checks the contract of an encoder.",
        )
    return features


@contextmanager
def as_it_was(module: nn.Module) -> Iterator[None]:
    """Lend `module` and the random generators of torch; give back all modes and states."""
    import torch

    modes = [(part, part.training) for part in module.modules()]
    cuda = {p.device.index or 0 for p in module.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(cuda)):
        try:
            yield
        finally:
            for part, training in modes:
                part.training = training


def write_features(path: Path, sample_ids: Sequence[str], features: Float32) -> None:
    """Write one row a sample: `sample_id`, and `features` as a list of float32.

    Raises StageError where ids repeat or do not match `features[n, d]`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if features.ndim != 2 or len(sample_ids) != len(features):
        raise StageError(f"{len(sample_ids)} sample ids for features {list(features.shape)}.")
    if len(set(sample_ids)) != len(sample_ids):
        raise StageError("A sample id stands twice among the features.")
    values = pa.array(np.ascontiguousarray(features, dtype=np.float32).reshape(-1))
    ends = pa.array(np.arange(len(features) + 1, dtype=np.int32) * features.shape[1])
    table = pa.table(
        {
            "sample_id": pa.array(list(sample_ids), pa.string()),
            "features": pa.ListArray.from_arrays(ends, values),
        }
    )
    pq.write_table(table, path, compression="zstd")


def read_features(path: Path) -> tuple[tuple[str, ...], Float32]:
    """Return sample ids [n] and features [n, d] as `write_features` wrote them.

    Raises StoreError where the file is missing, damaged, or its rows differ in length.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read(columns=["sample_id", "features"]).combine_chunks()
        ids = tuple(table["sample_id"].to_pylist())
        lists = table["features"].to_pylist()
        features = np.array(lists, dtype=np.float32).reshape(len(ids), -1 if lists else 0)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise StoreError(
            f"The features in {path} are missing or damaged: {reason}",
            hint="Remove the result's folder and run again: the stage will be computed anew.",
        ) from error
    return ids, features
