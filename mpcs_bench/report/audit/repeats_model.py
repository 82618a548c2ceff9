"""What repeats a model of chance expects: tables drawn from the spans that printed values have."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mpcs_bench.protocol.seeds import generator

DRAWS = 9_999
COARSER = (2, 5, 10, 20, 50, 100)
"""How many times coarser the grid is made, to say on which as many repeats were to be expected."""
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Placed:
    """A printed value, and where the model lets it fall: on multiples of `step`, from low to high.

    Values of one `fact` are one value, printed in several places; `table` is where.
    """

    fact: Hashable
    table: str
    value: Fraction
    low: Fraction
    high: Fraction
    step: Fraction
    decimals: int


@dataclass(frozen=True, slots=True)
class Repeats:
    """How many repeats there are, and how many a model of chance expects.

    `p` is the share of drawn tables with so many or more, `grid` the grid on which so many are to
    be expected (None: on none that is up to 100 times as coarse).
    """

    found: int
    expected: float
    p: float
    grid: float | None


def repeats(values: Sequence[Placed], *, between: bool) -> Repeats:
    """Hold the repeats among `values` to tables drawn from the model.

    Within a table each fact counts that has the value of an earlier one; with `between`, each value
    that facts of two tables have. Pairs are not counted: six equal cells are five repeats, and
    would be 15 pairs.
    """
    facts = list({value.fact: value for value in values}.values())
    masks = _masks(values, facts)
    decimals = max(value.decimals for value in facts)
    unit = 10**decimals
    printed = np.array([[int(value.value * unit) for value in facts]], dtype=np.int64)
    found = int(_repeated(printed, masks, between)[0])
    drawn = _repeated(_drawn(facts, decimals, 1, DRAWS), masks, between)
    grid = None
    for times in COARSER:
        if grid is None and found:
            coarse = _repeated(_drawn(facts, decimals, times, DRAWS // 10), masks, between)
            if coarse.mean() >= found:
                grid = times * min(float(value.step) for value in facts)
    return Repeats(
        found=found,
        expected=float(drawn.mean()),
        p=(1 + int(np.sum(drawn >= found))) / (DRAWS + 1),
        grid=grid,
    )


def _masks(values: Sequence[Placed], facts: Sequence[Placed]) -> Counts:
    """Return the tables that each fact stands in, a bit for each."""
    tables = {name: 1 << n for n, name in enumerate(dict.fromkeys(v.table for v in values))}
    bits: dict[Hashable, int] = {}
    for value in values:
        bits[value.fact] = bits.get(value.fact, 0) | tables[value.table]
    return np.array([bits[value.fact] for value in facts], dtype=np.int64)


def _drawn(facts: Sequence[Placed], decimals: int, times: int, draws: int) -> Counts:
    """Return printed values [draws, facts] in units of the last decimal."""
    source = generator(0, "audit", "repeats")
    columns = []
    for value in facts:
        step = value.step * times
        first, last = round(value.low / step), round(value.high / step)
        places = source.integers(first, last, size=draws, endpoint=True)
        own = np.rint(places * float(step * 10**value.decimals)).astype(np.int64)
        columns.append(own * 10 ** (decimals - value.decimals))
    return np.column_stack(columns)


def _repeated(printed: Counts, masks: Counts, between: bool) -> Counts:
    """Return the repeats of each row [draws] of printed values."""
    order = np.lexsort((np.broadcast_to(masks, printed.shape), printed))
    value, mask = np.take_along_axis(printed, order, axis=1), masks[order]
    again = value[:, 1:] == value[:, :-1]
    if not between:
        return np.asarray(again.sum(axis=1), dtype=np.int64)
    several = mask[:, 1:] & (mask[:, 1:] - 1) != 0
    again &= several | (mask[:, 1:] != mask[:, :-1])
    return np.array([np.unique(v[a]).size for v, a in zip(value[:, 1:], again, strict=True)])
