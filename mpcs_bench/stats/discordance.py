"""McNemar's test: what one set of models gets right and the other does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mpcs_bench.stats.limits import IMAGES_ERR_TOGETHER, IMAGES_OF_PATIENTS
from mpcs_bench.stats.proportions import proportion_intervals
from mpcs_bench.stats.reach import smallest_attainable_p
from mpcs_bench.stats.records import TRAINED_MODELS, TRAINED_MODELS_IMAGES, Interval
from mpcs_bench.stats.records_items import McNemar

NAIVE = (
    "naive: items of one cluster are correlated, so p is too small (at 0.05, 80 patients with 32 "
    "images each raise 0.35 false alarms)"
)


def mcnemar(
    candidate_right: ArrayLike,
    baseline_right: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    alpha: float = 0.05,
    unit: str = "image",
) -> McNemar:
    """Test whether two sets of trained models err equally often on new items (McNemar 1947).

    `candidate_right` [N] and `baseline_right` [N], truth values, one per item, each tested once.
    `clusters` [N] names whom an item belongs to; where a cluster has several items, they are
    correlated and the test is `naive`. Raises ValueError where lengths differ, for no items, or for
    values that are neither true nor false.
    """
    ours, theirs = _truth(candidate_right), _truth(baseline_right)
    if ours.shape != theirs.shape or ours.ndim != 1 or ours.size == 0:
        raise ValueError(f"{ours.shape} candidate items do not match {theirs.shape} baseline items")
    correlated = False
    if clusters is not None:
        names = np.asarray(clusters)
        if names.shape != ours.shape:
            raise ValueError(f"{names.shape} clusters do not match {ours.shape} items")
        correlated = np.unique(names).size < names.size
    return mcnemar_of_counts(
        int(np.sum(ours & ~theirs)),
        int(np.sum(theirs & ~ours)),
        items=int(ours.size),
        correlated=correlated,
        alpha=alpha,
        unit=unit,
    )


def mcnemar_of_counts(
    gained: int,
    lost: int,
    *,
    items: int | None = None,
    correlated: bool = False,
    alpha: float = 0.05,
    unit: str = "image",
) -> McNemar:
    """Test from the numbers of items that only the candidate (`gained`) or baseline has right.

    The exact p is binomial; chi-squared has the continuity correction (Edwards 1948), which is left
    out where both numbers are equal. `items` counts all items, the discordant ones where None.
    `correlated` marks the test naive. Raises ValueError for negative counts, or more discordant
    items than `items`.
    """
    discordant = gained + lost
    total = discordant if items is None else items
    if gained < 0 or lost < 0 or total < discordant:
        raise ValueError(f"{gained} gained and {lost} lost of {total} items cannot be")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    p, chi2, corrected, smallest = 1.0, None, None, 1.0
    if discordant:
        from statsmodels.stats import contingency_tables

        table = [[0, gained], [lost, 0]]
        p = float(contingency_tables.mcnemar(table, exact=True).pvalue)
        outcome = contingency_tables.mcnemar(table, exact=False, correction=gained != lost)
        chi2, corrected = float(outcome.statistic), float(outcome.pvalue)
        smallest = smallest_attainable_p("mcnemar", discordant)
    independent = "the items of one cluster are taken as independent, which they are not"
    return McNemar(
        n=total,
        unit=unit,
        method="naive McNemar" if correlated else "McNemar",
        assumptions=(independent if correlated else "items are independent",),
        warnings=(NAIVE,) if correlated else (),
        question=TRAINED_MODELS if unit == "patient" else TRAINED_MODELS_IMAGES,
        not_for=(IMAGES_ERR_TOGETHER, IMAGES_OF_PATIENTS),
        gained=gained,
        lost=lost,
        p=p,
        chi2=chi2,
        corrected_p=corrected,
        smallest_p=smallest,
        odds_ratio=_odds(gained / discordant) if discordant else None,
        odds_interval=_odds_interval(gained, discordant, 1 - alpha) if discordant else None,
        naive=correlated,
        alpha=alpha,
    )


def _truth(values: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    array = np.asarray(values)
    if not np.all((array == 0) | (array == 1)):
        raise ValueError("an item is right (1, true) or not (0, false)")
    return array.astype(np.bool_)


def _odds_interval(gained: int, discordant: int, level: float) -> Interval:
    low, high, _ = proportion_intervals(gained, discordant, level=level).clopper_pearson
    return Interval(_odds(low), _odds(high), level)


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else float("inf")
