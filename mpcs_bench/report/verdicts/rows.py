"""Verdicts as rows for the store's view `verdicts`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from mpcs_bench.report.verdicts.records import ClaimVerdict

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell, PaperReport, PaperTable


def verdict_rows(report: PaperReport, headings: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row for each verdict of `report`, in the columns of the view `verdicts`.

    `headings` are those of its tables. Amounts are percentage points. What weakens a verdict
    stands among the reasons.
    """
    shared = {
        "source": report.publication.id,
        "computed_at": report.created.astimezone(UTC).replace(tzinfo=None),
    }
    return [
        *(
            shared | {"runs": heading} | row
            for table, heading in zip(report.tables, headings, strict=True)
            for row in _of_cells(table)
        ),
        *(shared | _of_claim(claim) for claim in report.claims),
    ]


def _of_cells(table: PaperTable) -> Iterator[dict[str, Any]]:
    for cell in table.cells:
        if cell.verdict is not None:
            yield {
                "table_id": table.published.id,
                "row_id": cell.published.row,
                "column_id": cell.published.column,
                "protocols": cell.protocols,
                "scale": table.variant.scale,
                "verdict": cell.verdict.word,
                "reasons": (*cell.verdict.reasons, *cell.verdict.warnings),
                "margin": cell.verdict.margin,
                "smallest_margin": cell.verdict.smallest_margin,
                "z": cell.verdict.gap.z if cell.verdict.gap else None,
                **_amounts(cell),
            }


def _amounts(cell: FilledCell) -> dict[str, Any]:
    test = cell.verdict.test if cell.verdict else None
    low, high = (test.interval.low, test.interval.high) if test and test.interval else (None, None)
    return {
        "difference": None if cell.gap is None else 100 * cell.gap,
        "low": low,
        "high": high,
        "n": len(cell.ours.folds) if cell.ours else None,
    }


def _of_claim(verdict: ClaimVerdict) -> dict[str, Any]:
    found = verdict.decisive
    return {
        "claim_id": verdict.claim.id,
        "runs": verdict.runs,
        "protocols": verdict.protocols,
        "scale": verdict.scale,
        "verdict": verdict.word,
        "reasons": (*(verdict.reasons or (verdict.why,)), *verdict.warnings),
        "difference": found.difference if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "n": found.n if found else None,
        "margin": found.margin if found else None,
        "smallest_margin": found.smallest_margin if found else None,
    }
