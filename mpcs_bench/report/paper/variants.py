"""Splits the rows of ours into tables: one scale, data set, set of decisions and settings each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mpcs_bench.report.conditions import ABSENT, differences
from mpcs_bench.report.figures.evidence import scale_rank
from mpcs_bench.report.paper.candidates import Candidate, experiments_of
from mpcs_bench.report.paper.departures import departures, merged
from mpcs_bench.report.paper.intended import IntendedRun, Intention, ways, within
from mpcs_bench.report.paper.model import Variant
from mpcs_bench.report.published.records import PublishedCell, PublishedTable


@dataclass(frozen=True, slots=True)
class Filling:
    """The rows of ours that stand in one table together."""

    rows: tuple[Candidate, ...]
    variant: Variant

    def row(self, cell: PublishedCell, full: float) -> Candidate | None:
        """Return the row that `cell` is filled from, None where there is none."""
        return next((row for row in self.rows if row.fills(cell, full)), None)


def fillings(
    found: Sequence[Candidate],
    table: PublishedTable,
    full: Mapping[str, float],
    intention: Intention,
) -> tuple[Filling, ...]:
    """Return the tables that `found` make: the paper's scale first, then what departs least.

    Two rows share a table only where scale, data set and fingerprint are one, all decisions
    agree, and so do all settings but those that differ between the two by design: in the
    protocols at the paper's scale, or because a decision that both took says so. `full` is
    `full_labels` of the publication.
    """
    told = {id(row): departures(row, _beside(row, table, full), intention) for row in found}
    order = sorted(found, key=lambda row: (scale_rank(row.group.first.scale), len(told[id(row)])))
    parts: list[list[Candidate]] = []
    for row in order:
        home = next((part for part in parts if _fits(row, part, intention)), None)
        if home is None:
            parts.append([row])
        else:
            home.append(row)
    places = {name: place for place, name in enumerate(experiments_of(table))}
    for part in parts:
        part.sort(key=lambda row: (places[row.experiment], row.group.first.position))
    made = [
        Filling(
            tuple(part),
            Variant(
                scale=part[0].group.first.scale,
                encoder=part[0].foreign,
                protocols=tuple(dict.fromkeys(name for row in part for name in row.protocols)),
                departures=merged(item for row in part for item in told[id(row)]),
                unheld=tuple(
                    dict.fromkeys(
                        row.experiment for row in part if not (row.intended and row.settings)
                    )
                ),
            ),
        )
        for part in parts
    ]
    made.sort(key=lambda one: (scale_rank(one.variant.scale), len(one.variant.departures)))
    return tuple(made)


def _beside(
    row: Candidate, table: PublishedTable, full: Mapping[str, float]
) -> list[PublishedCell]:
    return [cell for cell in table.cells if row.fills(cell, full.get(row.experiment, 1.0))]


def _fits(row: Candidate, part: Sequence[Candidate], intention: Intention) -> bool:
    return all(
        row.slot != other.slot
        and row.foreign == other.foreign
        and _data(row, other)
        and _decided_alike(row, other)
        and all(_by_design(name, row, other, intention) for name in _unlike(row, other))
        for other in part
    )


def _data(row: Candidate, other: Candidate) -> bool:
    one, two = row.group.first, other.group.first
    known = one.fingerprint is not None and two.fingerprint is not None
    return (one.scale, one.dataset) == (two.scale, two.dataset) and (
        not known or one.fingerprint == two.fingerprint
    )


def _decided_alike(row: Candidate, other: Candidate) -> bool:
    shared = row.decisions.keys() & other.decisions.keys()
    return all(
        ways(row.decisions[entry]).keys() == ways(other.decisions[entry]).keys() for entry in shared
    )


def _unlike(row: Candidate, other: Candidate) -> Iterator[str]:
    """Yield factors and settings in which two rows differ; only one of them may be pre-trained."""
    one, two = row.factors, other.factors
    if one["weights"] != two["weights"]:
        yield "weights"
    if one["loss"] != two["loss"] and "none" not in (one["loss"], two["loss"]):
        yield "loss"
    yield from (found.name for found in differences(row.settings, other.settings))


def _by_design(name: str, row: Candidate, other: Candidate, intention: Intention) -> bool:
    """Whether two rows differ in a setting because they ought to."""
    if any(_value(one, name) != _value(two, name) for one, two in _counterparts(row, other)):
        return True
    for entry in row.decisions.keys() & other.decisions.keys():
        governed = intention.governs.get(entry, ())
        if any(within(name, setting) for setting in governed) and not any(
            within(name, changed)
            for text in (row.decisions[entry], other.decisions[entry])
            for changes in ways(text).values()
            for changed in changes
        ):
            return True
    return False


def _counterparts(row: Candidate, other: Candidate) -> Iterator[tuple[IntendedRun, IntendedRun]]:
    """Yield what is intended for both: with a foreign encoder, for one encoder at a time."""
    for one in row.intended:
        for two in other.intended:
            if row.foreign is None or one.factors["encoder"] == two.factors["encoder"]:
                yield one, two


def _value(run: IntendedRun, name: str) -> object:
    return run.factors.get(name, run.settings.get(name, ABSENT))
