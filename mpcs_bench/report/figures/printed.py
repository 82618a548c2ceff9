"""The publication's values that stand beside ours in a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mpcs_bench.report.published.records import Publication, PublishedCell


def printed_cells(publication: Publication | None, **facts: Any) -> list[PublishedCell]:
    """Return the cells with a number whose facts (`experiment`, `metric` ...) are these, in order.

    A fact given as a tuple is met by any of its values.
    """
    if publication is None:
        return []
    return [
        cell
        for cell in publication.cells()
        if cell.mean is not None and all(_is(getattr(cell, n), v) for n, v in facts.items())
    ]


def in_percent(cell: PublishedCell) -> float:
    """Return the mean of a cell in percent, whatever it was printed in."""
    if cell.mean is None:
        raise ValueError(f"{cell.name} has no number")
    return 100 * cell.mean / cell.scale


def mean_over(cells: Sequence[PublishedCell], magnifications: Sequence[int | None]) -> float | None:
    """Return one row's value over `magnifications`, in percent: its printed Mean where it has all.

    `cells` are the row's. With other magnifications the mean of their cells; None where one has
    no number.
    """
    by_place = {cell.magnification: in_percent(cell) for cell in cells}
    single = {place for place in by_place if isinstance(place, int)}
    if set(magnifications) == single and "mean" in by_place:
        return by_place["mean"]
    if not all(place in by_place for place in magnifications):
        return None
    return sum(by_place[place] for place in magnifications) / len(magnifications)


def _is(value: Any, wanted: Any) -> bool:
    return bool(value in wanted if isinstance(wanted, tuple) else value == wanted)
