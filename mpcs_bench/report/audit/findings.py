"""What an audit says: findings, what it could not check, and how both are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from mpcs_bench.report.published.records import Claim, Publication, PublishedCell

Severity = Literal["error", "rounding", "truncation", "out-of-reach", "notice", "undetermined"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement between what is printed and what follows from the other printed numbers.

    A finding on a cell names `table`, `row` and `column`; one on a table its `table`; one on the
    text its `claim`. `details` are lines that carry the arithmetic further.
    """

    rule: str
    severity: Severity
    printed: str
    recomputed: str
    explanation: str
    table: str | None = None
    row: str | None = None
    column: str | None = None
    claim: str | None = None
    details: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is: `table/row/column`, `table`, `claim ID`, or the publication."""
        if self.claim is not None:
            return f"claim {self.claim}"
        parts = [part for part in (self.table, self.row, self.column) if part is not None]
        return "/".join(parts) or "the publication"


@dataclass(frozen=True, slots=True)
class Skipped:
    """What a rule did not check (`what`: cells, a table, a claim), and why."""

    rule: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule says of one publication; `checked` counts what it could decide."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    checked: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name, what it asks, and the pure function that asks it."""

    id: str
    asks: str
    check: Callable[[Publication], Outcome]


@dataclass(frozen=True, slots=True)
class Audit:
    """All that the rules say of one publication, in their order.

    `asked` maps each rule that ran to what it asks, `checked` to how much it could decide.
    """

    publication: str
    asked: dict[str, str]
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    checked: dict[str, int]


def on_cell(
    cell: PublishedCell,
    rule: str,
    severity: Severity,
    recomputed: str,
    explanation: str,
    *,
    printed: str | None = None,
    details: tuple[str, ...] = (),
) -> Finding:
    """Return a finding on one cell; `printed` is the cell's text unless given."""
    return Finding(
        rule=rule,
        severity=severity,
        printed=cell.printed.strip() if printed is None else printed,
        recomputed=recomputed,
        explanation=explanation,
        table=cell.table,
        row=cell.row,
        column=cell.column,
        details=details,
    )


def on_claim(
    claim: Claim,
    rule: str,
    severity: Severity,
    recomputed: str,
    explanation: str,
    *,
    details: tuple[str, ...] = (),
) -> Finding:
    """Return a finding on a claim of the text; what is printed is its quote."""
    return Finding(
        rule=rule,
        severity=severity,
        printed=claim.quote,
        recomputed=recomputed,
        explanation=explanation,
        claim=claim.id,
        details=details,
    )


def unsettled(claim: Claim, rule: str, why: str) -> Finding:
    """Return the finding on a claim that no printed cell settles."""
    text = f"No printed cell settles it: {why.rstrip('.')}."
    return on_claim(claim, rule, "undetermined", "-", text)


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return '1 cell', '2 cells'."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
