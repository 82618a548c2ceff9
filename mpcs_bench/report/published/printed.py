"""What a printed cell of a table says as numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

NOTHING = ("", "-", "\u2013", "\u2014")
"""What stands in a cell that has no value."""

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_CELL = re.compile(
    rf"(?P<mean>{_NUMBER})\s*%?"
    rf"(?:\s*(?:±|\+/-|\+-)\s*(?P<after>{_NUMBER})|\s*\(\s*(?P<within>{_NUMBER})\s*%?\s*\))?\s*%?"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A printed mean and standard deviation, with the decimals that each was printed with."""

    mean: float
    decimals: int
    sd: float | None = None
    sd_decimals: int | None = None


def read_printed(printed: str) -> Number | None:
    """Return what `printed` says: `87.40`, `87.40±3.73`, `87.4 +- 3.7`, `87.4 (3.7)`, with or
    without `%`; None where nothing is printed (`NOTHING`).

    Raises ValueError for any other text.
    """
    text = printed.strip()
    if text in NOTHING:
        return None
    match = _CELL.fullmatch(text)
    if match is None:
        raise ValueError(f"'{printed}' is no number such as 87.40 or 87.40±3.73, and not '-'")
    mean, sd = match["mean"], match["after"] or match["within"]
    if sd is None:
        return Number(float(mean), _decimals(mean))
    return Number(float(mean), _decimals(mean), float(sd), _decimals(sd))


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])
