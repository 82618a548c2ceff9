"""Tests each method of a table against the baseline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mpcs_bench.report.model import (
    ALPHA,
    Column,
    Comparison,
    FoldDifference,
    Unit,
    averaged,
)
from mpcs_bench.report.numbers import counted
from mpcs_bench.report.pairing import Method, partners, refused, split_ratio
from mpcs_bench.report.table import mean_over_columns
from mpcs_bench.stats import corrected_resampled_t, holm, sign_flip, wilcoxon_signed_rank

FoldOf = tuple[int, int]
"""Split seed and fold."""

Ask = Callable[[Sequence[Comparison], Method, Method], Sequence[Comparison]]
"""Fills in what else is asked of the comparisons of one method with its baseline row."""


def compare_all(
    methods: Sequence[Method], baseline: str, ask: Ask | None = None
) -> tuple[Comparison, ...]:
    """Hold every method to the rows of experiment `baseline`; controls are never compared.

    For each method, first the mean over magnifications, where there are several, then each
    column, these with Holm's correction over the columns. `ask` completes what was compared.
    """
    own = [method for method in methods if not method.row.control]
    held_to = [method for method in own if method.row.experiment == baseline]
    if not held_to:
        return ()
    found: list[Comparison] = []
    for method in own:
        if method.row.experiment != baseline:
            nearest = partners(method, held_to)
            comparisons: Sequence[Comparison] = against(method, nearest)
            found += ask(comparisons, method, nearest[0]) if ask else comparisons
    return tuple(found)


def against(method: Method, nearest: Sequence[Method]) -> list[Comparison]:
    """Hold `method` to the first of `nearest`; refused where there are several.

    Both rows have their entries in the same columns.
    """
    baseline = nearest[0]
    tie = None
    if len(nearest) > 1:
        names = " and ".join(other.row.name for other in nearest)
        tie = f"several rows of the baseline are equally near: {names}"
    columns = [entry.column for entry in method.row.entries]
    within = [columns.index(column) for column in averaged(columns)]
    by_column = [_compare(method, baseline, [i], column, tie) for i, column in enumerate(columns)]
    adjusted = holm([c.test.p if c.test else None for c in by_column])
    overall = [_compare(method, baseline, within, None, tie)] if within else []
    return overall + [
        replace(comparison, p_adjusted=p) for comparison, p in zip(by_column, adjusted, strict=True)
    ]


def _compare(
    method: Method,
    baseline: Method,
    indices: Sequence[int],
    column: Column | None,
    tie: str | None,
) -> Comparison:
    outcome = Comparison(
        candidate=method.row.key,
        candidate_name=method.row.name,
        baseline=baseline.row.key,
        baseline_name=baseline.row.name,
        column=column,
    )
    entries = [method.row.entries[i] for i in indices]
    mine = mean_over_columns(entries)
    theirs = mean_over_columns([baseline.row.entries[i] for i in indices])
    units = sorted(mine.keys() & theirs.keys())
    trains = [entry.column.train for entry in entries]
    reason = tie or refused(method, baseline, units, trains)
    if reason:
        return replace(outcome, refused=reason)
    delta = {unit: mine[unit] - theirs[unit] for unit in units}
    alone = len(mine.keys() ^ theirs.keys())
    notes = (f"{counted(alone, 'value')} without a partner left out",) if alone else ()
    folds = seeds_averaged(delta)
    outcome = replace(
        outcome,
        notes=notes,
        sign_flip=sign_flip(list(folds.values()), alpha=ALPHA, unit="fold"),
        signed_rank=wilcoxon_signed_rank(list(folds.values()), alpha=ALPHA, unit="fold"),
    )
    ratios = {u: split_ratio(method, baseline, u, trains) for u in units}
    known = {unit: ratio for unit, ratio in ratios.items() if ratio is not None}
    if len(known) < len(units):
        reason = "n_test/n_train is unknown: a cell does not say how many groups it has"
        return replace(outcome, refused=reason)
    repeated = len(folds) < len(units)
    by_fold = seeds_averaged(known)
    return replace(
        outcome,
        folds=tuple(FoldDifference(*f, d, by_fold[f]) for f, d in folds.items()),
        test=corrected_resampled_t(
            list(folds.values()),
            list(by_fold.values()),
            alpha=ALPHA,
            unit="fold, seeds averaged" if repeated else "fold",
        ),
        every_seed=(
            corrected_resampled_t(
                list(delta.values()), list(known.values()), alpha=ALPHA, unit="fold x seed"
            )
            if repeated
            else None
        ),
    )


def seeds_averaged(values: Mapping[Unit, float]) -> dict[FoldOf, float]:
    """Return one value per split seed and fold: the mean over its seeds."""
    folds: dict[FoldOf, list[float]] = defaultdict(list)
    for unit, value in values.items():
        folds[unit.split_seed, unit.fold].append(value)
    return {fold: sum(seeds) / len(seeds) for fold, seeds in folds.items()}
