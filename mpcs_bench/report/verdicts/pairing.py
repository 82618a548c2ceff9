"""Our values of two cells, paired split by split and seed by seed before anything is averaged."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from mpcs_bench.report.comparing import FoldOf
from mpcs_bench.report.numbers import counted
from mpcs_bench.report.verdicts.amounts import POINTS

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell


class Paired(NamedTuple):
    """Differences in points, one per fold, and their n_test/n_train; `notes` say what is left."""

    differences: list[float]
    ratios: list[float]
    notes: tuple[str, ...]


def paired(subject: FilledCell, baseline: FilledCell) -> Paired | str:
    """Pair the runs that both sides have, then average each fold's seeds; or say why not."""
    mine, theirs = subject.ours, baseline.ours
    if mine is None or theirs is None:
        return "a side has no value of ours"
    seeds: dict[FoldOf, list[float]] = defaultdict(list)
    for unit in sorted(mine.units.keys() & theirs.units.keys()):
        seeds[unit.split_seed, unit.fold].append(mine.units[unit] - theirs.units[unit])
    if not seeds:
        return "no fold and seed has a value on both sides"
    for fold in seeds:
        one, two = mine.splits.get(fold), theirs.splits.get(fold)
        if one is None or two is None or one != two:
            return f"fold {fold[1]}: nothing says that both sides were split alike"
    if any(fold not in side.ratios for side in (mine, theirs) for fold in seeds):
        return "n_test/n_train is unknown: a cell does not say how many groups it has"
    alone = len(mine.units.keys() ^ theirs.units.keys())
    return Paired(
        [POINTS * sum(own) / len(own) for own in seeds.values()],
        [(mine.ratios[fold] + theirs.ratios[fold]) / 2 for fold in seeds],
        (f"{counted(alone, 'run')} without a partner left out",) if alone else (),
    )
