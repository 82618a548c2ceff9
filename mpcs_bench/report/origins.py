"""What is missing from a report, and where what is there comes from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from mpcs_bench.report.model import Coverage, Missing, Provenance, Unit
from mpcs_bench.report.source import FACTORS, CellRecord, Source, printable


def coverage(cells: Sequence[CellRecord]) -> Coverage:
    """Count cells by state, and gather those without a result by method, state and reason."""
    once = {cell.cell_id: cell for cell in cells}
    alike: dict[tuple[str, int | None, str, str | None], list[Unit]] = defaultdict(list)
    for cell in cells:
        if cell.state != "done":
            key = cell.label, cell.train_magnification, cell.state, cell.reason
            alike[key].append(cell.unit)
    return Coverage(
        planned=len(once),
        states=dict(sorted(Counter(cell.state for cell in once.values()).items())),
        missing=tuple(Missing(*key, tuple(sorted(set(units)))) for key, units in alike.items()),
    )


def provenance(source: Source) -> Provenance:
    """Return data fingerprints, split hashes, shared factors and environments of finished cells."""
    done = [cell for cell in source.cells if cell.state == "done"]
    fingerprints: dict[str, set[str]] = defaultdict(set)
    splits: dict[str, set[str]] = defaultdict(set)
    for cell in done:
        if cell.fingerprint:
            fingerprints[cell.dataset].add(cell.fingerprint)
        if cell.split_hash:
            splits[f"{cell.dataset}, split seed {cell.unit.split_seed}"].add(cell.split_hash)
    finished = [cell.finished for cell in done if cell.finished]
    return Provenance(
        fingerprints={name: tuple(sorted(found)) for name, found in sorted(fingerprints.items())},
        split_hashes={name: tuple(sorted(found)) for name, found in sorted(splits.items())},
        shared=_shared([cell for cell in source.cells if not cell.control]),
        environments=tuple(
            {printable(n): _fact(value) for n, value in environment.facts.items()}
            | {"cells": str(environment.cells)}
            for environment in source.environments
        ),
        first_finished=min(finished, default=None),
        last_finished=max(finished, default=None),
    )


def _fact(value: object) -> str:
    return "unknown" if value is None else printable(value)


def _shared(cells: Sequence[CellRecord]) -> dict[str, str]:
    shared = {}
    for name in FACTORS:
        values = {dict(cell.factors)[name] for cell in cells}
        if len(values) == 1 and (value := values.pop()) not in ("none", "finetune"):
            shared[name] = value
    weights = {dict(cell.factors)["weights"] for cell in cells}
    if weights == {"none"}:
        shared["initial weights"] = "none"
    for role, name in (("dataset", "data"), ("pretraining.data", "data of pre-training")):
        plugins = {(cell.conditions or {}).get(f"{role}.plugin") for cell in cells} - {None}
        if len(plugins) == 1:
            shared[name] = str(plugins.pop())
    fractions = {cell.label_fraction for cell in cells}
    if len(fractions) == 1 and (fraction := fractions.pop()) is not None:
        shared["label fraction"] = f"{fraction:.0%}"
    return shared
