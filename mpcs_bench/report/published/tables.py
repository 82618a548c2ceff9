"""Read the tables of a publication: layouts from `tables.yaml`, cells from a CSV file each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from mpcs_bench.errors import Location, did_you_mean
from mpcs_bench.protocol.document import Document
from mpcs_bench.report.published.files import CellLine, LabelledEntry, TableEntry, TablesFile
from mpcs_bench.report.published.printed import Number, read_printed
from mpcs_bench.report.published.problems import Problems, read_text, read_yaml
from mpcs_bench.report.published.records import (
    PublishedCell,
    PublishedError,
    PublishedTable,
    TableColumn,
    TableRow,
)

TABLES = "tables.yaml"
_REQUIRED = ("row", "column", "printed")
_KNOWN = tuple(CellLine.model_fields)
METRICS = (
    *("patient_accuracy", "image_accuracy", "patch_accuracy", "image_balanced_accuracy"),
    *("image_f1_weighted", "image_precision", "image_recall", "image_auroc"),
)
"""The harness's names. A publication may have others; one that is nearly one of these is a slip."""
_ALL_BUT_EQUAL = 0.94
_LIMITS = {"percent": 100.0, "fraction": 1.0}


def table_files(folder: Path) -> list[Path]:
    """Return the CSV files of a publication."""
    return sorted(folder.glob("*.csv"))


def read_tables(folder: Path, references: Iterable[str]) -> dict[str, PublishedTable]:
    """Return the tables of a publication in the order of `tables.yaml`.

    `references` are the keys that citations may name. Raises PublishedError with everything that
    is wrong: a layout that does not fit its cells, a cell twice or missing, a number that does
    not follow from what is printed.
    """
    layouts, document = read_yaml(folder / TABLES, TablesFile)
    problems, known = Problems(), frozenset(references)
    for path in table_files(folder):
        if path.stem not in layouts.tables:
            near = did_you_mean(path.stem, list(layouts.tables))
            problems.add(Location(str(path)), f"{TABLES} has no table '{path.stem}'.{near}")
    tables = {}
    for name, layout in layouts.tables.items():
        _check_layout(name, layout, document, problems)
        cells = _read_cells(folder / f"{name}.csv", name, problems)
        if cells is None:
            continue
        for cell in cells:
            _check_cell(cell, known, problems)
        tables[name] = _table(name, layout, cells, document, problems)
    problems.raise_any()
    return tables


def _check_layout(name: str, layout: TableEntry, document: Document, problems: Problems) -> None:
    lines = len(layout.columns[0].labels)
    parts: tuple[tuple[str, Sequence[LabelledEntry], int], ...] = (
        ("columns", layout.columns, lines),
        ("rows", layout.rows, len(layout.row_heads)),
    )
    for part, entries, width in parts:
        seen: set[str] = set()
        for index, entry in enumerate(entries):
            place = document.locate(["tables", name, part, index])
            if entry.id in seen:
                problems.add(place, f"{name} has two {part} with the id '{entry.id}'")
            seen.add(entry.id)
            if len(entry.labels) != width:
                of = "the first column" if part == "columns" else "row_heads"
                problems.add(
                    place, f"'{entry.id}' has {len(entry.labels)} labels, and {of} has {width}"
                )


def _read_cells(path: Path, table: str, problems: Problems) -> list[PublishedCell] | None:
    """Return the cells of a file; None where its head already keeps it from being read."""
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    except PublishedError as error:
        problems.add(error.location, error.message)
        return None
    header = reader.fieldnames or []
    top = Location(str(path), 1)
    for name in header:
        if name not in _KNOWN:
            near = did_you_mean(name, list(_KNOWN))
            problems.add(top, f"there is no column '{name}'.{near} Columns: {', '.join(_KNOWN)}")
        elif header.count(name) > 1:
            problems.add(top, f"the column '{name}' stands twice")
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        problems.add(top, f"the column '{missing[0]}' is missing")
    if missing or not set(header) <= set(_KNOWN):
        return None
    derived = not {"mean", "sd"} & set(header)
    cells = []
    for line in reader:
        cell = _cell(line, Location(str(path), reader.line_num), table, derived, problems)
        if cell is not None:
            cells.append(cell)
    return cells


def _cell(
    line: Mapping[str | None, str | None],
    location: Location,
    table: str,
    derived: bool,
    problems: Problems,
) -> PublishedCell | None:
    if None in line or None in line.values():
        problems.add(location, "the line has not as many fields as the head of the file")
        return None
    given = {name: value.strip() for name, value in line.items() if name and value is not None}
    given["printed"] = line["printed"] or ""
    try:
        record = CellLine.model_validate({k: v for k, v in given.items() if v or k == "printed"})
    except ValidationError as error:
        for item in error.errors():
            name = str(item["loc"][0]) if item["loc"] else "line"
            said = f", not '{item['input']}'" if isinstance(item["input"], str) else ""
            text = item["msg"].replace("Input should", "should")
            problems.add(location, f"'{name}': {text}{said}")
        return None
    facts = record.model_dump()
    if record.metric is None:
        return PublishedCell(table=table, location=location, **facts)
    try:
        number = read_printed(record.printed)
    except ValueError as error:
        problems.add(location, str(error))
        return None
    if not derived:
        _compare(record, number, location, problems)
    if number is not None:
        facts |= {
            "mean": number.mean,
            "sd": number.sd,
            "decimals": number.decimals,
            "sd_decimals": number.sd_decimals,
        }
    return PublishedCell(table=table, location=location, **facts)


