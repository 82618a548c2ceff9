"""Paired t-tests of the differences between two methods over the folds of a cross-validation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mpcs_bench.stats.limits import NAIVE_FOLDS, SEEDS_AS_FOLDS
from mpcs_bench.stats.records import METHODS, Interval, PairedT

EQUAL_WITHIN = 1e-12
"""Differences closer than this (relative to the larger of 1 and their size) count as equal:
accuracies of at most 1 subtract to no better."""

SHARED_TRAINING = "every fold's correlation with the others is n_test / (n_test + n_train)"
NORMAL = "the differences are about normally distributed"


def corrected_resampled_t(
    differences: ArrayLike,
    test_train_ratio: float | Sequence[float],
    *,
    alpha: float = 0.05,
    unit: str = "fold x seed",
) -> PairedT:
    """Test a mean difference of zero where the training sets of the folds overlap.

    t = mean(d) / sqrt((1/J + n_test/n_train) var(d)) with J - 1 degrees of freedom (Nadeau and
    Bengio 2003). J = folds x repeats, a repeat being another split (Bouckaert and Frank 2004):
    seeds on one split are no repeats, and average to one value a fold.

    `differences` [J], one per fold and repeat, candidate minus baseline, in any unit.
    `test_train_ratio` is n_test/n_train in groups, one number or one per difference; the formula
    has room for one, so their mean is used. Raises ValueError for J < 2, a ratio that is not
    positive, or values that are not finite.
    """
    values = finite_differences(differences)
    ratio, warnings = mean_ratio(test_train_ratio, values.size)
    return _t_test(
        values,
        ratio=ratio,
        alpha=alpha,
        unit=unit,
        method="corrected resampled t (Nadeau and Bengio 2003)",
        assumptions=(NORMAL, SHARED_TRAINING),
        warnings=warnings,
        question=METHODS,
        not_for=(SEEDS_AS_FOLDS,),
    )


def naive_paired_t(
    differences: ArrayLike, *, alpha: float = 0.05, unit: str = "fold x seed"
) -> PairedT:
    """Test a mean difference of zero as if the folds were independent, which they are not.

    It finds differences where there are none far more often than `alpha`; it is here for
    comparison with published values, and always marked naive. Raises ValueError for J < 2 or
    values that are not finite.
    """
    return _t_test(
        finite_differences(differences),
        ratio=0.0,
        alpha=alpha,
        unit=unit,
        method="naive paired t",
        assumptions=(NORMAL, "the folds are independent"),
        warnings=[
            "naive: folds share training data, so p is too small (at 0.05, five folds at 80/20 "
            "raise 0.14 false alarms)"
        ],
        not_for=(NAIVE_FOLDS,),
    )


def finite_differences(differences: ArrayLike) -> NDArray[np.float64]:
    """Return the differences [J] as numbers. Raises ValueError below two, or where one is none."""
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(
            f"a paired t-test needs at least 2 differences in one dimension, not {values.shape}"
        )
    if not np.all(np.isfinite(values)):
        raise ValueError("differences must be finite")
    return values


def mean_ratio(test_train_ratio: float | Sequence[float], count: int) -> tuple[float, list[str]]:
    """Return n_test/n_train, averaged over the splits, and a warning where the splits differ."""
    ratios = np.atleast_1d(np.asarray(test_train_ratio, dtype=np.float64))
    if ratios.size not in (1, count):
        raise ValueError(f"{ratios.size} ratios n_test/n_train for {count} differences")
    if not np.all(np.isfinite(ratios)) or np.any(ratios <= 0):
        raise ValueError("n_test/n_train must be positive and finite")
    ratio = float(ratios.mean())
    if float(np.ptp(ratios)) <= 0.1 * ratio:
        return ratio, []
    span = f"n_test/n_train runs from {ratios.min():.3g} to {ratios.max():.3g}; the mean is used"
    return ratio, [span]


def all_equal(values: NDArray[np.float64]) -> bool:
    """Return whether the values differ by no more than rounding."""
    return float(np.ptp(values)) <= EQUAL_WITHIN * max(1.0, float(np.abs(values).max()))


def _t_test(
    values: NDArray[np.float64],
    *,
    ratio: float,
    alpha: float,
    unit: str,
    method: str,
    assumptions: tuple[str, ...],
    warnings: list[str],
    not_for: tuple[str, ...],
    question: str = "",
) -> PairedT:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    count, mean = values.size, float(values.mean())
    freedom = count - 1
    if all_equal(values):
        warnings.append(f"all {count} differences are equal: no variance, hence no t and no p")
        error, statistic, p, interval, detectable = 0.0, None, None, None, None
    else:
        error = math.sqrt((1 / count + ratio) * float(values.var(ddof=1)))
        statistic = mean / error
        p = float(2 * stats.t.sf(abs(statistic), freedom))
        detectable = float(stats.t.isf(alpha / 2, freedom)) * error
        interval = Interval(mean - detectable, mean + detectable, 1 - alpha)
    return PairedT(
        n=count,
        unit=unit,
        method=method,
        assumptions=assumptions,
        warnings=tuple(warnings),
        question=question,
        not_for=not_for,
        mean_difference=mean,
        standard_error=error,
        degrees_of_freedom=freedom,
        statistic=statistic,
        p=p,
        interval=interval,
        minimum_detectable=detectable,
        alpha=alpha,
        ratio=ratio,
        naive=ratio == 0.0,
    )
