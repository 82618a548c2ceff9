"""Correction of p values for how many were looked at."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Return Holm's (1979) step-down adjusted p values, in the order given.

    A None (a test that gave no p) stays None and does not count towards the family. Controls the
    chance of any false alarm in the family, whatever the dependence between its tests. Raises
    ValueError for a p outside [0, 1].
    """
    family = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    if any(not 0 <= p <= 1 for p, _ in family):
        raise ValueError("p values lie between 0 and 1")
    adjusted: list[float | None] = [None] * len(p_values)
    floor = 0.0
    for rank, (p, index) in enumerate(family):
        floor = max(floor, min(1.0, (len(family) - rank) * p))
        adjusted[index] = floor
    return tuple(adjusted)
