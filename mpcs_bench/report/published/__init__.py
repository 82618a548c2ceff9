"""Published values as data: a paper's tables, claims and references (docs/published.md)."""

from mpcs_bench.report.published.printed import Number, read_printed
from mpcs_bench.report.published.read import (
    published_digest,
    published_folders,
    published_papers,
    read_published,
)
from mpcs_bench.report.published.records import (
    Claim,
    Claimed,
    Publication,
    PublishedCell,
    PublishedError,
    PublishedTable,
    Reference,
    TableColumn,
    TableRow,
    TestItems,
)

__all__ = [
    "Claim",
    "Claimed",
    "Number",
    "Publication",
    "PublishedCell",
    "PublishedError",
    "PublishedTable",
    "Reference",
    "TableColumn",
    "TableRow",
    "TestItems",
    "published_digest",
    "published_folders",
    "published_papers",
    "read_printed",
    "read_published",
]
