"""The sign-flip permutation test of a mean difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from mpcs_bench.stats.paired import EQUAL_WITHIN
from mpcs_bench.stats.reach import smallest_attainable_p
from mpcs_bench.stats.records import SignFlip

EXACT_UP_TO = 16
"""All 2^16 sign patterns take a fraction of a second; beyond, patterns are drawn."""
DRAWS = 99_999
BATCH = 8_192
TIE_DECIMALS = 9
"""Of means in units of the largest difference: far coarser than rounding errors, far finer than
two accuracies can differ."""


def sign_flip(
    differences: ArrayLike, *, alpha: float = 0.05, unit: str = "fold", seed: int = 0
) -> SignFlip:
    """Test whether the differences are symmetric about zero, two-sided, by flipping their signs.

    `differences` [J], one per independent unit: average seeds before, since two seeds of one fold
    flip together. Exact up to 16 of them; beyond, 99,999 patterns drawn from `seed`. A difference
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
        warnings.append(f"{DRAWS} of 2^{moving.size} sign patterns drawn")
    if moving.size == 0:
        smallest = 1.0
    elif exact:
        smallest = smallest_attainable_p("sign-flip", int(moving.size))
    else:
        smallest = 2 / (DRAWS + 1)
    return SignFlip(
        n=int(values.size),
        unit=unit,
        method="sign-flip permutation" if exact else "sign-flip permutation (drawn)",
        assumptions=(
            "without a difference, each unit's difference is as likely positive as negative",
            "units are independent (folds share training data: they are not quite)",
        ),
        warnings=tuple(warnings),
        mean_difference=float(values.mean()),
        p=_two_sided(moving, exact, seed),
        smallest_p=smallest,
        exact=exact,
        alpha=alpha,
    )


def _two_sided(moving: NDArray[np.float64], exact: bool, seed: int) -> float:
    if moving.size <= 1:  # one sign: both patterns are as far from zero
        return 1.0
    outcome = stats.permutation_test(
        (moving / np.abs(moving).max(),),
        _rounded_mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**EXACT_UP_TO if exact else DRAWS,
        batch=BATCH,
        rng=np.random.default_rng(seed),
    )
    return float(outcome.pvalue)


def _rounded_mean(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """Return means that tie where they are equal but for rounding, whatever the order of terms."""
    means: NDArray[np.float64] = np.round(values.mean(axis=axis), TIE_DECIMALS)
    return means
