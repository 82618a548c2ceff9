"""Equivalence: of our folds with a published mean and sd, and of two paired series."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from mpcs_bench.stats.limits import (
    GAP_ON_OTHER_DATA,
    PUBLISHED_ON_OTHER_DATA,
    SEEDS_AS_FOLDS,
)
from mpcs_bench.stats.paired import (
    NORMAL,
    SHARED_TRAINING,
    all_equal,
    finite_differences,
    mean_ratio,
)
from mpcs_bench.stats.records import METHODS, Interval
from mpcs_bench.stats.records_published import Equivalence, Outcome, PublishedGap

SAME_DATA = (
    "both sides split the same data set, independently: what the folds of a side share (patients, "
    "training data) the other side's folds share as much, and the difference takes it away"
)
OTHER_DATA = (
    "the folds of a side are correlated as n_test / (n_test + n_train), and the two sides share "
    "nothing"
)
ONE_SIDED = "nothing varies that all folds of one side share alone (one pre-training, one seed)"


def equivalence_to_published(
    ours: ArrayLike,
    published_mean: float,
    published_sd: float,
    published_n: int,
    *,
    margin: float,
    test_train_ratio: float = 0.0,
    published_ratio: float = 0.0,
    published_ddof: int = 1,
    alpha: float = 0.05,
    unit: str = "fold",
) -> Equivalence:
    """Test whether our mean lies within `margin` of a published one: TOST, Welch's way.

    `ours` [J], one value per fold (seeds averaged before), in the unit of the published values;
    `published_sd` over `published_n` folds, with `published_ddof` 1 or 0 as its authors divided.
    The standard error is sqrt(v_ours + v_published), v = (1/J + ratio) sd^2, degrees of freedom
    after Welch and Satterthwaite; the two one-sided t-tests of Schuirmann (1987).

    The ratios (n_test/n_train) are 0 where both sides cross-validate the same data set: folds are
    then correlated between the sides as within, and the difference is free of it. With a ratio a
    side has the corrected variance, as is right where the sides share no data. Raises ValueError
    for fewer than two folds, a margin that is not positive, or values that are not finite.
    """
    values = finite_differences(ours)
    _check(margin, alpha)
    variances, freedoms = _sides(
        values, published_sd, published_n, published_ddof, (test_train_ratio, published_ratio)
    )
    corrected = test_train_ratio > 0 or published_ratio > 0
    return _tost(
        float(values.mean()) - published_mean,
        math.sqrt(sum(variances)),
        _welch_freedom(variances, freedoms),
        margin=margin,
        alpha=alpha,
        n=values.size,
        unit=unit,
        method="TOST against a published mean (Welch)",
        assumptions=(
            "fold values are about normally distributed, on both sides",
            OTHER_DATA if corrected else SAME_DATA,
            ONE_SIDED,
            f"the published sd is over {published_n} folds (ddof = {published_ddof})",
        ),
        warnings=[],
        not_for=() if corrected else (PUBLISHED_ON_OTHER_DATA,),
    )


def paired_equivalence(
    differences: ArrayLike,
    test_train_ratio: float | Sequence[float],
    *,
    margin: float,
    alpha: float = 0.05,
    unit: str = "fold x seed",
) -> Equivalence:
    """Test whether two methods differ by less than `margin`: TOST with the corrected variance.

    `differences` [J] and `test_train_ratio` as of `corrected_resampled_t`. Raises ValueError as
    that does, or for a margin that is not positive.
    """
    values = finite_differences(differences)
    ratio, warnings = mean_ratio(test_train_ratio, values.size)
    _check(margin, alpha)
    spread = 0.0 if all_equal(values) else float(values.var(ddof=1))
    return _tost(
        float(values.mean()),
        math.sqrt((1 / values.size + ratio) * spread),
        float(values.size - 1),
        margin=margin,
        alpha=alpha,
        n=values.size,
        unit=unit,
        method="TOST of paired differences (corrected resampled t)",
        assumptions=(NORMAL, SHARED_TRAINING),
        warnings=warnings,
        not_for=(SEEDS_AS_FOLDS,),
    )


def gap_to_published(
    ours: ArrayLike,
    published_mean: float,
    published_sd: float | None = None,
    published_n: int | None = None,
    *,
    published_ddof: int = 1,
    unit: str = "fold",
) -> PublishedGap:
    """Return our mean minus a published one, and that in standard errors: z.

    `ours` [J] as of `equivalence_to_published`; without `published_sd` or `published_n` there is
    only the gap. `p` is two-sided, from a t with Welch's degrees of freedom: with so few folds a
    normal p would be too small. Raises ValueError for no folds of ours or values that are not
    finite.
    """
    values = np.asarray(ours, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.all(np.isfinite(values)):
        raise ValueError("a gap needs finite values in one dimension")
    gap = float(values.mean()) - published_mean
    error = z = freedom = p = None
    warnings: tuple[str, ...] = ()
    if published_sd is None or published_n is None or values.size < 2:
        warnings = ("no spread on one side: the gap alone, and no z",)
    else:
        variances, freedoms = _sides(values, published_sd, published_n, published_ddof, (0.0, 0.0))
        error = math.sqrt(sum(variances))
        if error > 0:
            z, freedom = gap / error, _welch_freedom(variances, freedoms)
            p = float(2 * stats.t.sf(abs(z), freedom))
        else:
            warnings = ("no spread on either side: no z",)
    return PublishedGap(
        n=int(values.size),
        unit=unit,
        method="gap to a published mean",
        assumptions=(SAME_DATA, ONE_SIDED) if z is not None else (),
        warnings=warnings,
        question=METHODS if z is not None else "",
        not_for=(GAP_ON_OTHER_DATA,) if z is not None else (),
        gap=gap,
        standard_error=error,
        z=z,
        degrees_of_freedom=freedom,
        p=p,
    )


def _sides(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    sd: float,
    count: int,
    ddof: int,
    ratios: tuple[float, float],
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Return the variances of both means, and the degrees of freedom behind each."""
    if count < 2 or ddof not in (0, 1) or not (math.isfinite(sd) and sd >= 0):
        raise ValueError(f"a published sd of {sd} (ddof = {ddof}) over {count} folds is of no use")
    if any(not math.isfinite(ratio) or ratio < 0 for ratio in ratios):
        raise ValueError("n_test/n_train is positive, or 0 for no correction")
    theirs = sd**2 * count / (count - 1 + ddof)
    spread = 0.0 if all_equal(values) else float(values.var(ddof=1))
    ours = (1 / values.size + ratios[0]) * spread
    return (ours, (1 / count + ratios[1]) * theirs), (values.size - 1, count - 1)


