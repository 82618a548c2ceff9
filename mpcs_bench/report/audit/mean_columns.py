"""Which cells of a row its Mean cell averages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mpcs_bench.report.published.records import FACTS, Publication, PublishedCell, PublishedTable

_SAME = tuple(fact for fact in FACTS if fact != "magnification")


@dataclass(frozen=True, slots=True)
class MeanCell:
    """A printed mean over magnifications, and the cells of its row that it is the mean of."""

    cell: PublishedCell
    parts: tuple[PublishedCell, ...]

    @property
    def lacking(self) -> str | None:
        """Why the mean cannot be computed again; None where it can."""
        if len(self.parts) < 2:
            return "the row has no two cells that it could average"
        absent = [part.column for part in self.parts if part.mean is None]
        return f"nothing is printed in {', '.join(absent)}" if absent else None


def mean_cells(table: PublishedTable) -> Iterator[MeanCell]:
    """Yield the Mean cells of a table that print a number.

    A Mean goes with the cells of its own row that differ from it in nothing but a magnification.
    """
    for _, cells in table.grid():
        for cell in cells:
            if cell.magnification == "mean" and cell.mean is not None:
                yield MeanCell(cell, tuple(part for part in cells if _averaged(part, cell)))


def parts_of(publication: Publication) -> dict[str, tuple[PublishedCell, ...]]:
    """Return the averaged cells of every Mean cell that can be computed again, by its name."""
    return {
        mean.cell.name: mean.parts
        for table in publication.tables.values()
        for mean in mean_cells(table)
        if mean.lacking is None
    }


def _averaged(part: PublishedCell, mean: PublishedCell) -> bool:
    return isinstance(part.magnification, int) and all(
        getattr(part, fact) == getattr(mean, fact) for fact in _SAME
    )
