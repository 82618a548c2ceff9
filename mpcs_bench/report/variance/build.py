"""Builds the variance report of one protocol from the public views."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from mpcs_bench.errors import did_you_mean
from mpcs_bench.report.definitions import ReportError
from mpcs_bench.report.grouping import RowGroup, group_rows
from mpcs_bench.report.model import Column, Metric
from mpcs_bench.report.source import CellRecord, Source, load
from mpcs_bench.report.variance.components import Components, variance_components
from mpcs_bench.report.variance.optimism import Optimism, optimism_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Spread:
    """The components of one row at one place; `repeats` are (splits, seeds, replicates)."""

    label: str
    dataset: str
    column: Column
    components: Components
    repeats: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class VarianceReport:
    """What the values of one metric vary with, and what selection on the test part gains."""

    protocol: str
    title: str
    metric: Metric
    spreads: tuple[Spread, ...]
    optimism: tuple[Optimism, ...]


def build_variance(
    connection: DuckDBPyConnection, protocol: str, *, metric: str | None = None
) -> VarianceReport:
    """Build it for any stored `metric` (None: that of patients where there are some, else images).

    Raises ReportError where the workspace has no cell of the protocol, or no value of the metric.
    """
    source = load(connection, protocol)
    chosen = _metric(source, metric)
    values = {
        (value.cell_id, value.test_magnification): value.value
        for value in source.values
        if value.metric == chosen.name and isfinite(value.value)
    }
    return VarianceReport(
        protocol=protocol,
        title=source.title,
        metric=chosen,
        spreads=tuple(_spreads(source, values)),
        optimism=optimism_of(source.cells, values),
    )


def _metric(source: Source, name: str | None) -> Metric:
    held = list(dict.fromkeys(v.metric for v in source.values if isfinite(v.value)))
    wanted = [name] if name else ["patient_accuracy", "image_accuracy"]
    chosen = next((candidate for candidate in wanted if candidate in held), None)
    if chosen is None:
        raise ReportError(
            f"There are no values of {' or '.join(wanted)} here." + did_you_mean(wanted[0], held),
            hint=f"Metrics here: {', '.join(held) or 'none'}.",
        )
    shown = {metric.name: metric for metric in source.metrics}
    return shown.get(chosen, Metric(chosen, chosen, chosen, "image"))


def _spreads(source: Source, values: dict[tuple[int, int | None], float]) -> Iterator[Spread]:
    for dataset in dict.fromkeys(cell.dataset for cell in source.cells):
        for group in group_rows([cell for cell in source.cells if cell.dataset == dataset]):
            yield from _of_row(group, dataset, values)


def _of_row(
    group: RowGroup, dataset: str, values: dict[tuple[int, int | None], float]
) -> Iterator[Spread]:
    places: dict[Column, list[tuple[CellRecord, float]]] = {}
    for cell in group.cells:
        for (cell_id, test), value in values.items():
            if cell_id == cell.cell_id:
                column = Column(cell.train_magnification, test)
                places.setdefault(column, []).append((cell, value))
    for column in sorted(places, key=lambda place: (place.train or 0, place.test or 0)):
        found = places[column]
        splits = [(cell.unit.split_seed, cell.unit.fold) for cell, _ in found]
        seeds = [cell.unit.seed for cell, _ in found]
        components = variance_components([value for _, value in found], splits, seeds)
        repeats = (len(set(splits)), len(set(seeds)), len({cell.replicate for cell, _ in found}))
        variant = ", ".join(f"{name} {value}" for name, value in group.variant)
        label = f"{group.first.label} ({variant})" if variant else group.first.label
        yield Spread(label, dataset, column, components, repeats)
