"""The verdicts that a page opens with: counts, and each claim with why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcs_bench.report.paper.model import PaperReport, PaperTable
from mpcs_bench.report.verdicts.records import CLAIM_WORDS, ClaimVerdict
from mpcs_bench.report.verdicts.words import cells_line, claims_line

APART = "not comparable"
UNSETTLED = "that no table can settle"


@dataclass(frozen=True, slots=True)
class ClaimView:
    """One claim: where it stands, its words, the verdict and why; `runs` if there are several."""

    id: str
    place: str
    quote: str
    verdict: str
    why: str
    runs: str


@dataclass(frozen=True, slots=True)
class VerdictsView:
    """`values` and `claims` count verdicts; `told` are the claims with a verdict to read.

    `folded` are the others, under what they have in common: those that no table can settle, those
    of runs that are not comparable, those without a value of ours.
    """

    values: str
    claims: str
    told: tuple[ClaimView, ...]
    folded: tuple[tuple[str, tuple[ClaimView, ...]], ...]

    @property
    def apart(self) -> tuple[ClaimView, ...]:
        """Those of runs that are not comparable."""
        return dict(self.folded).get(APART, ())


def verdicts_view(report: PaperReport) -> VerdictsView:
    """Return what the page of `report` opens with."""
    several = len({verdict.runs for verdict in report.claims if verdict.runs}) > 1
    groups: dict[str, list[ClaimView]] = {"": [], UNSETTLED: [], APART: [], "not run": []}
    for verdict in sorted(report.claims, key=lambda verdict: CLAIM_WORDS.index(verdict.word)):
        groups[_group(verdict)].append(_view(verdict, several))
    return VerdictsView(
        values=values_line(report.tables),
        claims=claims_line(report.claims),
        told=tuple(groups.pop("")),
        folded=tuple((name, tuple(views)) for name, views in groups.items() if views),
    )


def values_line(tables: Sequence[PaperTable]) -> str:
    """Count the verdicts on the values of all tables; one not run in any of them counts once."""
    verdicts = [cell.verdict for table in tables for cell in table.cells if cell.ours]
    filled = {cell.published.name for table in tables for cell in table.cells if cell.ours}
    lacking = {
        cell.published.name: cell.verdict
        for table in tables
        for cell in table.cells
        if cell.verdict and cell.published.name not in filled
    }
    return cells_line([*verdicts, *lacking.values()])


def _group(verdict: ClaimVerdict) -> str:
    if verdict.word in (APART, "not run"):
        return verdict.word
    return "" if verdict.scale is not None else UNSETTLED


def _view(verdict: ClaimVerdict, several: bool) -> ClaimView:
    claim = verdict.claim
    section = f"Section {claim.section}" if claim.section[:1].isdigit() else claim.section
    return ClaimView(
        id=claim.id,
        place=f"{section}, {claim.place}",
        quote=claim.quote,
        verdict=verdict.word,
        why=" ".join(map(_sentence, (verdict.why, *verdict.warnings))),
        runs=(verdict.runs or "") if several else "",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
