"""Writes numbers the way tables show them."""

from __future__ import annotations

MISSING = "–"


def accuracy(mean: float, sd: float | None) -> str:
    """Return a proportion and its standard deviation in percent, as the paper does: 88.36±2.84."""
    return f"{100 * mean:.2f}" if sd is None else f"{100 * mean:.2f}±{100 * sd:.2f}"


def percent(value: float | None) -> str:
    """Return a proportion in percent with two decimals, or the sign for missing."""
    return MISSING if value is None else f"{100 * value:.2f}"


def points(value: float | None) -> str:
    """Return a difference of proportions in percentage points, with its sign."""
    if value is None:
        return MISSING
    text = f"{100 * value:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


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
