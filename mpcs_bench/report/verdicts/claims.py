"""The verdict on each claim of a publication, from our values in its tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mpcs_bench.report.verdicts.case import level_of
from mpcs_bench.report.verdicts.cells import (
    MEAN_OF_SDS,
    incomplete,
    margin_warnings,
    value_warnings,
)
from mpcs_bench.report.verdicts.combining import combined, decisive
from mpcs_bench.report.verdicts.differences import pair_finding
from mpcs_bench.report.verdicts.literature import literature_finding
from mpcs_bench.report.verdicts.records import ClaimVerdict, ClaimWord, Finding
from mpcs_bench.report.verdicts.trained import AskTrained, not_asked
from mpcs_bench.report.verdicts.values import value_finding
from mpcs_bench.report.verdicts.words import first, told

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell, PaperTable
    from mpcs_bench.report.published.records import Claim, Publication, PublishedCell


@dataclass(frozen=True, slots=True)
class Judged:
    """A table of ours, as pages head it, and why its runs are not comparable (if they are not)."""

    table: PaperTable
    heading: str
    apart: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunSet:
    """The tables that answer for a claim together: of one scale, one for each published table."""

    tables: Mapping[str, Judged]

    def cell(self, published: PublishedCell) -> FilledCell | None:
        """Return a published cell with ours beside it; None where there is no value of ours."""
        judged = self.tables.get(published.table)
        for cell in judged.table.cells if judged else ():
            own = cell.published.row, cell.published.column
            if own == (published.row, published.column) and cell.ours is not None:
                return cell
        return None


def claim_verdicts(
    tables: Sequence[Judged], publication: Publication, ask: AskTrained = not_asked
) -> tuple[ClaimVerdict, ...]:
    """Return the verdicts on the claims of `publication`, in order, the paper's scale first.

    A claim gets one verdict from each set of runs that holds a value of its cells, and one where
    none does. `ask` puts the question of the trained models (docs/verdicts.md); without it no
    claim of a difference holds.
    """
    sets = run_sets(tables)
    found = []
    for claim in publication.claims:
        own = [verdict for runs in sets if (verdict := _verdict(claim, runs, publication, ask))]
        found += own or [_untouched(claim)]
    return tuple(found)


def run_sets(tables: Sequence[Judged]) -> list[RunSet]:
    """Return the sets of runs: the first tables of each scale together, then the second ones."""
    places: dict[tuple[str, int], dict[str, Judged]] = defaultdict(dict)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for judged in tables:
        scale, table = judged.table.variant.scale, judged.table.published.id
        places[scale, counts[scale, table]][table] = judged
        counts[scale, table] += 1
    return [RunSet(own) for own in places.values()]


def _verdict(
    claim: Claim, runs: RunSet, publication: Publication, ask: AskTrained
) -> ClaimVerdict | None:
    used = [cell for cell in _cells(claim, runs) if cell.ours is not None]
    if not used:
        return None
    names = dict.fromkeys(cell.published.table for cell in used)
    own = [runs.tables[name] for name in names]
    reasons = tuple(dict.fromkeys(_apart(own, used)))
    findings: tuple[Finding, ...] = ()
    word: ClaimWord
    if reasons:
        word, why = "not comparable", f"these runs are not the published ones: {first(reasons)}"
    else:
        margin = min(judged.table.margin for judged in own)
        findings = tuple(_findings(claim, runs, publication, margin, ask))
        word, why = _decided(claim, findings)
    return ClaimVerdict(
        claim=claim,
        word=word,
        why=why,
        reasons=reasons,
        runs="; ".join(dict.fromkeys(judged.heading for judged in own)),
        scale=own[0].table.variant.scale,
        protocols=tuple(dict.fromkeys(name for cell in used for name in cell.protocols)),
        findings=findings,
        decisive=decisive(findings, word, claim.quantifier) if findings else None,
        warnings=() if reasons else tuple(dict.fromkeys(_warnings(claim, runs, own, findings))),
    )


def _decided(claim: Claim, findings: Sequence[Finding]) -> tuple[ClaimWord, str]:
    if not findings:
        return "undecided", claim.unchecked or "there is nothing to hold it to"
    word = combined(findings, claim.quantifier, level_of(claim))
    if word == "holds" and claim.unchecked is not None:
        return "undecided", f"{told(findings, word, claim)}; but: {claim.unchecked}"
    return word, told(findings, word, claim)


def _findings(
    claim: Claim, runs: RunSet, publication: Publication, margin: float, ask: AskTrained
) -> Iterator[Finding]:
    if claim.kind == "value":
        for published in claim.subject:
            cell = runs.cell(published)
            if cell is None:
                yield Finding(published.name, None, "not run", "no value of ours")
            else:
                yield value_finding(claim, cell, publication.folds_of(published), margin)
        return
    for mine, theirs in claim.pairs():
        subject = None if mine.literature else runs.cell(mine)
        baseline = None if theirs.literature else runs.cell(theirs)
        if mine.literature or theirs.literature:
            yield literature_finding(mine, theirs, subject or baseline)
        elif subject is None or baseline is None:
            yield Finding(mine.name, theirs.name, "not run", "no value of ours")
        else:
            yield pair_finding(claim, subject, baseline, margin, ask)


def _cells(claim: Claim, runs: RunSet) -> Iterator[FilledCell]:
    """Yield what a claim needs of ours: its pairs, or its subject where it has none."""
    pairs = claim.pairs()
    needed = [cell for pair in pairs for cell in pair] or list(claim.subject)
    for published in dict.fromkeys(needed):
        cell = runs.cell(published)
        if cell is not None:
            yield cell


def _apart(own: Sequence[Judged], used: Sequence[FilledCell]) -> Iterator[str]:
    for judged in own:
        yield from judged.apart
    for cell in used:
        if cell.ours is not None:
            yield from incomplete(cell.ours)


def _untouched(claim: Claim) -> ClaimVerdict:
    if claim.unchecked is not None and not claim.subject:
        return ClaimVerdict(claim, "undecided", claim.unchecked)
    names = ", ".join(claim.experiments()) or "no experiment of its own"
    return ClaimVerdict(claim, "not run", f"none of its cells has a value of ours ({names})")


def _warnings(
    claim: Claim, runs: RunSet, own: Sequence[Judged], findings: Sequence[Finding]
) -> Iterator[str]:
    """Yield what weakens the verdict on a claim: of its runs, and of the margin it is held to."""
    for cell in _cells(claim, runs):
        unheld = runs.tables[cell.published.table].table.variant.unheld
        if cell.ours is not None:
            yield from value_warnings(cell.ours, unheld=cell.published.experiment in unheld)
            if claim.kind == "value" and cell.ours.is_mean:
                yield MEAN_OF_SDS
    if any(found.margin is not None for found in findings):
        margins = sorted({margin for judged in own for margin in judged.table.margins})
        yield from margin_warnings(margins, [n for one in own for n in one.table.margin_notes])
    yield from (note for found in findings for note in found.notes)
