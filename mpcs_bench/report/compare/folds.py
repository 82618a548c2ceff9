"""The question of methods: tests over the folds of a cross-validation, seeds averaged first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mpcs_bench.report.compare.outcome import Outcome, with_holm
from mpcs_bench.report.model import Comparison
from mpcs_bench.stats import (
    PairedT,
    SignedRank,
    SignFlip,
    bayesian_correlated_t,
    minimum_detectable_effect,
    paired_effect,
)

CORRECTED_T, POSTERIOR, FOLD_FLIP = "corrected-t", "bayesian", "sign-flip by fold"
EVERY_SEED, FOLD_RANKS = "corrected-t by seed", "wilcoxon by fold"
DEFAULT_ROPE = 0.01
POWER = 0.8
DECIDES_NOTHING = "every fold and seed counts: too many false alarms, so it decides nothing"


def fold_outcomes(
    comparisons: Sequence[Comparison], *, rope: float = DEFAULT_ROPE
) -> list[tuple[Outcome, ...]]:
    """Return the tests over folds of each of `comparisons`, the deciding one first.

    The comparisons are those of one method with one baseline: its single magnifications carry
    Holm's correction, test by test. `rope` is the half-width of the region of practical
    equivalence, a proportion. Raises ValueError for a negative one.
    """
    found = [_outcomes(comparison, rope) for comparison in comparisons]
    by_column = [index for index, c in enumerate(comparisons) if c.column is not None]
    for index, own in zip(by_column, with_holm([found[i] for i in by_column]), strict=True):
        found[index] = own
    return found


def _outcomes(comparison: Comparison, rope: float) -> tuple[Outcome, ...]:
    found = []
    if comparison.test is not None:
        found.append(_corrected(comparison, comparison.test))
        if comparison.every_seed is not None:
            found.append(_corrected(comparison, comparison.every_seed))
        found.append(_posterior(comparison, comparison.test, rope))
    notes = comparison.notes
    if (flip := comparison.sign_flip) is not None:
        found.append(_discrete(FOLD_FLIP, flip, flip.mean_difference, notes))
        if (ranks := comparison.signed_rank) is not None:
            found.append(_discrete(FOLD_RANKS, ranks, flip.mean_difference, notes))
    return tuple(found)


def _discrete(
    name: str, test: SignFlip | SignedRank, difference: float, notes: tuple[str, ...]
) -> Outcome:
    return Outcome(
        name=name,
        question=test.question,
        method=test.method,
        unit=test.unit,
        n=test.n,
        difference=difference,
        statistic=test.statistic if isinstance(test, SignedRank) else None,
        p=test.p,
        smallest_p=test.smallest_p,
        notes=(*notes, *test.warnings),
        alpha=test.alpha,
    )


def _corrected(comparison: Comparison, test: PairedT) -> Outcome:
    decides = test is comparison.test
    effect = paired_effect([fold.difference for fold in comparison.folds])
    return Outcome(
        name=CORRECTED_T if decides else EVERY_SEED,
        question=test.question,
        method=test.method,
        unit=test.unit,
        n=test.n,
        difference=test.mean_difference,
        interval=test.interval,
        statistic=test.statistic,
        p=test.p,
        smallest_p=test.smallest_p,
        effect=effect.d_z,
        details={
            "degrees_of_freedom": test.degrees_of_freedom,
            "test_train_ratio": test.ratio,
            "smallest_significant": test.minimum_detectable,
            "detectable_with_power_80": _detectable(test),
        },
        notes=(*comparison.notes, *test.warnings, *(() if decides else (DECIDES_NOTHING,))),
        decisive=decides,
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
