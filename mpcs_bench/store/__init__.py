"""The DuckDB database of a workspace: commit, read, query, rebuild, export, digest.

`bench.duckdb` holds nothing that cannot be made again from the files beside it. It is open for
writing only for the length of a commit; its public face is the views (docs/database.md).
"""

from mpcs_bench.store.connection import Retry, StoreBusy
from mpcs_bench.store.rebuild import rebuild
from mpcs_bench.store.rows import (
    CommitReport,
    ComparisonRow,
    PublishedClaim,
    PublishedSource,
    PublishedValue,
    SampleSource,
    VerdictRow,
)
from mpcs_bench.store.store import Store

__all__ = [
    "CommitReport",
    "ComparisonRow",
    "PublishedClaim",
    "PublishedSource",
    "PublishedValue",
    "Retry",
    "SampleSource",
    "Store",
    "StoreBusy",
    "VerdictRow",
    "rebuild",
]
