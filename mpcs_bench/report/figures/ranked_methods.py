"""Which methods a critical-difference diagram ranks, and over which blocks that all have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mpcs_bench.report.comparing import FoldOf, seeds_averaged
from mpcs_bench.report.figures.choice import encoder_of, span, strategy_of
from mpcs_bench.report.figures.estimates import shared_columns
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import ALPHA, Column, Metric
from mpcs_bench.report.numbers import counted, probability
from mpcs_bench.report.pairing import condition_differences
from mpcs_bench.report.source import CellRecord
from mpcs_bench.report.table import Values, mean_over_columns, table_row
from mpcs_bench.stats import Friedman, friedman_nemenyi

FEWEST_METHODS, FEWEST_BLOCKS = 3, 2


@dataclass(frozen=True, slots=True)
class Ranking:
    """Methods of one data set under equal conditions, ranked over the blocks that all have.

    A block is a fold (of `splits` splits), its value the mean over `columns`, seeds averaged first;
    `measure` names the values.
    """

    groups: tuple[RowGroup, ...]
    measure: str
    columns: tuple[Column, ...]
    splits: int
    outcome: Friedman

    @property
    def title(self) -> str:
        """Name data set, encoder and what else is the same for all; below, the experiments."""
        first = self.groups[0].first
        parts = [first.dataset, encoder_of(self.groups[0])]
        adaptation = dict(first.factors)["adaptation"]
        if adaptation != "finetune":
            parts.append(adaptation)
        if first.label_fraction not in (None, 1):
            parts.append(f"{100 * first.label_fraction:g} % of labels")
        experiments = tuple(dict.fromkeys(group.first.experiment for group in self.groups))
        return f"{', '.join(parts)}\n{span(experiments)}"

    @property
    def sentence(self) -> str:
        """Name the methods' number, the blocks and their number, and the critical difference."""
        found = self.outcome
        folds = counted(found.n, "fold")
        if self.splits > 1:
            folds += f" of {counted(self.splits, 'split')}"
        places = [column.label for column in self.columns if column.test is not None]
        if len(places) > 1:
            folds += f", each the mean over {', '.join(places)}"
        elif places:
            folds += f", at {places[0]}"
        friedman = "no method differs from another in any block"
        if found.p is not None and found.chi2 is not None:
            friedman = (
                f"Friedman's chi-squared({found.degrees_of_freedom}) = {found.chi2:.2f}, "
                f"p = {probability(found.p)}"
            )
        reach = "" if found.in_reach else ", further than any two ranks can lie apart: out of reach"
        return (
            f"{self.title.replace(chr(10), ', ')}: {len(found.average_ranks)} methods by "
            f"{self.measure}; blocks: {folds} (N = {found.n}); critical difference "
            f"{found.critical_difference:.2f}{reach}; {friedman}."
        )


def families(groups: Sequence[RowGroup]) -> list[tuple[RowGroup, ...]]:
    """Return the largest sets of rows that may stand side by side, in the protocol's order.

    Encoder, adaptation, every condition and the splits are equal within a set. A row without
    pre-training stands in every set that it is comparable with: it has no settings of pre-training
    that could differ.
    """
    rows = [_Row.of(group) for group in groups]
    found: list[list[_Row]] = []
    for row in sorted(rows, key=lambda one: one.untrained):
        homes = [family for family in found if all(_comparable(row, one) for one in family)]
        for family in homes if row.untrained else homes[:1]:
            family.append(row)
        if not homes:
            found.append([row])
    place = {id(row): number for number, row in enumerate(rows)}
    numbered = sorted(sorted(place[id(row)] for row in family) for family in found)
    return [tuple(groups[number] for number in family) for family in numbered]


def ranked(groups: Sequence[RowGroup], values: Values, metric: str, measure: str) -> Ranking | str:
    """Rank rows of one family by `metric` (in words: `measure`), or say why they cannot be."""
    columns = shared_columns(groups, values)
    if not columns:
        return "no magnification at which all have results"
    described = Metric(metric, metric, metric, "item")
    folds = [
        seeds_averaged(mean_over_columns(table_row(group, columns, values, described).entries))
        for group in groups
    ]
    blocks: list[FoldOf] = sorted(set.intersection(*(set(own) for own in folds)))
    if len(blocks) < FEWEST_BLOCKS:
        return f"{counted(len(blocks), 'fold')} that all {len(groups)} have, of two that it takes"
    outcome = friedman_nemenyi(
        [[100 * own[block] for own in folds] for block in blocks],
        _names(groups),
        alpha=ALPHA,
        unit="fold",
    )
    return Ranking(tuple(groups), measure, columns, len({split for split, _ in blocks}), outcome)


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """What decides whom a row may stand beside: a cell, and the split of each fold."""

    cell: CellRecord
    splits: dict[tuple[int | None, FoldOf], str]
    untrained: bool

    @classmethod
    def of(cls, group: RowGroup) -> _Row:
        splits = {
            (cell.train_magnification, (cell.unit.split_seed, cell.unit.fold)): cell.split_hash
            for cell in group.cells
            if cell.split_hash is not None
        }
        # A finished cell knows its conditions.
        known = next((cell for cell in group.cells if cell.state == "done"), group.first)
        return cls(known, splits, strategy_of(group) == "none")


def _comparable(one: _Row, other: _Row) -> bool:
    mine, theirs = dict(one.cell.factors), dict(other.cell.factors)
    return (
        all(mine[name] == theirs[name] for name in ("encoder", "adaptation"))
        and all(one.splits[p] == other.splits[p] for p in one.splits.keys() & other.splits.keys())
        # The hash of one fold is not that of another: the splits are held to each other above.
        and all(d.name == "split_hash" for d in condition_differences(one.cell, other.cell))
    )


def _names(groups: Sequence[RowGroup]) -> list[str]:
    """Return the labels, with what tells those apart that share one."""
    return _told_apart(
        [group.first.label for group in groups],
        (
            lambda i: ", ".join(f"{n} = {v}" for n, v in _varied(groups, groups[i])),
            lambda i: groups[i].first.experiment,
            lambda i: f"row {i + 1}",
        ),
    )


def _told_apart(names: list[str], more: Iterable[Callable[[int], str]]) -> list[str]:
    for add in more:
        twice = {name for name in names if names.count(name) > 1}
        extra = [add(i) if name in twice else "" for i, name in enumerate(names)]
        names = [f"{n} ({e})" if e else n for n, e in zip(names, extra, strict=True)]
    return names


def _varied(groups: Sequence[RowGroup], group: RowGroup) -> list[tuple[str, str]]:
    alike = [dict(one.variant) for one in groups if one.first.label == group.first.label]
    return [
        (name, value)
        for name, value in group.variant
        if name != "experiment" and len({one.get(name) for one in alike}) > 1
    ]
