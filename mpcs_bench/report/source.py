"""Reads cells and test metrics of one protocol through the store's public views."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mpcs_bench.errors import did_you_mean
from mpcs_bench.report.conditions import flatten
from mpcs_bench.report.definitions import ReportError, table_sql
from mpcs_bench.report.model import Decision, Metric, Unit

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FACTORS = ("encoder", "weights", "strategy", "loss", "adaptation")


@dataclass(frozen=True, slots=True)
class CellRecord:
    """One cell as the view shows it; `conditions` are flat, dotted name to value, None if unknown.

    `groups_train` and `groups_test` are taken out of the conditions: they size the test.
    """

    cell_id: int
    symbolic: str
    experiment: str
    label: str
    position: int
    dataset: str
    factors: tuple[tuple[str, str], ...]
    train_magnification: int | None
    label_fraction: float | None
    unit: Unit
    replicate: int
    scale: str
    state: str
    reason: str | None
    fingerprint: str | None
    split_hash: str | None
    conditions: Mapping[str, Any] | None
    groups_train: int | None
    groups_test: int | None
    finished: datetime | None
    selected_on_test: bool = False
    """Whether the epoch was chosen on the test part."""

    @property
    def control(self) -> bool:
        """Whether this is the colour floor, which no method is held to and which is no method."""
        return dict(self.factors).get("adaptation") == "colour-floor"


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A test metric of one cell: a proportion in [0, 1] of `n` items."""

    cell_id: int
    test_magnification: int | None
    metric: str
    value: float
    n: int | None


@dataclass(frozen=True, slots=True)
class Environment:
    """What `cells` finished cells ran in, flat: dotted name to value."""

    facts: Mapping[str, Any]
    cells: int


@dataclass(frozen=True, slots=True)
class Source:
    """All that a report is made of."""

    title: str
    baseline: str | None
    cells: tuple[CellRecord, ...]
    values: tuple[MetricValue, ...]
    metrics: tuple[Metric, ...]
    environments: tuple[Environment, ...]
    notes: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()


def load(connection: DuckDBPyConnection, protocol: str) -> Source:
    """Return the cells and test metrics of `protocol`.

    Raises ReportError where the workspace has no cell of it.
    """
    records = _rows(connection, "cells", protocol=protocol)
    protocols = {str(row["protocol"]): row for row in _rows(connection, "protocols")}
    own = protocols.get(protocol, {})
    factors = tuple(own.get("factors") or ())
    if not records:
        known = list(protocols)
        there = ", ".join(known) or "none"
        raise ReportError(
            f"This workspace has no cell of protocol '{printable(protocol)}'."
            + did_you_mean(protocol, known),
            hint=f"Run it first: `mpcs-bench run {printable(protocol)}`. Protocols here: {there}.",
        )
    return Source(
        title=next((printable(row["title"]) for row in records if row["title"]), protocol),
        baseline=next((row["baseline"] for row in records if row["baseline"]), None),
        cells=tuple(_cell(row, factors) for row in records),
        values=tuple(
            MetricValue(
                cell_id=row["cell_id"],
                test_magnification=_whole(row["test_magnification"]),
                metric=row["metric"],
                value=row["value"],
                n=_whole(row["n"]),
            )
            for row in _rows(connection, "values", protocol=protocol)
            if row["value"] is not None
        ),
        metrics=tuple(
            Metric(row["metric"], row["title"], row["short"], row["item"])
            for row in _rows(connection, "metrics")
        ),
        environments=tuple(
            Environment(flatten(_json(row["environment"])), row["cells"])
            for row in _rows(connection, "environments", protocol=protocol)
        ),
        notes=tuple(printable(note) for note in own.get("notes") or ()),
        decisions=_decisions(own.get("decisions")),
    )


def printable(text: object) -> str:
    """Return `text` on one line, without characters that steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in str(text)).strip()


def _rows(connection: DuckDBPyConnection, name: str, **parameters: str) -> list[dict[str, Any]]:
    cursor = connection.execute(table_sql(name), parameters or None)
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _decisions(stored: Any) -> tuple[Decision, ...]:
    return tuple(
        Decision(
            printable(entry),
            printable(item["question"]),
            tuple((printable(name), printable(text)) for name, text in item["taken"].items()),
        )
        for entry, item in (_json(stored) if stored else {}).items()
    )


def _cell(row: dict[str, Any], factors: tuple[str, ...]) -> CellRecord:
    flat = None if row["conditions"] is None else flatten(_json(row["conditions"]))
    on_test = (flat or {}).get("finetuning.selection.rule") == "test"
    compared = {n: v for n, v in (flat or {}).items() if _is_factor(n, factors)}
    flat = None if flat is None else {n: v for n, v in flat.items() if n not in compared}
    groups = {name: _whole((flat or {}).get(name)) for name in ("groups_train", "groups_test")}
    return CellRecord(
        cell_id=row["cell_id"],
        symbolic=printable(row["symbolic"]),
        experiment=printable(row["experiment"]),
        label=printable(row["label"] or row["experiment"]),
        position=row["position"] or 0,
        dataset=printable(row["dataset"]),
        factors=(
            *((name, printable(row[name] or "none")) for name in FACTORS),
            *((name, printable(value)) for name, value in sorted(compared.items())),
        ),
        train_magnification=_whole(row["train_magnification"]),
        label_fraction=row["label_fraction"],
        unit=Unit(row["split_seed"] or 0, row["fold"] or 0, row["seed"] or 0),
        replicate=row["replicate"] or 0,
        scale=printable(row["scale"] or "paper"),
        state=row["state"] or "planned",
        reason=printable(row["reason"].strip().split("\n")[0]) if row["reason"] else None,
        fingerprint=row["fingerprint"],
        split_hash=row["split_hash"],
        conditions=None if flat is None else {k: v for k, v in flat.items() if k not in groups},
        finished=row["finished"],
        selected_on_test=on_test,
        **groups,
    )


def _is_factor(name: str, factors: tuple[str, ...]) -> bool:
    return any(name == factor or name.startswith(f"{factor}.") for factor in factors)


def _json(stored: Any) -> dict[str, Any]:
    value = json.loads(stored) if isinstance(stored, str) else stored
    return value if isinstance(value, dict) else {"value": value}


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
