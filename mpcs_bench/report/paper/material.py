"""Reads what the protocols of a report hold, through the store's public views."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mpcs_bench.records.margins import DEFAULT_MARGIN
from mpcs_bench.report.definitions import table_sql
from mpcs_bench.report.figures.evidence import scale_rank
from mpcs_bench.report.source import CellRecord, MetricValue, Source, load
from mpcs_bench.report.table import Values

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MetricOfPart = tuple[str, str]
"""Name of a metric, and the part that it was measured on."""


@dataclass(frozen=True, slots=True)
class HeldCell:
    """A cell, and the protocol that it is read from.

    `resolved` is False while it cannot be run: its data, or the weights it starts from, are not
    on this machine.
    """

    record: CellRecord
    protocol: str
    resolved: bool


@dataclass(frozen=True, slots=True)
class FixedMargin:
    """A margin of equivalence in percentage points; `note` says what was set after the run."""

    value: float
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """All cells of the protocols, those of controls left out, and their values by metric and part.

    A cell that several protocols share under one experiment stands here once, at the best of its
    scales. `margins` are those of equivalence that each protocol, and others for its cells, fix.
    """

    protocols: tuple[str, ...]
    sources: Mapping[str, Source]
    cells: tuple[HeldCell, ...]
    values: Mapping[MetricOfPart, Values]
    margins: Mapping[str, tuple[FixedMargin, ...]]

    def margins_of(self, protocols: Sequence[str]) -> tuple[float, ...]:
        """Return the margins that are fixed for some protocols, the smallest first."""
        found = {fixed.value for fixed in self._fixed(protocols)}
        return tuple(sorted(found)) or (DEFAULT_MARGIN,)

    def margin_notes_of(self, protocols: Sequence[str]) -> tuple[str, ...]:
        """Return what of these margins was set after the run."""
        notes = (fixed.note for fixed in self._fixed(protocols))
        return tuple(dict.fromkeys(note for note in notes if note is not None))

    def _fixed(self, protocols: Sequence[str]) -> list[FixedMargin]:
        return [fixed for name in protocols for fixed in self.margins.get(name, ())]

    def decisions(self, protocol: str, experiment: str) -> dict[str, str]:
        """Return what an experiment of a protocol decided: entry -> text."""
        return {
            decision.entry: taken
            for decision in self.sources[protocol].decisions
            for name, taken in decision.taken
            if name == experiment
        }


def load_material(connection: DuckDBPyConnection, protocols: Sequence[str]) -> Material:
    """Read what `protocols` hold. Raises ReportError where there is no cell of one of them."""
    names = tuple(dict.fromkeys(protocols))
    sources = {name: load(connection, name) for name in names}
    resolved = {
        row["cell_id"] for row in _rows(connection, "paper_keys", names) if row["key"] is not None
    }
    held: dict[tuple[int, str], HeldCell] = {}
    everything = [
        HeldCell(cell, name, cell.cell_id in resolved)
        for name, source in sources.items()
        for cell in source.cells
        if not cell.control
    ]
    for cell in sorted(everything, key=lambda cell: scale_rank(cell.record.scale)):
        held.setdefault((cell.record.cell_id, cell.record.experiment), cell)
    return Material(
        protocols=names,
        sources=sources,
        cells=tuple(held.values()),
        values=_values(connection, names),
        margins=_margins(connection, names),
    )


def held_experiments(
    connection: DuckDBPyConnection, protocols: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the experiments of `protocols`, each with the protocols that hold it."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in _rows(connection, "paper_experiments", tuple(protocols)):
        found[row["experiment"]].append(row["protocol"])
    return {experiment: tuple(names) for experiment, names in found.items()}


def _margins(
    connection: DuckDBPyConnection, protocols: tuple[str, ...]
) -> dict[str, tuple[FixedMargin, ...]]:
    found: dict[str, list[FixedMargin]] = defaultdict(list)
    for row in _rows(connection, "paper_margins", protocols):
        note = row["margin_note"] and f"{row['margin_note']} ({row['fixed_by']})"
        found[row["protocol"]].append(FixedMargin(row["margin"], note))
    return {protocol: tuple(margins) for protocol, margins in found.items()}


def _values(
    connection: DuckDBPyConnection, protocols: tuple[str, ...]
) -> dict[MetricOfPart, Values]:
    found: dict[MetricOfPart, dict[int, list[MetricValue]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(connection, "paper_values", protocols):
        value = MetricValue(
            cell_id=row["cell_id"],
            test_magnification=row["test_magnification"],
            metric=row["metric"],
            value=row["value"],
            n=row["n"],
        )
        found[row["metric"], row["part"]][row["cell_id"]].append(value)
    return {name: dict(by_cell) for name, by_cell in found.items()}


def _rows(
    connection: DuckDBPyConnection, name: str, protocols: tuple[str, ...]
) -> list[dict[str, Any]]:
    cursor = connection.execute(table_sql(name), {"protocols": list(protocols)})
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
