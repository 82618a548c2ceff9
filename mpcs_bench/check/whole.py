"""Whether a baseline holds all that it says it does: what it lacks would be compared with nothing.

A baseline is a file in version control: a merge, or a hand, can take parts out of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from mpcs_bench.check.baseline import RESTORE, Observation
from mpcs_bench.check.errors import CheckError
from mpcs_bench.check.names import PLACES, SEEDS, bare, stage_of, told, without

SHOWN = 5
_Cell = tuple[str, str, str]
"""Readable id of a stage without places, fold and seed."""


def require_whole(before: Observation, path: Path) -> None:
    """Raise CheckError where parts of a baseline that belong together are not all there."""
    _refuse(list(_lacking(before)), path)


def require_as_much(before: Observation, after: Observation, path: Path) -> None:
    """Raise CheckError where the run has series that the baseline should have, and has not.

    They need not be there where the version of their stage was raised, or where their stage is
    new: that is for the comparison of structures to say.
    """
    held = {(series.subject, series.what) for series in before.series}
    versions, now = _versions(before), _versions(after)
    lacking = [
        f"the series of {told(series.subject)}: {series.what}"
        for series in after.series
        if (series.subject, series.what) not in held
        and (stage := stage_of(series.subject)) in versions
        and versions[stage] == now.get(stage)
    ]
    _refuse(lacking, path)


def _refuse(lacking: list[str], path: Path) -> None:
    if not lacking:
        return
    more = f"; and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    raise CheckError(
        f"The baseline {path} is damaged. It lacks {'; '.join(lacking[:SHOWN])}{more}.",
        hint=RESTORE,
    )


def _lacking(before: Observation) -> Iterator[str]:
    for what in ("stages", "series", "settings", "fingerprints", "splits"):
        if not getattr(before, what):
            yield f"all {what}"
    for name, record in before.stages.items():
        if record.settings not in before.settings:
            yield f"the settings {record.settings} of {name}"
        if record.upstream is not None and record.upstream not in before.stages:
            yield f"the stage {record.upstream}"
    pretrained = {without(n, SEEDS) for n, r in before.stages.items() if r.kind == "pretrain"}
    yield from (f"the pairs of {name}" for name in sorted(pretrained ^ before.pairs.keys()))
    yield from _alone(before)


def _alone(before: Observation) -> Iterator[str]:
    """Yield cells without a value, and values without a cell."""
    above = {record.upstream for record in before.stages.values()}
    cells = {
        _cell(name): name
        for name, record in before.stages.items()
        if record.kind != "pretrain" and name not in above
    }
    valued: set[_Cell] = set()
    for series in before.series:
        found = {
            (stage_of(series.subject), block.rpartition("fold ")[2], seed.removeprefix("seed "))
            for block, seeds in series.values.items()
            for seed, value in seeds.items()
            if math.isfinite(value)
        }
        if not found:
            yield f"the values of {told(series.subject)}: {series.what}"
        if series.subject != stage_of(series.subject):  # of an experiment's cells
            valued |= found
    yield from (f"all values of {name}" for cell, name in cells.items() if cell not in valued)
    yield from (
        f"the stage of {stage}, fold {fold}, seed {seed}"
        for stage, fold, seed in sorted(valued - cells.keys())
    )


def _cell(name: str) -> _Cell:
    """Return what the values of a stage are listed under; those of several splits together."""
    parts = dict(part.partition("=")[::2] for part in bare(name).split("/"))
    return without(bare(name), PLACES), parts.get("fold", ""), parts.get("seed", "")


def _versions(observed: Observation) -> dict[str, frozenset[tuple[str, str]]]:
    """Return the versions that the stages of each id, without places, rest on."""
    found: dict[str, frozenset[tuple[str, str]]] = {}
    for name, record in observed.stages.items():
        stage = without(bare(name), PLACES)
        found[stage] = found.get(stage, frozenset()) | set(record.versions.items())
    return found
