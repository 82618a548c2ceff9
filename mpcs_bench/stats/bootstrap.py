"""Bootstrap intervals that draw what is independent: patients, or the images of each class."""

from __future__ import annotations

import math
import warnings as python_warnings
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mpcs_bench.stats.clusters import by_cluster
from mpcs_bench.stats.limits import IMAGES_DRAWN, NO_NEW_TRAINING
from mpcs_bench.stats.paired import EQUAL_WITHIN
from mpcs_bench.stats.records import TRAINED_MODELS, TRAINED_MODELS_IMAGES, Interval
from mpcs_bench.stats.records_items import BootstrapMean

DRAWS = 9_999
BATCH_VALUES = 2_000_000
"""Numbers in one batch of resamples: 16 MB."""
FEW_CLUSTERS = 30
TOO_SHORT = "at 95 %, they hold the truth in 92 % with 20, in 87 % with 8"

Values = NDArray[np.float64]


class _Drawing(NamedTuple):
    level: float
    draws: int
    seed: int


def bootstrap_patient_mean(
    patients: ArrayLike,
    values: ArrayLike,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
    unit: str = "patient",
) -> BootstrapMean:
    """Return the mean of patient means, with intervals from resampled patients.

    `patients` [N] and `values` [N]: scores, or differences of scores (candidate minus baseline),
    one row per image, or per patient, and seed. The rows of a patient are averaged first, so each
    patient weighs the same (patient-level accuracy). Percentile and BCa intervals (Efron 1987) from
    the same resamples. Raises ValueError for fewer than two patients, arrays that do not match, or
    values that are not finite.
    """
    patient = by_cluster(patients, values)
    return _bootstrap(
        (np.sort(patient.means),),
        _mean,
        drawing=_Drawing(level, draws, seed),
        unit=unit,
        rows=int(patient.counts.sum()),
        method=f"bootstrap of the mean over {unit}s",
        question=_question(unit),
    )


def bootstrap_image_mean(
    patients: ArrayLike,
    values: ArrayLike,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
    unit: str = "patient",
) -> BootstrapMean:
    """Return the mean over images, with intervals from resampled patients: never from images.

    `patients` [N] and `values` [N]: one row per image (and seed): right or not, or the difference
    of two methods in that. A ratio: the sum over the resampled patients over the number of their
    images (image-level accuracy). Clusters other than patients are named by `unit`: the patches of
    an image, say. Raises ValueError as `bootstrap_patient_mean` does.
    """
    patient = by_cluster(patients, values)
    return bootstrap_ratio(
        patient.sums,
        patient.counts,
        level=level,
        draws=draws,
        seed=seed,
        unit=unit,
        rows=int(patient.counts.sum()),
    )


def bootstrap_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
    unit: str = "patient",
    rows: int | None = None,
) -> BootstrapMean:
    """Return sum(numerators) / sum(denominators), with intervals from resampled clusters.

    `numerators` [C] and `denominators` [C], one of each per cluster: right images, and images. The
    two of a cluster are drawn together (Efron and Tibshirani 1993, section 10.3). Raises ValueError
    for fewer than two clusters, arrays that do not match, values that are not finite, or a
    denominator that is not above zero: a draw of such clusters alone has no ratio.
    """
    above, below = (np.asarray(part, dtype=np.float64) for part in (numerators, denominators))
    if above.shape != below.shape or above.ndim != 1:
        raise ValueError(f"{above.shape} numerators do not match {below.shape} denominators")
    if not np.all(below > 0):
        wrong = int(np.sum(~(below > 0)))
        raise ValueError(f"denominators that are not above zero: {wrong} of {below.size}")
    order = np.lexsort((below, above))
    return _bootstrap(
        (above[order], below[order]),
        _ratio,
        paired=True,
        drawing=_Drawing(level, draws, seed),
        unit=unit,
        rows=above.size if rows is None else rows,
        method=f"bootstrap of a ratio over {unit}s",
        question=_question(unit),
    )


