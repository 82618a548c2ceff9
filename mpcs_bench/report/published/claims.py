"""Read the claims of a publication, and find the cells that each of them is about."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from mpcs_bench.errors import Location, did_you_mean
from mpcs_bench.protocol.document import Document
from mpcs_bench.report.published.files import ClaimEntry, ClaimsFile, Selection
from mpcs_bench.report.published.problems import Problems, read_yaml
from mpcs_bench.report.published.records import Claim, Claimed, PublishedCell, PublishedTable

CLAIMS = "claims.yaml"


def read_claims(folder: Path, tables: Mapping[str, PublishedTable]) -> tuple[Claim, ...]:
    """Return the claims of `claims.yaml`; none where a publication has no such file.

    Raises PublishedError for ids that stand twice, cells that are not there, and a subject that
    no baseline goes with.
    """
    path = folder / CLAIMS
    if not path.exists():
        return ()
    entries, document = read_yaml(path, ClaimsFile)
    problems = Problems()
    claims: dict[str, Claim] = {}
    for index, entry in enumerate(entries.claims):
        place = document.locate(["claims", index]) or Location(str(path))
        if entry.id in claims:
            problems.add(place, f"two claims have the id '{entry.id}'")
        cells = {
            side: _cells(entry, (index, side), tables, document, problems)
            for side in ("subject", "baseline")
        }
        claims[entry.id] = claim = _claim(entry, cells, place)
        if all(cells.values()) and not claim.pairs():
            by = ", ".join(entry.paired_by) or "number"
            problems.add(place, f"claim '{entry.id}': no subject has a baseline of the same {by}")
    problems.raise_any()
    return tuple(claims.values())


def _cells(
    entry: ClaimEntry,
    at: tuple[int, str],
    tables: Mapping[str, PublishedTable],
    document: Document,
    problems: Problems,
) -> tuple[PublishedCell, ...]:
    index, side = at
    found: list[PublishedCell] = []
    for number, selection in enumerate(getattr(entry, side)):
        place = document.locate(["claims", index, side, number])
        found += _selected(selection, tables, place, problems)
    return tuple(dict.fromkeys(found))


def _claim(
    entry: ClaimEntry, cells: Mapping[str, tuple[PublishedCell, ...]], place: Location
) -> Claim:
    return Claim(
        **entry.model_dump(exclude={"claimed", "subject", "baseline"}),
        claimed=Claimed(**entry.claimed.model_dump()),
        subject=cells["subject"],
        baseline=cells["baseline"],
        location=place,
    )


def _selected(
    selection: Selection,
    tables: Mapping[str, PublishedTable],
    place: Location | None,
    problems: Problems,
) -> list[PublishedCell]:
    """Return the selected cells; note every pattern that fits nothing."""
    table = tables.get(selection.table)
    if table is None:
        near = did_you_mean(selection.table, list(tables))
        problems.add(place, f"there is no table '{selection.table}'.{near}")
        return []
    parts = (
        ("row", selection.rows, [row.id for row in table.rows]),
        ("column", selection.columns, [column.id for column in table.columns]),
    )
    for what, patterns, known in parts:
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in known):
                near = did_you_mean(pattern, known)
                problems.add(place, f"{table.id} has no {what} '{pattern}'.{near}")
    return [
        cell
        for cell in table.cells
        if _fits(cell.row, selection.rows) and _fits(cell.column, selection.columns)
    ]


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
