"""Bold marks against the best value of their column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mpcs_bench.report.audit.exact import exact_mean
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Severity, Skipped, on_cell
from mpcs_bench.report.published.records import Publication, PublishedCell, PublishedTable

BOLD = "bold"
Scope = Literal["block", "column"]
WITHIN: dict[Scope, str] = {"block": "of its column within the block", "column": "of its column"}
COMPARED = ("column", "dataset", "metric", "unit", "part")


@dataclass(frozen=True, slots=True)
class _Group:
    """Cells of which the best is marked."""

    cells: tuple[PublishedCell, ...]

    @property
    def best(self) -> tuple[PublishedCell, ...]:
        top = max(cell.mean for cell in self.cells if cell.mean is not None)
        return tuple(cell for cell in self.cells if cell.mean == top)

    @property
    def marked(self) -> tuple[PublishedCell, ...]:
        return tuple(cell for cell in self.cells if cell.bold)


def check_bold(publication: Publication) -> Outcome:
    """Hold the marks of each table to the best values, in the reading that explains most of them.

    A table may mark the best of a column or of each block in it; the reading with fewer
    disagreements is taken, the block where they are as many.
    """
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    checked = 0
    for table in publication.tables.values():
        numbers = [cell for cell in table.cells if cell.mean is not None]
        if not numbers:
            continue
        if not any(cell.bold for cell in numbers):
            skipped.append(Skipped(BOLD, table.id, "the table marks nothing in bold"))
            continue
        if any(cell.unit == "number" for cell in numbers):
            skipped.append(Skipped(BOLD, table.id, "of a plain number the best may be the lowest"))
        shares = [cell for cell in numbers if cell.unit != "number"]
        checked += len(shares)
        by_block, by_column = (
            _of_scope(table, shares, "block"),
            _of_scope(table, shares, "column"),
        )
        findings += by_block if len(by_block) <= len(by_column) else by_column
    return Outcome(tuple(findings), tuple(skipped), checked)


def _of_scope(
    table: PublishedTable, numbers: Iterable[PublishedCell], scope: Scope
) -> list[Finding]:
    blocks = {row.id: row.block if scope == "block" else None for row in table.rows}
    groups: dict[tuple[object, ...], list[PublishedCell]] = {}
    for cell in numbers:
        key = (blocks[cell.row], *(getattr(cell, name) for name in COMPARED))
        groups.setdefault(key, []).append(cell)
    marking = {key[0] for key, cells in groups.items() if any(cell.bold for cell in cells)}
    return [
        finding
        for key, cells in groups.items()
        if key[0] in marking  # a block without a mark takes no part
        for finding in _of_group(_Group(tuple(cells)), scope)
    ]


def _of_group(group: _Group, scope: Scope) -> list[Finding]:
    best, marked, where = group.best, group.marked, WITHIN[scope]
    value = str(exact_mean(best[0]))
    rows = ", ".join(cell.row for cell in best)
    if not marked:
        text = f"The best {where} is not in bold, nor is any other value there."
        return [_finding(cell, "notice", "bold", text) for cell in best]
    found = []
    for cell in marked:
        if cell in best:
            continue
        if any(other in best for other in marked):
            severity: Severity = "notice"
            text = f"It is in bold, and so is the best {where}, {value} ({rows})."
        else:
            severity = "error"
            text = f"It is in bold; the best {where} is {value} ({rows}), which is not."
        found.append(_finding(cell, severity, f"best {value}", text))
    if any(cell in best for cell in marked):
        text = f"It is as good as the best {where}, which is in bold; this one is not."
        found += [_finding(cell, "notice", "bold", text) for cell in best if not cell.bold]
    return found


def _finding(cell: PublishedCell, severity: Severity, recomputed: str, text: str) -> Finding:
    printed = f"{exact_mean(cell)}{' in bold' if cell.bold else ''}"
    return on_cell(cell, BOLD, severity, recomputed, text, printed=printed)


RULES = (Rule(BOLD, "Are the best values in bold, and only they?", check_bold),)
