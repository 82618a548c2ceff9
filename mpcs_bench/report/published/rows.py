"""A publication as rows of the store: the views `published` and `claims`."""

from __future__ import annotations

from dataclasses import asdict

from mpcs_bench.report.published.records import (
    Claim,
    Publication,
    PublishedCell,
    PublishedTable,
)
from mpcs_bench.store import PublishedClaim, PublishedSource, PublishedValue

_SAME = (
    *("printed", "mean", "sd", "unit", "bold", "dataset", "encoder", "method", "strategy"),
    *("experiment", "metric", "part", "label_fraction", "adaptation", "literature", "citation"),
)


def published_source(publication: Publication) -> PublishedSource:
    """Return everything of a publication that the database holds."""
    return PublishedSource(
        source=publication.id,
        digest=publication.digest,
        values=tuple(
            value for table in publication.tables.values() for value in _values(table, publication)
        ),
        claims=tuple(_claim(claim, at) for at, claim in enumerate(publication.claims)),
    )


def _values(table: PublishedTable, publication: Publication) -> list[PublishedValue]:
    return [
        PublishedValue(
            table_id=table.id,
            row_id=row.id,
            column_id=column.id,
            row_position=row_position,
            column_position=column_position,
            row_label=_label(row.labels),
            column_label=_label(column.labels),
            magnification=_number(cell),
            reference=_reference(cell, publication),
            **{name: getattr(cell, name) for name in _SAME},
        )
        for row_position, (row, cells) in enumerate(table.grid())
        for column_position, (column, cell) in enumerate(zip(table.columns, cells, strict=True))
    ]


def _label(labels: tuple[str, ...]) -> str:
    return " / ".join(label for label in labels if label)


def _number(cell: PublishedCell) -> int:
    # As everywhere in the database, 0 is a mean over magnifications, or none.
    return cell.magnification if isinstance(cell.magnification, int) else 0


def _reference(cell: PublishedCell, publication: Publication) -> str | None:
    return None if cell.citation is None else publication.references[cell.citation].citation


def _claim(claim: Claim, position: int) -> PublishedClaim:
    return PublishedClaim(
        claim_id=claim.id,
        position=position,
        kind=claim.kind,
        section=claim.section,
        place=claim.place,
        quote=claim.quote,
        **asdict(claim.claimed),
        experiments=claim.experiments(),
        subject=tuple(cell.name for cell in claim.subject),
        baseline=tuple(cell.name for cell in claim.baseline),
        paired_by=claim.paired_by,
        quantifier=claim.quantifier,
        unchecked=claim.unchecked,
        note=claim.note,
    )
