"""Verdicts in words: counts in a line, and the sentence that says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mpcs_bench.report.numbers import counted
from mpcs_bench.report.verdicts.combining import decisive
from mpcs_bench.report.verdicts.records import (
    CELL_WORDS,
    CLAIM_WORDS,
    CellVerdict,
    ClaimVerdict,
    ClaimWord,
    Finding,
    PairWord,
)

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import PaperTable
    from mpcs_bench.report.published.records import Claim

MARKS = {
    "equivalent": "=",
    "differs": "≠",
    "inconclusive": "?",
    "out of reach": "∘",
    "not comparable": "×",
}
"""What stands behind a gap; nothing where there is no value of ours."""

_OF_PAIRS: dict[PairWord, str] = {
    "holds": "so in",
    "does not hold": "not so in",
    "undecided": "undecided in",
    "out of reach": "out of reach in",
    "not run": "not run in",
}


FIRST = 3
"""How many reasons stand in a sentence."""


def first(reasons: Sequence[str], limit: int = FIRST) -> str:
    """Return the first reasons, and how many more there are."""
    more = len(reasons) - limit
    kept = "; ".join(reasons[:limit])
    return f"{kept}; and {counted(more, 'more reason')}" if more > 0 else kept


def told(findings: Sequence[Finding], word: ClaimWord, claim: Claim) -> str:
    """Return one sentence: what each pair says, and the numbers of the one that decides."""
    if len(findings) == 1:
        return findings[0].reason
    own = [found for found in findings if found.literature == "none"]
    parts = []
    if own:
        there = [found for found in own if found.word != "not run"] or own
        chosen = decisive(own, word, claim.quantifier) or there[0]
        parts += [_counted(own), f"{chosen.name}: {chosen.reason}"]
    parts += _published(findings)
    return "; ".join(parts)


def _counted(findings: Sequence[Finding]) -> str:
    counts = Counter(found.word for found in findings)
    parts = [f"{text} {counts[name]}" for name, text in _OF_PAIRS.items() if counts[name]]
    return f"{', '.join(parts)} of {counted(len(findings), 'comparison')}"


def _published(findings: Sequence[Finding]) -> list[str]:
    """Say how ours stand to rows of others; of those that it cannot stand to, how many."""
    of_others = [found for found in findings if found.literature != "none"]
    held = [found for found in of_others if found.difference is not None]
    above = sum(((f.difference or 0.0) > 0) == (f.literature == "baseline") for f in held)
    parts = []
    if held:
        parts.append(
            f"ours is above in {above} of {counted(len(held), 'comparison')} with published rows, "
            "against which there is no test"
        )
    if left := len(of_others) - len(held):
        parts.append(f"{counted(left, 'comparison')} with published rows without a value of ours")
    return parts


def cells_line(verdicts: Iterable[CellVerdict | None]) -> str:
    """Count the verdicts on cells: `3 equivalent, 1 differs, 20 not run`; '' where none is."""
    counts = Counter(verdict.word for verdict in verdicts if verdict is not None)
    return ", ".join(f"{counts[word]} {word}" for word in CELL_WORDS if counts[word])


def claims_line(verdicts: Iterable[ClaimVerdict]) -> str:
    """Count the verdicts on claims, as `cells_line` does."""
    counts = Counter(verdict.word for verdict in verdicts)
    return ", ".join(f"{counts[word]} {word}" for word in CLAIM_WORDS if counts[word])


def verdict_notes(table: PaperTable) -> list[str]:
    """Return what stands below a table of its verdicts: the marks, margins, and what weakens them.

    Nothing where no cell has a value of ours.
    """
    verdicts = [cell.verdict for cell in table.cells if cell.verdict and cell.ours]
    if not verdicts:
        return []
    seen = {verdict.word for verdict in verdicts}
    marks = ", ".join(f"{mark} {word}" for word, mark in MARKS.items() if word in seen)
    line = f"Behind the gap: {marks}. Margin: {_points(table.margin)}"
    shown = [v.smallest_margin for v in verdicts if v.smallest_margin is not None]
    if shown:
        low, high = f"{min(shown):.2f}", f"{max(shown):.2f}"
        line += f"; the smallest that could have been shown: {low}"
        line += f" to {high}" if low != high else ""
    warned = dict.fromkeys(text for verdict in verdicts for text in verdict.warnings)
    return [f"{line}.", *(f"{text[:1].upper()}{text[1:]}." for text in warned)]


def _points(value: float) -> str:
    return f"{value:g} point" if value == 1 else f"{value:g} points"
