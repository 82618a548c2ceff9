"""Several methods at once: Friedman's test, and Nemenyi's comparisons of all pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mpcs_bench.stats.limits import RANKS_OF_FOLDS
from mpcs_bench.stats.records import Friedman, NemenyiPair

DESCRIPTIVE = (
    "descriptive: folds and magnifications are not independent data sets (at 0.05, five folds at "
    "four magnifications taken as 20 blocks raise 0.42 false alarms)"
)
TIE_DECIMALS = 12
"""Scores of at most 1, or 100, that differ by rounding errors share a rank."""


def friedman_nemenyi(
    scores: ArrayLike,
    names: Sequence[str],
    *,
    alpha: float = 0.05,
    higher_is_better: bool = True,
    unit: str = "fold",
) -> Friedman:
    """Rank k methods within each of N blocks, and compare their average ranks.

    `scores` [N, k], one row per block (a fold, or a fold at one magnification), one column per
    method in the order of `names` [k]. Rank 1 is the best; equal scores share their mean rank.
    Friedman's chi-squared is corrected for ties. Two methods differ, after Nemenyi, where their
    average ranks are at least the critical difference apart, q_alpha sqrt(k (k + 1) / (6 N))
    (Demsar 2006, section 3.2.2); `groups` are the longest runs of methods that do not, as the
    diagram's bars join them.

    Descriptive: blocks that share patients or training data are not independent data sets. Raises
    ValueError for fewer than three methods or two blocks, names that do not match, or scores that
    are not finite.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 3:
        raise ValueError(f"Friedman's test needs 2 blocks and 3 methods or more, not {table.shape}")
    blocks, methods = table.shape
    if len(names) != methods or len(set(names)) != methods:
        raise ValueError(f"{len(set(names))} different names for {methods} methods")
    if not np.all(np.isfinite(table)):
        raise ValueError("scores must be finite")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    order = np.round(-table if higher_is_better else table, TIE_DECIMALS)
    ranks = stats.rankdata(order, axis=1)
    average = ranks.mean(axis=0)
    difference = _critical_difference(methods, blocks, alpha)
    warnings = [DESCRIPTIVE]
    chi2 = p = None
    if np.ptp(ranks) == 0:
        warnings.append("no method differs from another in any block: no chi-squared, hence no p")
    else:
        outcome = stats.friedmanchisquare(*order.T)
        chi2, p = float(outcome.statistic), float(outcome.pvalue)
    best = sorted(range(methods), key=lambda column: (average[column], names[column]))
    return Friedman(
        n=blocks,
        unit=unit,
        method="Friedman and Nemenyi (Demsar 2006)",
        assumptions=("blocks are independent", "chi-squared approximation: many blocks or methods"),
        warnings=tuple(warnings),
        not_for=(RANKS_OF_FOLDS,),
        chi2=chi2,
        degrees_of_freedom=methods - 1,
        p=p,
        smallest_p=float(stats.chi2.sf(blocks * (methods - 1), methods - 1)),
        average_ranks=tuple((names[column], float(average[column])) for column in best),
        critical_difference=difference,
        pairs=_pairs(order, average, names, best),
        groups=_groups([(names[column], float(average[column])) for column in best], difference),
        alpha=alpha,
    )


def _critical_difference(methods: int, blocks: int, alpha: float) -> float:
    quantile = float(stats.studentized_range.isf(alpha, methods, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * blocks))


def _pairs(
    order: NDArray[np.float64],
    average: NDArray[np.float64],
    names: Sequence[str],
    best: Sequence[int],
) -> tuple[NemenyiPair, ...]:
    from scikit_posthocs import posthoc_nemenyi_friedman  # brings seaborn and matplotlib

    p_values = posthoc_nemenyi_friedman(order).to_numpy()
    return tuple(
        NemenyiPair(names[a], names[b], float(average[b] - average[a]), float(p_values[a, b]))
        for a, b in combinations(best, 2)
    )


def _groups(
    ranked: Sequence[tuple[str, float]], critical_difference: float
) -> tuple[tuple[str, ...], ...]:
    """Return the longest runs of methods, best first, that span less than the difference."""
    runs: list[tuple[int, int]] = []
    for first, (_, rank) in enumerate(ranked):
        last = max(
            i for i, (_, r) in enumerate(ranked) if i >= first and r - rank < critical_difference
        )
        if not runs or last > runs[-1][1]:
            runs.append((first, last))
    return tuple(tuple(name for name, _ in ranked[a : b + 1]) for a, b in runs if b > a)
