"""Rows of ours that a published table can hold, and which published cells each one fills."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpcs_bench.report.grouping import RowGroup, group_rows
from mpcs_bench.report.paper.intended import IntendedRun, Intention, settings_of
from mpcs_bench.report.paper.material import HeldCell, Material
from mpcs_bench.report.published.records import Publication, PublishedCell, PublishedTable


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of ours: cells of one experiment, alike in every condition and decision.

    `foreign` is its encoder where the publication has no value of it for this experiment; such a
    row stands beside all encoders of the publication. `fraction` is its part of the experiment's
    labels; `intended` what stands for it at the paper's scale; `blocked` the cells that cannot be
    run yet.
    """

    group: RowGroup
    protocols: tuple[str, ...]
    decisions: Mapping[str, str]
    foreign: str | None
    intended: tuple[IntendedRun, ...]
    blocked: frozenset[int]

    @property
    def experiment(self) -> str:
        """Return the experiment."""
        return self.group.first.experiment

    @property
    def factors(self) -> Mapping[str, str]:
        """Return the factors by name."""
        return dict(self.group.first.factors)

    @property
    def encoder(self) -> str:
        """Return the encoder, as its protocol calls it."""
        return self.factors["encoder"]

    @property
    def fraction(self) -> float:
        """Return the fraction of the experiment's labels that is used."""
        given = self.group.first.label_fraction
        return 1.0 if given is None else given

    @property
    def settings(self) -> dict[str, Any]:
        """Return the conditions that say what the experiment is."""
        return settings_of(self.group.first.conditions)

    @property
    def slot(self) -> tuple[object, ...]:
        """Return what a table holds once: experiment, encoder, adaptation, fraction of labels."""
        factors = self.factors
        return self.experiment, factors["encoder"], factors["adaptation"], self.fraction

    def fills(self, cell: PublishedCell, full: float) -> bool:
        """Whether this row is of what `cell` is a value of; `full` is `full_labels` of the cell."""
        wanted = 1.0 if cell.label_fraction is None else cell.label_fraction / full
        return (
            cell.experiment == self.experiment
            and (self.foreign is not None or cell.encoder in (None, self.encoder))
            and cell.adaptation in (None, self.factors["adaptation"])
            and math.isclose(wanted, self.fraction, rel_tol=1e-6)
        )


def full_labels(publication: Publication) -> dict[str, float]:
    """Return the largest label fraction printed for each experiment: what is 1 in our cells.

    A publication counts fractions of whatever it likes (20 % of all data is all that Exp-1
    uses); ours count what the experiment's parts hold.
    """
    found: dict[str, float] = defaultdict(float)
    for cell in publication.cells():
        if cell.experiment is not None and cell.label_fraction is not None:
            found[cell.experiment] = max(found[cell.experiment], cell.label_fraction)
    return dict(found)


def experiments_of(table: PublishedTable) -> tuple[str, ...]:
    """Return the experiments that a table prints values of, in order."""
    return tuple(dict.fromkeys(cell.experiment for cell in table.cells if cell.experiment))


def candidates(
    table: PublishedTable, publication: Publication, material: Material, intention: Intention
) -> tuple[Candidate, ...]:
    """Return the rows of ours that fill at least one cell of `table`, in order.

    Cells are joined into a row only where everything is equal: experiment, factors, fraction of
    labels, scale, data set and its fingerprint, every condition but the axes, and every decision.
    """
    encoders: dict[str, set[str]] = defaultdict(set)
    for cell in table.cells:
        if cell.experiment and cell.encoder:
            encoders[cell.experiment].add(cell.encoder)
    full = full_labels(publication)
    found = []
    for alike, decisions in _alike(material, experiments_of(table)):
        for group in group_rows([held.record for held in alike]):
            candidate = _candidate(group, alike, decisions, encoders, intention)
            wanted = full.get(candidate.experiment, 1.0)
            if any(candidate.fills(cell, wanted) for cell in table.cells):
                found.append(candidate)
    return tuple(found)


def _alike(
    material: Material, experiments: Sequence[str]
) -> list[tuple[list[HeldCell], dict[str, str]]]:
    """Return the cells with one experiment, data set and set of decisions together."""
    parts: dict[tuple[str, ...], list[HeldCell]] = defaultdict(list)
    taken: dict[tuple[str, ...], dict[str, str]] = {}
    for held in material.cells:
        if held.record.experiment in experiments:
            # The parameters of a loss or a strategy are no conditions: decisions tell them apart,
            # and where none are recorded, protocols do.
            decisions = material.decisions(held.protocol, held.record.experiment)
            told_by = json.dumps(decisions, sort_keys=True) if decisions else held.protocol
            key = held.record.experiment, held.record.dataset, told_by
            parts[key].append(held)
            taken[key] = decisions
    return [(members, taken[key]) for key, members in parts.items()]


def _candidate(
    group: RowGroup,
    alike: Sequence[HeldCell],
    decisions: Mapping[str, str],
    encoders: Mapping[str, set[str]],
    intention: Intention,
) -> Candidate:
    factors, experiment = dict(group.first.factors), group.first.experiment
    own = {cell.cell_id for cell in group.cells}
    held = [cell for cell in alike if cell.record.cell_id in own]
    known = encoders[experiment]
    foreign = factors["encoder"] if known and factors["encoder"] not in known else None
    return Candidate(
        group=group,
        protocols=tuple(dict.fromkeys(cell.protocol for cell in held)),
        decisions=decisions,
        foreign=foreign,
        intended=intention.of(
            experiment, None if foreign else factors["encoder"], factors["adaptation"]
        ),
        blocked=frozenset(cell.record.cell_id for cell in held if not cell.resolved),
    )
