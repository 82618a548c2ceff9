"""Printed numbers as exact fractions, and how one that is printed goes with one that is computed.

A printed number stands for an interval: rounding leaves half a unit of its last decimal on either
side, truncation a whole one above. Binary floating point would blur what hangs on that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from mpcs_bench.report.published.records import PublishedCell

Agreement = Literal["exact", "rounding", "truncation", "error"]


@dataclass(frozen=True, slots=True)
class Exact:
    """A printed number: its value, and how many decimals it was printed with."""

    value: Fraction
    decimals: int

    @property
    def step(self) -> Fraction:
        """One unit of the last printed decimal."""
        return Fraction(1, 10**self.decimals)

    @property
    def half(self) -> Fraction:
        """How far rounding may have moved the number."""
        return self.step / 2

    def rounds(self, low: Fraction, high: Fraction | None = None) -> bool:
        """Say whether a number of [low, high] rounds to this one, ties either way."""
        top = low if high is None else high
        return low <= self.value + self.half and top >= self.value - self.half

    def truncates(self, value: Fraction) -> bool:
        """Say whether cutting `value` off after the last decimal gives this number."""
        return self.value <= value < self.value + self.step

    def __str__(self) -> str:
        return shown(self.value, self.decimals)


def exact(value: float, decimals: int) -> Exact:
    """Return a number that was printed with so many decimals."""
    return Exact(Fraction(Decimal(f"{value:.{decimals}f}")), decimals)


def exact_mean(cell: PublishedCell) -> Exact | None:
    """Return the printed mean of a cell; None where it prints no number."""
    if cell.mean is None or cell.decimals is None:
        return None
    return exact(cell.mean, cell.decimals)


def exact_sd(cell: PublishedCell) -> Exact | None:
    """Return the printed standard deviation of a cell; None where it prints none."""
    if cell.sd is None or cell.sd_decimals is None:
        return None
    return exact(cell.sd, cell.sd_decimals)


def half_up(value: Fraction, decimals: int) -> Fraction:
    """Return `value` rounded, a tie away from zero."""
    scaled = abs(value) * 10**decimals
    rounded = Fraction(math.floor(scaled + Fraction(1, 2)), 10**decimals)
    return rounded if value >= 0 else -rounded


def half_even(value: Fraction, decimals: int) -> Fraction:
    """Return `value` rounded, a tie to the even last digit."""
    return Fraction(round(value * 10**decimals), 10**decimals)


def truncated(value: Fraction, decimals: int) -> Fraction:
    """Return `value` cut off after its last decimal, towards zero."""
    return Fraction(math.trunc(value * 10**decimals), 10**decimals)


def shown(value: Fraction | float, decimals: int) -> str:
    """Return a number with so many decimals, a tie away from zero."""
    units = int(half_up(Fraction(value), decimals) * 10**decimals)
    return f"{Decimal(units).scaleb(-decimals):f}"


def agreement(printed: Exact, computed: Fraction, parts: list[Exact]) -> Agreement:
    """Say how a printed mean goes with `computed`, the mean of the printed `parts`.

    - exact: `computed` rounds to it, a tie either way;
    - truncation: `computed` cut off gives it, or it can where the parts, the mean or both were cut;
    - rounding: it is further off, and the parts before their own rounding can give it;
    - error: nothing of that can.
    """
    slack = sum((part.half for part in parts), Fraction(0)) / len(parts)
    cut = sum((part.step for part in parts), Fraction(0)) / len(parts)
    off = printed.value - computed
    if printed.rounds(computed):
        return "exact"
    if printed.truncates(computed):
        return "truncation"
    if before_rounding(printed, computed, parts):
        return "rounding"
    # Rounded parts, the mean of which was cut, lie lowest; cut parts, the mean of which was
    # rounded, highest.
    if -printed.step - slack < off < cut + printed.half:
        return "truncation"
    return "error"


def before_rounding(printed: Exact, computed: Fraction, parts: list[Exact]) -> bool:
    """Say whether the mean of the parts before their own rounding can round to `printed`."""
    slack = sum((part.half for part in parts), Fraction(0)) / len(parts)
    return printed.rounds(computed - slack, computed + slack)
