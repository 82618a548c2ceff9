"""How large a difference is, in units that do not depend on the number of values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from mpcs_bench.stats.paired import EQUAL_WITHIN, all_equal, finite_differences
from mpcs_bench.stats.records import Dominance, PairedEffect


def paired_effect(differences: ArrayLike, *, unit: str = "fold") -> PairedEffect:
    """Return Cohen's d_z, mean(d) / sd(d), and how often the candidate is above the baseline.

    `differences` [J], candidate minus baseline, one per unit. d_z is in standard deviations of the
    differences, not of the scores, so it depends on how alike two folds are; it is as large by
    chance as J is small (it is biased upwards, by a quarter at five folds). `superiority` is the
    share of units above zero, those at zero counted half. Raises ValueError for J < 2 or values
    that are not finite.
    """
    values = finite_differences(differences)
    flat = all_equal(values)
    above, below = values > EQUAL_WITHIN, values < -EQUAL_WITHIN
    return PairedEffect(
        n=values.size,
        unit=unit,
        method="paired Cohen's d_z; share of units above zero",
        assumptions=("descriptive: no error is stated",),
        warnings=("all differences are equal: no d_z",) if flat else (),
        d_z=None if flat else float(values.mean() / values.std(ddof=1)),
        superiority=float((1 + above.mean() - below.mean()) / 2),
    )


def cliffs_delta(candidate: ArrayLike, baseline: ArrayLike, *, unit: str = "fold") -> Dominance:
    """Return Cliff's delta (1993), P(a > b) - P(a < b), of values that are not paired.

    `candidate` [n] and `baseline` [m]. `superiority` is P(a > b) + P(a = b) / 2 = (delta + 1) / 2.
    Raises ValueError for no values or values that are not finite.
    """
    ours, theirs = (np.asarray(side, dtype=np.float64) for side in (candidate, baseline))
    if ours.ndim != 1 or theirs.ndim != 1 or not ours.size or not theirs.size:
        raise ValueError(f"{ours.shape} and {theirs.shape} are not two lists of values")
    if not (np.all(np.isfinite(ours)) and np.all(np.isfinite(theirs))):
        raise ValueError("values must be finite")
    wins = float(stats.mannwhitneyu(ours, theirs, method="asymptotic").statistic)
    superiority = wins / (ours.size * theirs.size)
    return Dominance(
        n=int(ours.size + theirs.size),
        unit=unit,
        method="Cliff's delta",
        assumptions=("descriptive: no error is stated",),
        delta=2 * superiority - 1,
        superiority=superiority,
    )
