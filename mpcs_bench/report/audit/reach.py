"""The smallest p that printed means and standard deviations leave possible, test by test.

Nothing is said of the folds' own values, so every bound takes the case that suits the claim best:
the cells rounded favourably, the two methods moving together over the folds as far as their
deviations allow. The standard deviation of a difference is at least the difference of the standard
deviations; printed ones are taken with n - 1, which gives the smaller p.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from scipy import stats

from mpcs_bench.report.audit.exact import exact_mean, exact_sd
from mpcs_bench.report.published.records import PublishedCell
from mpcs_bench.stats import smallest_attainable_p


@dataclass(frozen=True, slots=True)
class Reach:
    """The smallest p of one test; None where what is printed bounds nothing."""

    test: str
    p: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class FoldPair:
    """Two printed means over the same `n` folds: what a test of them may start from.

    `difference` is the largest absolute difference, `sd` the smallest standard deviation of the
    differences, `sds` the smallest of either method, before rounding.
    """

    n: int
    centre: float
    difference: float
    sd: float
    sds: tuple[float, float]


def fold_pair(subject: PublishedCell, baseline: PublishedCell, n: int) -> FoldPair | None:
    """Return what two printed cells say; None where one prints no mean or no deviation."""
    numbers = [exact_mean(subject), exact_mean(baseline), exact_sd(subject), exact_sd(baseline)]
    one, other, sd, other_sd = numbers
    if one is None or other is None or sd is None or other_sd is None:
        return None
    centre = one.value - other.value
    least = abs(sd.value - other_sd.value) - sd.half - other_sd.half
    return FoldPair(
        n=n,
        centre=float(centre),
        difference=float(abs(centre) + one.half + other.half),
        sd=float(max(Fraction(0), least)),
        sds=(
            float(max(Fraction(0), sd.value - sd.half)),
            float(max(Fraction(0), other_sd.value - other_sd.half)),
        ),
    )


def over_folds(pair: FoldPair, ratio: float) -> list[Reach]:
    """Return the reach of the tests over folds; `ratio` is n_test / n_train."""
    n = pair.n
    signs = smallest_attainable_p("wilcoxon", n)
    return [
        Reach("paired t, naive", paired_t(pair.difference, pair.sd, n)),
        Reach(
            f"corrected resampled t, n_test/n_train = {ratio:.3g}",
            paired_t(pair.difference, pair.sd, n, ratio),
        ),
        Reach("unpaired t", unpaired_t(pair.difference, pair.sds, n)),
        Reach(f"Wilcoxon signed rank or sign-flip, {n} pairs", signs),
        mann_whitney(pair),
    ]


def over_means(centres: Sequence[float], slack: float) -> list[Reach]:
    """Return the reach of tests whose pairs are the printed means, one per magnification.

    `centres` are their differences; rounding may have moved each by `slack`.
    """
    n = len(centres)
    mean = math.fsum(centres) / n
    sd = _least(math.fsum((value - mean) ** 2 for value in centres), n, slack)
    return [
        Reach("paired t", paired_t(abs(mean) + slack, sd, n)),
        Reach(
            f"Wilcoxon signed rank or sign-flip, {n} pairs", smallest_attainable_p("wilcoxon", n)
        ),
    ]


def over_averages(n: int) -> list[Reach]:
    """Return the reach of tests on the folds' averages over magnifications.

    Their spread is not printed: a mean of standard deviations is only an upper bound of it.
    """
    return [
        Reach("paired t or unpaired t", None, "the spread of the averages is not printed"),
        Reach(
            f"Wilcoxon signed rank or sign-flip, {n} pairs", smallest_attainable_p("wilcoxon", n)
        ),
        Reach(f"Mann-Whitney, {n} against {n}", smallest_attainable_p("mann-whitney", n)),
    ]


def together(
    pairs: Sequence[FoldPair], cells: Sequence[tuple[PublishedCell, PublishedCell]]
) -> list[Reach]:
    """Return the reach of t-tests that take every fold at every magnification as independent."""
    n = sum(pair.n for pair in pairs)
    within = math.fsum((pair.n - 1) * pair.sd**2 for pair in pairs)
    mean = math.fsum(pair.n * pair.centre for pair in pairs) / n
    between = math.fsum(pair.n * (pair.centre - mean) ** 2 for pair in pairs)
    slack = max(pair.difference - abs(pair.centre) for pair in pairs)
    sd = _least(within + between, n, slack)
    largest = abs(mean) + slack
    spreads = []
    for side in (0, 1):
        means = [float(cell[side].mean or 0.0) for cell in cells]
        middle = math.fsum(means) / len(means)
        total = math.fsum(
            (pair.n - 1) * pair.sds[side] ** 2 + pair.n * (value - middle) ** 2
            for pair, value in zip(pairs, means, strict=True)
        )
        spreads.append(_least(total, n, slack))
    return [
        Reach(f"paired t, {n} pairs", paired_t(largest, sd, n)),
        Reach(f"unpaired t, {n} against {n}", unpaired_t(largest, (spreads[0], spreads[1]), n)),
    ]


def paired_t(difference: float, sd: float, n: int, ratio: float = 0.0) -> float:
    """Return the two-sided p of a mean difference; `ratio` as in Nadeau and Bengio (2003)."""
    return _two_sided(difference, sd * math.sqrt(1 / n + ratio), n - 1)


def unpaired_t(difference: float, sds: tuple[float, float], n: int) -> float:
    """Return the two-sided p of Student's t for two groups of `n`."""
    return _two_sided(difference, math.sqrt((sds[0] ** 2 + sds[1] ** 2) / n), 2 * n - 2)


def mann_whitney(pair: FoldPair) -> Reach:
    """Return the smallest p of Mann-Whitney's test that the means and deviations allow.

    The smallest of all needs every fold of one method above every fold of the other. The least of
    n values lies at least sd / sqrt(n) below their mean, the greatest as far above; so that needs
    means further apart than (sd + other sd) / sqrt(n). Without it one pair at least is the other
    way round, and p twice as large.
    """
    n = pair.n
    smallest = smallest_attainable_p("mann-whitney", n)
    apart = pair.difference > sum(pair.sds) / math.sqrt(n)
    note = "" if apart else "the deviations do not let the folds of the two part entirely"
    return Reach(
        f"Mann-Whitney, {n} against {n}", smallest if apart else min(1.0, 2 * smallest), note
    )


def _least(squares: float, n: int, slack: float) -> float:
    """Return the smallest deviation of `n` values with this sum of squares about their mean, each
    of which rounding may have moved by `slack`."""
    return max(0.0, (math.sqrt(squares) - slack * math.sqrt(n)) / math.sqrt(n - 1))


def _two_sided(difference: float, error: float, freedom: int) -> float:
    if error == 0.0:
        return 0.0 if difference > 0 else 1.0
    return float(2 * stats.t.sf(difference / error, freedom))
