"""What the corrected t-test could find: its power, and the smallest effect it would mostly find."""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, stats

from mpcs_bench.stats.paired import NORMAL, SHARED_TRAINING
from mpcs_bench.stats.records import METHODS, Power


def corrected_t_power(
    effect: float,
    sd: float,
    n: int,
    test_train_ratio: float,
    *,
    alpha: float = 0.05,
    unit: str = "fold x seed",
) -> Power:
    """Return how often the corrected t-test would find a true mean difference of `effect`.

    The t of J = `n` differences with standard deviation `sd` (ddof = 1) is a noncentral t with
    J - 1 degrees of freedom and noncentrality effect / (sd sqrt(1/J + n_test/n_train)), exactly so
    where the folds have the correlation that the correction assumes. `test_train_ratio` 0 gives the
    power of the plain paired t. Raises ValueError for n < 2, an `sd` that is not positive, or a
    negative ratio.
    """
    error = _standard_error(sd, n, test_train_ratio, alpha)
    return Power(
        n=n,
        unit=unit,
        method="power of the corrected t (noncentral t)",
        assumptions=(NORMAL, SHARED_TRAINING, "the standard deviation is the true one"),
        question=METHODS,
        effect=effect,
        sd=sd,
        ratio=test_train_ratio,
        power=_power(abs(effect) / error, n - 1, alpha),
        alpha=alpha,
    )


def minimum_detectable_effect(
    sd: float,
    n: int,
    test_train_ratio: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    unit: str = "fold x seed",
) -> Power:
    """Return the smallest true mean difference that the corrected t-test finds with this `power`.

    Larger than `PairedT.minimum_detectable`, which is the smallest difference *seen* that gives
    p <= alpha. Raises ValueError as `corrected_t_power` does, or for a power not above `alpha`.
    """
    error = _standard_error(sd, n, test_train_ratio, alpha)
    if not alpha < power < 1:
        raise ValueError(f"a power lies between alpha and 1, not {power}")
    upper = 1.0
    while _power(upper, n - 1, alpha) < power:
        upper *= 2
    shift = float(optimize.brentq(lambda at: _power(at, n - 1, alpha) - power, 0.0, upper))
    return corrected_t_power(shift * error, sd, n, test_train_ratio, alpha=alpha, unit=unit)


def _standard_error(sd: float, n: int, ratio: float, alpha: float) -> float:
    if n < 2 or not (math.isfinite(sd) and sd > 0) or not (math.isfinite(ratio) and ratio >= 0):
        raise ValueError(f"no t-test has n = {n}, sd = {sd}, n_test/n_train = {ratio}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    return sd * math.sqrt(1 / n + ratio)


def _power(noncentrality: float, freedom: int, alpha: float) -> float:
    critical = float(stats.t.isf(alpha / 2, freedom))
    # Both tails as upper ones: scipy's lower tail is NaN where it is tiny.
    found = stats.nct.sf(critical, freedom, [noncentrality, -noncentrality])
    return float(np.sum(found))
