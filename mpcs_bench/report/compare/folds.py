"""The question of methods: tests over the folds of a cross-validation, seeds averaged first."""

from __future__ import annotations

import math

from mpcs_bench.report.compare.outcome import Outcome
from mpcs_bench.report.model import Comparison
from mpcs_bench.stats import (
    PairedT,
    SignFlip,
    bayesian_correlated_t,
    minimum_detectable_effect,
    paired_effect,
)

CORRECTED_T, POSTERIOR, FOLD_FLIP = "corrected-t", "bayesian", "sign-flip by fold"
DEFAULT_ROPE = 0.01
POWER = 0.8


def fold_outcomes(comparison: Comparison, *, rope: float = DEFAULT_ROPE) -> tuple[Outcome, ...]:
    """Return the tests of one pair over its folds, the deciding one first.

    `rope` is the half-width of the region of practical equivalence, a proportion. Raises ValueError
    for a negative one.
    """
    test = comparison.by_fold or comparison.test
    found = []
    if test is not None:
        found += [corrected_outcome(comparison, test), _posterior(comparison, test, rope)]
    if comparison.sign_flip is not None:
        found.append(_flipped(comparison.sign_flip, comparison.notes))
    return tuple(found)


def _flipped(flip: SignFlip, notes: tuple[str, ...]) -> Outcome:
    return Outcome(
        name=FOLD_FLIP,
        question=flip.question,
        method=flip.method,
        unit=flip.unit,
        n=flip.n,
        difference=flip.mean_difference,
        p=flip.p,
        smallest_p=flip.smallest_p,
        notes=(*notes, *flip.warnings),
        alpha=flip.alpha,
    )


def corrected_outcome(comparison: Comparison, test: PairedT) -> Outcome:
    """Return one of the corrected t-tests of `comparison` as an outcome."""
    seeds_averaged = test is comparison.by_fold
    effect = paired_effect([fold.difference for fold in comparison.folds])
    return Outcome(
        name=CORRECTED_T,
        question=test.question,
        method=test.method,
        unit=test.unit,
        n=test.n,
        difference=test.mean_difference,
        interval=test.interval,
        statistic=test.statistic,
        p=test.p,
        p_adjusted=comparison.by_fold_p_adjusted if seeds_averaged else comparison.p_adjusted,
        smallest_p=test.smallest_p,
        effect=effect.d_z,
        details={
            "degrees_of_freedom": test.degrees_of_freedom,
            "test_train_ratio": test.ratio,
            "smallest_significant": test.minimum_detectable,
            "detectable_with_power_80": _detectable(test),
        },
        notes=(*comparison.notes, *test.warnings),
        decisive=True,
        alpha=test.alpha,
    )


def _detectable(test: PairedT) -> float | None:
    if test.p is None:
        return None
    sd = test.standard_error / math.sqrt(1 / test.n + test.ratio)
    return minimum_detectable_effect(sd, test.n, test.ratio, power=POWER, alpha=test.alpha).effect


def _posterior(comparison: Comparison, test: PairedT, rope: float) -> Outcome:
    found = bayesian_correlated_t(
        [fold.difference for fold in comparison.folds],
        [fold.ratio for fold in comparison.folds],
        rope=rope,
        unit=test.unit,
    )
    return Outcome(
        name=POSTERIOR,
        question=found.question,
        method=found.method,
        unit=found.unit,
        n=found.n,
        difference=found.location,
        interval=found.interval,
        effect=found.p_better,
        details={
            "rope": found.rope,
            "p_worse": found.p_worse,
            "p_equivalent": found.p_equivalent,
            "p_better": found.p_better,
        },
        notes=found.warnings,
    )
