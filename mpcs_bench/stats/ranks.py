"""Wilcoxon's signed-rank test of paired differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from mpcs_bench.stats.limits import FOLDS_SHARE_TRAINING
from mpcs_bench.stats.paired import EQUAL_WITHIN
from mpcs_bench.stats.permutation import (
    EXACT_UP_TO,
    INDEPENDENT,
    sign_flip,
)
from mpcs_bench.stats.reach import smallest_attainable_p
from mpcs_bench.stats.records import METHODS, SignedRank

TABLED_UP_TO = 50
"""Without ties the exact distribution is the same for all data; it is used up to here. With ties
every sign pattern is counted, as `sign_flip` does."""
TIE_DECIMALS = 9
"""In units of the largest difference: two that differ by rounding errors share a rank."""


def wilcoxon_signed_rank(
    differences: ArrayLike, *, alpha: float = 0.05, unit: str = "fold"
) -> SignedRank:
    """Test whether the differences are symmetric about zero, two-sided, by their ranks.

    `differences` [J], one per independent unit (seeds averaged before). Zeros are left out
    (Wilcoxon 1945) and equal sizes share their mean rank. Exact up to 16 differences, and up to 50
    without ties; beyond, the normal approximation. `smallest_p` is 2 / 2^J: 0.0625 at five folds.
    Raises ValueError for no differences or values that are not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or values.size < 1:
        raise ValueError(f"a signed-rank test needs differences in one line, not {values.shape}")
    if not np.all(np.isfinite(values)):
        raise ValueError("differences must be finite")
    moving = values[np.abs(values) > EQUAL_WITHIN]
    warnings = []
    if moving.size < values.size:
        warnings.append(f"differences of zero: {values.size - moving.size} of {values.size}")
    statistic, p, exact = 0.0, 1.0, True
    if moving.size:
        sizes = np.round(moving / np.abs(moving).max(), TIE_DECIMALS)
        tied = np.unique(np.abs(sizes)).size < sizes.size
        if tied:
            warnings.append("differences of one size share their mean rank")
        exact = moving.size <= (EXACT_UP_TO if tied else TABLED_UP_TO)
        outcome = stats.wilcoxon(sizes, method="exact" if exact and not tied else "approx")
        statistic, p = float(outcome.statistic), min(1.0, float(outcome.pvalue))
        if exact and tied:
            p = sign_flip(np.sign(sizes) * stats.rankdata(np.abs(sizes))).p
    return SignedRank(
        n=int(values.size),
        unit=unit,
        method="Wilcoxon signed rank" if exact else "Wilcoxon signed rank (normal approximation)",
        assumptions=(
            "without a difference, the differences are symmetric about zero",
            INDEPENDENT,
        ),
        warnings=tuple(warnings),
        question=METHODS,
        not_for=(FOLDS_SHARE_TRAINING,),
        statistic=statistic,
        p=p,
        smallest_p=smallest_attainable_p("wilcoxon", moving.size) if moving.size else 1.0,
        exact=exact,
        alpha=alpha,
    )
