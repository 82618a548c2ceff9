"""Intervals of a proportion of independent items."""

from __future__ import annotations

from mpcs_bench.stats.limits import PROPORTION_OF_IMAGES
from mpcs_bench.stats.records import TRAINED_MODELS, TRAINED_MODELS_IMAGES, Interval
from mpcs_bench.stats.records_items import Proportion


def proportion_intervals(
    successes: int, items: int, *, level: float = 0.95, unit: str = "image"
) -> Proportion:
    """Return successes / items with the Clopper-Pearson (1934) and the Wilson (1927) interval.

    Clopper-Pearson never covers less than `level`; Wilson covers about `level` on average and is
    shorter. Raises ValueError for no items, or more successes than items.
    """
    from statsmodels.stats.proportion import proportion_confint

    if not 0 <= successes <= items or items == 0:
        raise ValueError(f"{successes} of {items} items is no proportion")
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, not {level}")
    exact, wilson = (
        proportion_confint(successes, items, alpha=1 - level, method=method)
        for method in ("beta", "wilson")
    )
    return Proportion(
        n=items,
        unit=unit,
        method="Clopper-Pearson and Wilson intervals",
        assumptions=("items are independent: images of one patient are not",),
        question=TRAINED_MODELS if unit == "patient" else TRAINED_MODELS_IMAGES,
        not_for=(PROPORTION_OF_IMAGES,),
        successes=successes,
        estimate=successes / items,
        clopper_pearson=Interval(float(exact[0]), float(exact[1]), level),
        wilson=Interval(float(wilson[0]), float(wilson[1]), level),
    )
