"""What the protocols of a report hold for its figures: cells, test metrics, results on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpcs_bench.report.source import CellRecord, MetricValue, load
from mpcs_bench.report.table import Values

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SCALES = ("paper", "small", "cpu", "smoke")
"""Best first; any other scale comes after these."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All cells of the protocols, once each; the controls are none.

    `values` maps a metric to its values on the test part by cell id; `folders` a finished cell to
    the folder of its result.
    """

    protocols: tuple[str, ...]
    cells: tuple[CellRecord, ...]
    values: Mapping[str, Values]
    folders: Mapping[int, Path]

    def of(self, experiments: Sequence[str]) -> tuple[CellRecord, ...]:
        """Return the cells of these experiments."""
        return tuple(cell for cell in self.cells if cell.experiment in experiments)


def load_evidence(
    connection: DuckDBPyConnection, results: Path, protocols: Sequence[str]
) -> Evidence:
    """Read what `protocols` hold; a cell that several share counts once, at its best scale.

    Raises ReportError where the workspace has no cell of one of them.
    """
    sources = [load(connection, protocol) for protocol in dict.fromkeys(protocols)]
    cells: dict[tuple[int, str], CellRecord] = {}
    everything = [cell for source in sources for cell in source.cells if not cell.control]
    for cell in sorted(everything, key=lambda cell: scale_rank(cell.scale)):
        cells.setdefault((cell.cell_id, cell.experiment), cell)
    found: dict[str, dict[int, dict[int | None, MetricValue]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for source in sources:
        for value in source.values:
            found[value.metric][value.cell_id][value.test_magnification] = value
    return Evidence(
        protocols=tuple(dict.fromkeys(protocols)),
        cells=tuple(sorted(cells.values(), key=lambda cell: (cell.position, cell.cell_id))),
        values={
            metric: {cell: tuple(values.values()) for cell, values in by_cell.items()}
            for metric, by_cell in found.items()
        },
        folders={
            row["cell_id"]: results / row["key"]
            for row in rows_of(connection, "results", protocols=list(protocols))
            if row["key"]
        },
    )


def scale_rank(scale: str) -> tuple[int, str]:
    """Return where a scale stands: paper, small, smoke, then all others by name."""
    return (SCALES.index(scale) if scale in SCALES else len(SCALES), scale)


def rows_of(connection: DuckDBPyConnection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the rows of `sql/<name>.sql`, by column."""
    cursor = connection.execute(_sql(name), parameters)
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


@cache
def _sql(name: str) -> str:
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
