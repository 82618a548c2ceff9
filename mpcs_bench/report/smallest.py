"""The smallest p that a test could have given, as tables show it: beside the p that it did give."""

from __future__ import annotations

from mpcs_bench.report.model import ALPHA
from mpcs_bench.report.numbers import MISSING, probability
from mpcs_bench.report.page import Cell

OUT_OF_REACH = (
    f"Where the smallest possible p, after Holm where it applies, is above {ALPHA}, no outcome of "
    "that test could have shown a difference: out of reach."
)


def smallest_cell(smallest: float | None, adjusted: float | None, *, in_reach: bool) -> Cell:
    """Return the smallest possible p of a test; `adjusted` is what Holm makes of it, if it does."""
    if smallest is None:
        return Cell(MISSING, "" if in_reach else "out of reach")
    said = [] if adjusted is None or adjusted == smallest else [f"Holm {probability(adjusted)}"]
    if not in_reach:
        said.append("out of reach")
    return Cell("0" if smallest == 0 else probability(smallest), ", ".join(said))
