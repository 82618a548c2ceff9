"""What goes with the tables of all protocols: notes, decisions, what is missing, provenance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

from mpcs_bench.report.model import Coverage, Decision, Provenance
from mpcs_bench.report.origins import coverage, provenance
from mpcs_bench.report.paper.material import HeldCell, Material
from mpcs_bench.report.source import CellRecord, Environment, Source


def notes_of(material: Material) -> tuple[str, ...]:
    """Return what protocols say beside their tables, each once, with the protocols that say it."""
    said: dict[str, list[str]] = defaultdict(list)
    for protocol, source in material.sources.items():
        for note in source.notes:
            said[note].append(protocol)
    everyone = len(material.protocols)
    return tuple(
        note if len(protocols) == everyone else f"{', '.join(protocols)}: {note}"
        for note, protocols in said.items()
    )


def decisions_of(material: Material, experiments: Collection[str]) -> tuple[Decision, ...]:
    """Return what each of `experiments` decided, over all protocols.

    An experiment that several protocols hold is named with each of them.
    """
    holders: dict[str, set[str]] = defaultdict(set)
    for held in material.cells:
        holders[held.record.experiment].add(held.protocol)
    questions: dict[str, str] = {}
    taken: dict[str, dict[str, str]] = defaultdict(dict)
    for protocol, source in material.sources.items():
        for decision in source.decisions:
            for experiment, text in decision.taken:
                if experiment not in experiments or protocol not in holders[experiment]:
                    continue
                questions.setdefault(decision.entry, decision.question)
                alone = len(holders[experiment]) == 1
                taken[decision.entry][experiment if alone else f"{experiment} ({protocol})"] = text
    return tuple(
        Decision(entry, questions[entry], tuple(by_name.items()))
        for entry, by_name in taken.items()
    )


def coverage_of(material: Material, experiments: Collection[str]) -> Coverage:
    """Count the cells of `experiments` by state, and gather those without a result."""
    return coverage(
        [_labelled(held) for held in material.cells if held.record.experiment in experiments]
    )


def provenance_of(material: Material) -> Provenance:
    """Return data, splits and environments of the finished cells of all protocols."""
    environments: dict[str, Environment] = {}
    for source in material.sources.values():
        for found in source.environments:
            name = repr(sorted(found.facts.items(), key=lambda item: item[0]))
            before = environments[name].cells if name in environments else 0
            environments[name] = Environment(found.facts, before + found.cells)
    return provenance(
        Source(
            title="",
            baseline=None,
            cells=tuple(held.record for held in material.cells),
            values=(),
            metrics=(),
            environments=tuple(environments.values()),
        )
    )


def _labelled(held: HeldCell) -> CellRecord:
    """Return the cell under a label that tells experiments and encoders apart."""
    record = held.record
    factors = dict(record.factors)
    parts = [record.experiment, factors["encoder"]]
    if factors["adaptation"] != "finetune":
        parts.append(factors["adaptation"])
    if record.label_fraction not in (None, 1.0):
        parts.append(f"{100 * (record.label_fraction or 1.0):g} % of its labels")
    blocked = record.state == "planned" and not held.resolved
    return replace(
        record,
        label=", ".join(parts),
        state="blocked" if blocked else record.state,
        reason="data or weights are not on this machine" if blocked else record.reason,
    )