def _compare(
    record: CellLine, number: Number | None, location: Location, problems: Problems
) -> None:
    """Hold the numbers of a line to what it prints."""
    for name in ("mean", "sd"):
        given, printed = getattr(record, name), getattr(number, name, None)
        if given != printed:
            should = "empty" if printed is None else f"{printed:g}"
            said = "empty" if given is None else f"{given:g}"
            problems.add(location, f"'{name}' is {said}, and '{record.printed}' makes it {should}")


def _check_cell(cell: PublishedCell, references: frozenset[str], problems: Problems) -> None:
    if slip := _slip(cell.metric):
        problems.add(cell.location, f"there is no metric '{cell.metric}'. Did you mean '{slip}'?")
    if (cell.metric is None) != (cell.unit is None):
        there, absent = ("metric", "unit") if cell.unit is None else ("unit", "metric")
        problems.add(cell.location, f"a cell with a '{there}' needs a '{absent}' too")
    if cell.metric is None and (cell.mean is not None or cell.sd is not None):
        problems.add(cell.location, "a cell without a 'metric' is text, and has no 'mean' or 'sd'")
    limit = _LIMITS.get(cell.unit or "")
    if limit is not None and cell.mean is not None and not 0 <= cell.mean <= limit:
        problems.add(cell.location, f"{cell.mean:g} is no {cell.unit}: 0 to {limit:g}")
    if cell.literature and cell.citation is None:
        problems.add(cell.location, "a cell of the literature needs a 'citation'")
    if cell.citation is not None and cell.citation not in references:
        near = did_you_mean(cell.citation, sorted(references))
        problems.add(cell.location, f"paper.yaml has no reference '{cell.citation}'.{near}")


def _slip(metric: str | None) -> str | None:
    """Return the harness's metric that a name is all but equal to; None for any other name."""
    if metric is None or metric in METRICS:
        return None
    swapped = (name for name in METRICS if sorted(name) == sorted(metric))
    near = get_close_matches(metric, METRICS, n=1, cutoff=_ALL_BUT_EQUAL)
    return next(iter((*swapped, *near)), None)


def _table(
    name: str,
    layout: TableEntry,
    cells: list[PublishedCell],
    document: Document,
    problems: Problems,
) -> PublishedTable:
    placed = _placed(name, layout, cells, problems)
    places = [(row.id, column.id) for row in layout.rows for column in layout.columns]
    for index, row in enumerate(layout.rows):
        absent = [c.id for c in layout.columns if (row.id, c.id) not in placed]
        if absent:
            problems.add(
                document.locate(["tables", name, "rows", index]),
                f"{name}.csv has no cell in row '{row.id}' for {', '.join(absent)}; one in which "
                "nothing is printed is there with '-'",
            )
    return PublishedTable(
        id=name,
        number=layout.number,
        caption=layout.caption,
        note=layout.note,
        row_heads=layout.row_heads,
        rows=tuple(TableRow(**row.model_dump()) for row in layout.rows),
        columns=tuple(TableColumn(**column.model_dump()) for column in layout.columns),
        cells=tuple(placed[place] for place in places if place in placed),
    )


def _placed(
    name: str, layout: TableEntry, cells: list[PublishedCell], problems: Problems
) -> dict[tuple[str, str], PublishedCell]:
    """Return the cells by row and column; note those without a place, and those there twice."""
    rows = [row.id for row in layout.rows]
    columns = [column.id for column in layout.columns]
    placed: dict[tuple[str, str], PublishedCell] = {}
    alike: dict[tuple[object, ...], PublishedCell] = {}
    for cell in cells:
        for what, given, known in (("row", cell.row, rows), ("column", cell.column, columns)):
            if given not in known:
                near = did_you_mean(given, known)
                problems.add(cell.location, f"{name} has no {what} '{given}' in {TABLES}.{near}")
        first = placed.setdefault((cell.row, cell.column), cell)
        twin = cell if cell.metric is None else alike.setdefault(cell.facts(), cell)
        if first is not cell:
            problems.add(
                cell.location,
                f"row '{cell.row}', column '{cell.column}' stands in line {first.location.line} "
                "already",
            )
        elif twin is not cell:
            problems.add(
                cell.location,
                f"this cell and row '{twin.row}', column '{twin.column}' (line "
                f"{twin.location.line}) are of the same method, metric and conditions",
            )
    return placed
