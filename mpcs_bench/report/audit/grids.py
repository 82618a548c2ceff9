"""Which means, and which deviations, shares of whole counts can have: exact searches.

A fold with n items has an accuracy of k / n. The mean over the folds of such shares takes only
certain values (GRIM, Brown and Heathers 2017), and a mean together with a standard deviation
fewer still (GRIMMER, Anaya 2016; here by search instead of by number theory).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

MOST_STEPS = 400_000


class SearchTooLargeError(Exception):
    """More possibilities than `MOST_STEPS`."""


@dataclass(frozen=True, slots=True)
class Span:
    """A closed interval of exact numbers."""

    low: Fraction
    high: Fraction

    def __contains__(self, value: Fraction) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The attainable means next to a number, at or below it and at or above it."""

    below: Fraction | None
    above: Fraction | None


def neighbours(sizes: Sequence[int], target: Fraction) -> Neighbours:
    """Return the means over folds of k / n that are nearest to `target`, a share.

    `sizes` [folds] are the items n of each fold. Raises SearchTooLargeError.
    """
    folds, unit = len(sizes), math.lcm(*sizes)
    groups = sorted(Counter(sizes).items(), key=lambda group: group[0] * group[1])
    (size, count), others = groups[-1], groups[:-1]
    weight = unit // size
    # In units of 1 / unit all sums of shares are whole; the last group is solved, not searched.
    totals = [range(0, times * unit + 1, unit // n) for n, times in others]
    if math.prod(len(total) for total in totals) > MOST_STEPS:
        raise SearchTooLargeError
    wanted = target * folds * unit
    floor, ceiling = math.floor(wanted), math.ceil(wanted)
    below, above = -1, folds * unit + 1
    for chosen in product(*totals):
        taken = sum(chosen)
        down = min((floor - taken) // weight, size * count)
        up = max(-((taken - ceiling) // weight), 0)
        if down >= 0:
            below = max(below, taken + down * weight)
        if up <= size * count:
            above = min(above, taken + up * weight)
    return Neighbours(
        Fraction(below, folds * unit) if below >= 0 else None,
        Fraction(above, folds * unit) if above <= folds * unit else None,
    )


@dataclass(frozen=True, slots=True)
class FoldValues:
    """One choice of right answers in every fold, with its mean and the sum of squares about it."""

    right: tuple[int, ...]
    sizes: tuple[int, ...]
    mean: Fraction
    squares: Fraction

    def variance(self, ddof: int) -> Fraction:
        """Return the variance over the folds, of shares."""
        return self.squares / (len(self.sizes) - ddof)


def fold_values(sizes: Sequence[int], mean: Span, most_squares: Fraction) -> Iterator[FoldValues]:
    """Yield every choice of right answers whose mean lies in `mean`, folds of one size in order,
    so that each multiset of fold values comes once.

    `most_squares` bounds the sum of squares about the mean. Raises SearchTooLargeError.
    """
    order = tuple(sorted(sizes, reverse=True))
    folds, unit = len(order), math.lcm(*order)
    # In units of 1 / unit all shares are whole, and the search needs no fractions.
    weights = [unit // n for n in order]
    low = math.ceil(mean.low * folds * unit)
    high = math.floor(mean.high * folds * unit)
    bound = most_squares * unit * unit
    reach = math.isqrt(math.floor(bound)) + 1
    first = math.floor(mean.low * unit) - reach
    last = math.ceil(mean.high * unit) + reach
    windows = [
        (max(0, -(-first // w)), min(n, last // w)) for n, w in zip(order, weights, strict=True)
    ]
    least = _tails([lo * w for (lo, _), w in zip(windows, weights, strict=True)])
    most = _tails([hi * w for (_, hi), w in zip(windows, weights, strict=True)])
    steps = 0
    stack: list[tuple[tuple[int, ...], int, int]] = [((), 0, 0)]
    while stack:
        right, total, squared = stack.pop()
        at = len(right)
        if at == folds:
            spread = Fraction(squared) - Fraction(total * total, folds)
            if spread <= bound:
                yield FoldValues(
                    right, order, Fraction(total, folds * unit), spread / (unit * unit)
                )
            continue
        bottom, top = windows[at]
        if at and order[at] == order[at - 1]:
            bottom = max(bottom, right[-1])
        weight = weights[at]
        bottom = max(bottom, -(-(low - total - most[at + 1]) // weight))
        top = min(top, (high - total - least[at + 1]) // weight)
        for k in range(bottom, top + 1):
            steps += 1
            if steps > MOST_STEPS:
                raise SearchTooLargeError
            value = k * weight
            count, sum_, square = at + 1, total + value, squared + value * value
            if square * count - sum_ * sum_ <= bound * count:
                stack.append(((*right, k), sum_, square))


def _tails(values: Sequence[int]) -> list[int]:
    """Return the sums from each place to the end, and 0 for the end."""
    sums = [0]
    for value in reversed(values):
        sums.append(sums[-1] + value)
    return sums[::-1]
