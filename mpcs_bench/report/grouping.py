"""Groups cells into table rows: one method under one set of conditions, never two joined."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mpcs_bench.report.conditions import ABSENT, row_conditions
from mpcs_bench.report.model import Unit
from mpcs_bench.report.source import CellRecord

Place = tuple[int | None, Unit, int]
"""Train magnification, unit and replicate: one cell of a row belongs here."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """The cells of one row; `variant` is what tells it from rows of the same label.

    `ambiguous` maps a place that several different cells claim to their symbolic ids;
    `superseded` counts older results of a cell that was run again.
    """

    cells: tuple[CellRecord, ...]
    variant: tuple[tuple[str, str], ...]
    ambiguous: dict[Place, tuple[str, ...]]
    superseded: int

    @property
    def first(self) -> CellRecord:
        """Return one cell, for what all have in common."""
        return self.cells[0]

    def planned(self, train_magnification: int | None) -> tuple[Unit, ...]:
        """Return the units that have a cell at this magnification, in order."""
        here = {c.unit for c in self.cells if c.train_magnification == train_magnification}
        return tuple(sorted(here))


def group_rows(cells: Sequence[CellRecord]) -> tuple[RowGroup, ...]:
    """Return the rows of one data set, in the protocol's order, controls last.

    Cells share a row where experiment, factors, label fraction, scale, data-set fingerprint and
    every condition but the axes are equal. A cell that has not run does not know its fingerprint
    yet: it joins the row it is otherwise equal to.
    """
    named: dict[Any, list[CellRecord]] = defaultdict(list)
    for cell in cells:
        named[cell.experiment, cell.label, cell.factors, cell.label_fraction, cell.scale].append(
            cell
        )
    parts = [part for members in named.values() for part in _by_conditions(members)]
    parts.sort(key=lambda part: (part[0].control, min(cell.position for cell in part)))
    settings = [_settings(part) for part in parts]
    groups = []
    for index, part in enumerate(parts):
        alike = [s for s, p in zip(settings, parts, strict=True) if p[0].label == part[0].label]
        kept, ambiguous, superseded = _one_per_place(part)
        groups.append(RowGroup(kept, _variant(settings[index], alike), ambiguous, superseded))
    return tuple(groups)


def _by_conditions(cells: list[CellRecord]) -> list[list[CellRecord]]:
    parts: dict[tuple[str | None, str | None], list[CellRecord]] = {}
    # Finished cells first: they know their conditions, and the others join them.
    for cell in sorted(cells, key=lambda c: (c.state != "done", c.conditions is None)):
        signature = _signature(cell)
        home = next(
            (
                key
                for key in parts
                if (signature is None or signature == key[0])
                and (cell.fingerprint is None or cell.fingerprint == key[1])
            ),
            (signature, cell.fingerprint),
        )
        parts.setdefault(home, []).append(cell)
    return list(parts.values())


def _signature(cell: CellRecord) -> str | None:
    if cell.conditions is None:
        return None
    return json.dumps(row_conditions(cell.conditions), sort_keys=True, default=str)


def _settings(cells: list[CellRecord]) -> dict[str, str]:
    cell = cells[0]
    found: dict[str, Any] = dict(cell.factors)
    found["label fraction"] = cell.label_fraction
    found["scale"] = cell.scale
    found["fingerprint"] = cell.fingerprint and cell.fingerprint[:12]
    found |= row_conditions(cell.conditions or {})
    found["experiment"] = cell.experiment
    return {name: str(value) for name, value in found.items()}


def _variant(own: dict[str, str], alike: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    names = dict.fromkeys(name for settings in alike for name in settings)
    varied = [n for n in names if len({settings.get(n, ABSENT) for settings in alike}) > 1]
    if len(varied) > 1 and "experiment" in varied:
        varied.remove("experiment")
    return tuple((name, own.get(name, ABSENT)) for name in varied)


def _one_per_place(
    cells: Iterable[CellRecord],
) -> tuple[tuple[CellRecord, ...], dict[Place, tuple[str, ...]], int]:
    """Keep the newest result of a cell that was run again; two different cells are a fault."""
    places: dict[Place, list[CellRecord]] = defaultdict(list)
    for cell in cells:
        places[cell.train_magnification, cell.unit, cell.replicate].append(cell)
    kept, ambiguous, superseded = [], {}, 0
    for place, claims in places.items():
        names = sorted({claim.symbolic for claim in claims})
        if len(names) > 1:
            ambiguous[place] = tuple(names)
        else:
            superseded += max(0, sum(claim.state == "done" for claim in claims) - 1)
        kept.append(max(claims, key=_recency))
    return tuple(kept), ambiguous, superseded


def _recency(cell: CellRecord) -> tuple[bool, float, int]:
    finished = cell.finished.timestamp() if cell.finished else 0.0
    return cell.state == "done", finished, cell.cell_id