def bootstrap_stratified(
    classes: ArrayLike,
    values: ArrayLike,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
    unit: str = "image",
) -> BootstrapMean:
    """Return the mean over independent images, each class resampled within itself.

    `classes` [N], the true class of each image; `values` [N], right or not, or the difference of
    two methods in that (paired: both are judged on the same resample). Every resample has as many
    images of each class as the data, as where a data set was collected class by class (BACH).
    With one class alone a warning says that nothing is stratified. Raises ValueError for a class of
    one image, arrays that do not match, or values that are not finite.
    """
    strata = by_cluster(classes, values)
    if int(strata.counts.min()) < 2:
        lone = strata.names[int(strata.counts.argmin())]
        raise ValueError(f"class {lone} has one image: nothing to resample")
    names, numbers = np.asarray(classes), np.asarray(values, dtype=np.float64)
    found = _bootstrap(
        tuple(np.sort(numbers[names == name]) for name in strata.names),
        _stratified_mean,
        drawing=_Drawing(level, draws, seed),
        unit=unit,
        rows=int(strata.counts.sum()),
        method=f"bootstrap over {unit}s within {strata.names.size} classes",
        question=_question(unit),
        shares=("the shares of the classes are fixed, not drawn",),
    )
    if strata.names.size > 1:
        return found
    alone = f"one class, {strata.names[0]}: nothing is stratified"
    return replace(found, warnings=(*found.warnings, alone))


def _bootstrap(
    samples: tuple[Values, ...],
    statistic: Callable[..., Values],
    *,
    drawing: _Drawing,
    unit: str,
    rows: int,
    method: str,
    question: str,
    paired: bool = False,
    shares: tuple[str, ...] = (),
) -> BootstrapMean:
    drawn = samples[:1] if paired else samples
    count = sum(sample.size for sample in drawn)
    if not 0 < drawing.level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, not {drawing.level}")
    if any(sample.size < 2 for sample in drawn):
        raise ValueError(f"a bootstrap needs at least 2 {unit}s, not {count}")
    if not all(np.all(np.isfinite(sample)) for sample in samples):
        raise ValueError("values must be finite")
    warnings = []
    if count < FEW_CLUSTERS:
        warnings.append(f"{count} {unit}s: the intervals are too short; {TOO_SHORT}")
    percentile, bca, error = _intervals(samples, statistic, paired, drawing)
    if percentile is None:
        warnings.append("all resamples give the same value: no interval")
    elif bca is None:
        warnings.append("the resamples do not allow a BCa interval")
    return BootstrapMean(
        n=count,
        unit=unit,
        method=method,
        assumptions=(f"{unit}s are independent given the trained models", *shares),
        warnings=tuple(warnings),
        question=question,
        not_for=(NO_NEW_TRAINING,) if _of_patients(unit) else (NO_NEW_TRAINING, IMAGES_DRAWN),
        estimate=float(statistic(*samples, axis=-1)),
        standard_error=error,
        percentile=percentile,
        bca=bca,
        values=rows,
        draws=drawing.draws,
    )


def _intervals(
    samples: tuple[Values, ...],
    statistic: Callable[..., Values],
    paired: bool,
    drawing: _Drawing,
) -> tuple[Interval | None, Interval | None, float]:
    level, draws, seed = drawing
    batch = max(1, BATCH_VALUES // sum(sample.size for sample in samples))
    first = stats.bootstrap(
        samples,
        statistic,
        n_resamples=draws,
        batch=batch,
        vectorized=True,
        paired=paired,
        axis=-1,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    error = float(first.standard_error)
    if error <= EQUAL_WITHIN:
        return None, None, 0.0
    with python_warnings.catch_warnings(), np.errstate(all="ignore"):
        python_warnings.simplefilter("ignore")  # a BCa that cannot be had is NaN, and said so
        second = stats.bootstrap(
            samples,
            statistic,
            n_resamples=0,
            bootstrap_result=first,
            batch=batch,  # also of the jackknife, which else takes the square of the clusters
            vectorized=True,
            paired=paired,
            axis=-1,
            confidence_level=level,
            method="BCa",
        )
    return (
        _interval(*first.confidence_interval, level),
        _interval(*second.confidence_interval, level),
        error,
    )


def _interval(low: float, high: float, level: float) -> Interval | None:
    known = math.isfinite(low) and math.isfinite(high)
    return Interval(float(low), float(high), level) if known else None


def _of_patients(unit: str) -> bool:
    """Whether whole patients are drawn, or whole groups of them."""
    return unit.startswith("patient")


def _question(unit: str) -> str:
    return TRAINED_MODELS if _of_patients(unit) else TRAINED_MODELS_IMAGES


def _mean(values: Values, axis: int = -1) -> Values:
    return np.asarray(values.mean(axis=axis))


def _ratio(above: Values, below: Values, axis: int = -1) -> Values:
    return np.asarray(above.sum(axis=axis) / below.sum(axis=axis))


def _stratified_mean(*strata: Values, axis: int = -1) -> Values:
    total = sum(stratum.sum(axis=axis) for stratum in strata)
    return np.asarray(total / sum(stratum.shape[axis] for stratum in strata))
