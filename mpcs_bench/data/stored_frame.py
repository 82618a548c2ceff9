"""A data frame as a Parquet file of the cache, with facts about it in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mpcs_bench.data.atomic import appearing


def write_frame(path: Path, frame: pd.DataFrame, key: bytes, facts: Mapping[str, Any]) -> None:
    """Write `frame` with `facts` (as JSON) under the metadata key; DataError on a full disk."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {**table.schema.metadata, key: json.dumps(facts).encode()}
    with appearing(path, table.nbytes) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)


def read_frame(path: Path, key: bytes) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the frame and its facts; errors of a damaged file are the reader's own."""
    table = pq.read_table(path)
    return table.to_pandas(), json.loads(table.schema.metadata[key])