def _welch_freedom(variances: tuple[float, float], freedoms: tuple[int, int]) -> float:
    parts = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    return sum(variances) ** 2 / parts if parts > 0 else float(sum(freedoms))


def _check(margin: float, alpha: float) -> None:
    if not (math.isfinite(margin) and margin > 0):
        raise ValueError(f"a margin of equivalence is positive, not {margin}")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must lie between 0 and 0.5, not {alpha}")


def _tost(
    difference: float,
    error: float,
    freedom: float,
    *,
    margin: float,
    alpha: float,
    n: int,
    unit: str,
    method: str,
    assumptions: tuple[str, ...],
    warnings: list[str],
    not_for: tuple[str, ...],
) -> Equivalence:
    p = half_width = interval = outcome = None
    if error > 0:
        # The larger of the two one-sided p values is that of the nearer bound.
        p = float(stats.t.sf((margin - abs(difference)) / error, freedom))
        half_width = float(stats.t.isf(alpha, freedom)) * error
        interval = Interval(difference - half_width, difference + half_width, 1 - 2 * alpha)
        outcome = _outcome(difference, half_width, margin)
    else:
        warnings.append("no spread: no standard error, hence no p and no outcome")
    return Equivalence(
        n=n,
        unit=unit,
        method=method,
        assumptions=assumptions,
        warnings=tuple(warnings),
        question=METHODS,
        not_for=not_for,
        difference=difference,
        standard_error=error,
        degrees_of_freedom=freedom,
        margin=margin,
        p=p,
        half_width=half_width,
        interval=interval,
        outcome=outcome,
        alpha=alpha,
    )


def _outcome(difference: float, half_width: float, margin: float) -> Outcome:
    if abs(difference) + half_width < margin:
        return "equivalent"
    if abs(difference) - half_width > margin:
        return "differs"
    return "out of reach" if half_width >= margin else "inconclusive"
