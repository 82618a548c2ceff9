"""The Bayesian correlated t-test: how probably a method is worse, equivalent or better."""

from __future__ import annotations

import math
from collections.abc import Sequence

from numpy.typing import ArrayLike
from scipy import stats

from mpcs_bench.stats.limits import SEEDS_AS_FOLDS
from mpcs_bench.stats.paired import (
    NORMAL,
    SHARED_TRAINING,
    all_equal,
    finite_differences,
    mean_ratio,
)
from mpcs_bench.stats.records import METHODS, Interval, Posterior


def bayesian_correlated_t(
    differences: ArrayLike,
    test_train_ratio: float | Sequence[float],
    *,
    rope: float,
    level: float = 0.95,
    unit: str = "fold x seed",
) -> Posterior:
    """Return the posterior of the mean difference where the folds share training data.

    A Student t with J - 1 degrees of freedom, location mean(d) and scale
    sqrt((1/J + rho / (1 - rho)) var(d)), rho = n_test / (n_test + n_train) (Corani and Benavoli
    2015; Benavoli et al. 2017, section 3). rho / (1 - rho) is n_test/n_train, so the arguments are
    those of `corrected_resampled_t`, and with `rope` 0 the smaller tail is half of its p.

    `differences` [J], candidate minus baseline; `rope` is the half-width of the region of practical
    equivalence, in the same unit. Raises ValueError as `corrected_resampled_t` does, and for a
    negative `rope`.
    """
    values = finite_differences(differences)
    ratio, warnings = mean_ratio(test_train_ratio, values.size)
    if not (math.isfinite(rope) and rope >= 0):
        raise ValueError(f"a region of practical equivalence has a half-width, not {rope}")
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, not {level}")
    location, freedom = float(values.mean()), values.size - 1
    interval = None
    if all_equal(values):
        warnings.append(f"all {values.size} differences are equal: the posterior is one point")
        scale = 0.0
        worse, better = float(location < -rope), float(location > rope)
    else:
        scale = math.sqrt((1 / values.size + ratio) * float(values.var(ddof=1)))
        posterior = stats.t(freedom, loc=location, scale=scale)
        worse, better = float(posterior.cdf(-rope)), float(posterior.sf(rope))
        low, high = posterior.interval(level)
        interval = Interval(float(low), float(high), level)
    return Posterior(
        n=values.size,
        unit=unit,
        method="Bayesian correlated t (Benavoli et al. 2017)",
        assumptions=(NORMAL, SHARED_TRAINING, "before the data, any mean and any scale: flat"),
        warnings=tuple(warnings),
        question=METHODS,
        not_for=(SEEDS_AS_FOLDS,),
        location=location,
        scale=scale,
        degrees_of_freedom=freedom,
        correlation=ratio / (1 + ratio),
        rope=rope,
        p_worse=worse,
        p_equivalent=max(0.0, 1 - worse - better),
        p_better=better,
        interval=interval,
    )
