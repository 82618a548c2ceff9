"""Writes numbers the way tables show them."""

from __future__ import annotations

MISSING = "–"
_EXACT = 9
"""Decimals of a percentage beyond which only the order of summation speaks: a value that lies half
way between two printed ones is rounded alike, however it was computed."""


def accuracy(mean: float, sd: float | None) -> str:
    """Return a proportion and its standard deviation in percent, as the paper does: 88.36±2.84."""
    return percent(mean) if sd is None else f"{percent(mean)}±{percent(sd)}"


def percent(value: float | None) -> str:
    """Return a proportion in percent with two decimals, or the sign for missing."""
    return MISSING if value is None else f"{_hundredfold(value):.2f}"


def points(value: float | None) -> str:
    """Return a difference of proportions in percentage points, with its sign."""
    if value is None:
        return MISSING
    text = f"{_hundredfold(value):+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def _hundredfold(value: float) -> float:
    return round(100 * value, _EXACT)


def probability(p: float | None) -> str:
    """Return a p value with four decimals, so that 0.0625 stands in full."""
    if p is None:
        return MISSING
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def counted(count: int, noun: str) -> str:
    """Return `1 fold`, `5 folds`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural of an English noun: images, patients, patches."""
    return f"{noun}es" if noun.endswith(("ch", "sh", "s", "x")) else f"{noun}s"
