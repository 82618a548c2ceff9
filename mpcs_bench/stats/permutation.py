"""The sign-flip permutation test of a mean difference, over folds or over patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mpcs_bench.stats.clusters import by_cluster
from mpcs_bench.stats.limits import FOLDS_SHARE_TRAINING, PATIENTS_SHARE_MODELS
from mpcs_bench.stats.paired import EQUAL_WITHIN
from mpcs_bench.stats.reach import smallest_attainable_p
from mpcs_bench.stats.records import METHODS, TRAINED_MODELS, SignFlip

EXACT_UP_TO = 16
"""All 2^16 sign patterns take a fraction of a second; beyond, patterns are drawn."""
DRAWS = 99_999
BATCH = 8_192
TIE_DECIMALS = 9
"""Of means in units of the largest difference: far coarser than rounding errors, far finer than
two accuracies can differ."""

INDEPENDENT = "units are independent (folds share training data: they are not quite)"
FOR_TRAINED_MODELS = (
    "without a difference, each patient's difference is as likely positive as negative",
    "patients are independent given the trained models",
)


def sign_flip(
    differences: ArrayLike,
    *,
    alpha: float = 0.05,
    unit: str = "fold",
    seed: int = 0,
    draws: int = DRAWS,
) -> SignFlip:
    """Test whether the differences are symmetric about zero, two-sided, by flipping their signs.

    `differences` [J], one per independent unit: average seeds before, since two seeds of one fold
    flip together. Exact up to 16 of them; beyond, `draws` patterns drawn from `seed`. A difference
    of zero cannot flip, so it counts out of `smallest_p` (2 / 2^J where none is zero: 0.0625 at
    five folds). Raises ValueError for no differences or values that are not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or values.size < 1:
        raise ValueError(f"a sign-flip test needs differences in one dimension, not {values.shape}")
    if not np.all(np.isfinite(values)):
        raise ValueError("differences must be finite")
    zero = np.abs(values) <= EQUAL_WITHIN
    moving = values[~zero]
    exact = moving.size <= EXACT_UP_TO
    warnings = []
    if zero.any():
        warnings.append(f"differences of zero: {int(zero.sum())} of {values.size}")
    if not exact:
        warnings.append(f"{draws} of 2^{moving.size} sign patterns drawn")
    if moving.size == 0:
        smallest = 1.0
    elif exact:
        smallest = smallest_attainable_p("sign-flip", int(moving.size))
    else:
        smallest = 2 / (draws + 1)
    return SignFlip(
        n=int(values.size),
        unit=unit,
        method="sign-flip permutation" if exact else "sign-flip permutation (drawn)",
        assumptions=(
            "without a difference, each unit's difference is as likely positive as negative",
            INDEPENDENT,
        ),
        warnings=tuple(warnings),
        question=METHODS,
        not_for=(FOLDS_SHARE_TRAINING,),
        mean_difference=float(values.mean()),
        p=_two_sided(moving, 2**EXACT_UP_TO if exact else draws, seed),
        smallest_p=smallest,
        exact=exact,
        alpha=alpha,
    )


def patient_sign_flip(
    patients: ArrayLike,
    differences: ArrayLike,
    *,
    alpha: float = 0.05,
    seed: int = 0,
    draws: int = DRAWS,
) -> SignFlip:
    """Test whether two sets of trained models score alike on new patients.

    `patients` [N] and `differences` [N]: out of fold, candidate minus baseline, one row per patient
    and seed (and fold, where a patient is tested in several). The rows of a patient are averaged
    first, so `n` counts patients. Then as `sign_flip`.

    The answer is conditional on the models: it says nothing about the methods that made them
    (`question`), for which folds are the unit. Raises ValueError as `sign_flip` does, or where
    `patients` and `differences` differ in length.
    """
    patient = by_cluster(patients, differences)
    flip = sign_flip(patient.means, alpha=alpha, unit="patient", seed=seed, draws=draws)
    uneven = int(patient.counts.min()) != int(patient.counts.max())
    span = f"values per patient: {patient.counts.min()} to {patient.counts.max()}"
    return replace(
        flip,
        method=f"{flip.method} by patient",
        assumptions=FOR_TRAINED_MODELS,
        warnings=(*flip.warnings, span) if uneven else flip.warnings,
        question=TRAINED_MODELS,
        not_for=(PATIENTS_SHARE_MODELS,),
    )


def _two_sided(moving: NDArray[np.float64], patterns: int, seed: int) -> float:
    if moving.size <= 1:  # one sign: both patterns are as far from zero
        return 1.0
    outcome = stats.permutation_test(
        # Drawn patterns meet the same differences in any order of the rows, and of the methods.
        (np.sort(moving if moving.sum() > 0 else -moving) / np.abs(moving).max(),),
        _rounded_mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=patterns,
        batch=BATCH,
        rng=np.random.default_rng(seed),
    )
    return float(outcome.pvalue)


def _rounded_mean(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """Return means that tie where they are equal but for rounding, whatever the order of terms."""
    means: NDArray[np.float64] = np.round(values.mean(axis=axis), TIE_DECIMALS)
    return means
