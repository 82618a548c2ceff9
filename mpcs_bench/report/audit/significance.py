"""Claims of significance: which tests could have given the p that is claimed.

The text rarely names its test; so each that would be usual is asked for the smallest p that the
printed numbers leave possible. A claim out of reach of one test may be within that of another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mpcs_bench.report.audit import reach
from mpcs_bench.report.audit.findings import (
    Finding,
    Outcome,
    Rule,
    Skipped,
    counted,
    on_claim,
    unsettled,
)
from mpcs_bench.report.audit.mean_columns import parts_of
from mpcs_bench.report.published.records import Claim, Publication, PublishedCell

SIGNIFICANCE = "significance"
OVER_FOLDS = "over the folds"
EACH = "over the folds, at each magnification"
MEANS = "over the printed means of the magnifications"
AVERAGES = "over the folds' averages of the magnifications"
TOGETHER = "over folds and magnifications taken as independent"
SAME = (
    " All magnifications show the same samples, so values at several of them are not independent."
)
NO_FOLDS = (
    "the number of folds is not declared (folds or test_items of paper.yaml), or the baseline is "
    "quoted from other works"
)

Parts = Mapping[str, tuple[PublishedCell, ...]]


@dataclass(frozen=True, slots=True)
class PairReach:
    """The smallest p of one test, for one claimed pair; `each` gives it part by part."""

    pair: str
    reading: str
    test: str
    p: float | None
    note: str
    each: str = ""


def check_significance(publication: Publication) -> Outcome:
    """Ask, for every claimed pair, how small a p each test could have given."""
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    checked = 0
    parts = parts_of(publication)
    for claim in publication.claims:
        if claim.kind != "significance":
            continue
        if claim.unchecked is not None or claim.claimed.p is None:
            why = claim.unchecked or "it gives no p"
            findings.append(unsettled(claim, SIGNIFICANCE, why))
            continue
        pairs = [
            (one, other, None if other.literature else publication.folds_of(one))
            for one, other in claim.pairs()
        ]
        if any(folds is None for _, _, folds in pairs):
            skipped.append(Skipped(SIGNIFICANCE, f"claim {claim.id}", NO_FOLDS))
        every = [one for pair in pairs for one in _of_pair(*pair, parts)]
        checked += len(pairs)
        findings += _of_claim(claim, claim.claimed.p, every)
    return Outcome(tuple(findings), tuple(skipped), checked)


def ratio_of(label_fraction: float | None, folds: int) -> float:
    """Return n_test / n_train of a cross-validation that trains on a fraction of the labels.

    The fraction may be meant of all data or of the training part; the larger training set is
    taken, which gives the smaller p.
    """
    whole = (folds - 1) / folds
    return (1 / folds) / min(whole, whole if label_fraction is None else label_fraction)


def _of_pair(
    subject: PublishedCell, baseline: PublishedCell, folds: int | None, parts: Parts
) -> Iterator[PairReach]:
    name = f"{subject.name} against {baseline.name}"
    ratio = None if folds is None else ratio_of(subject.label_fraction, folds)
    if "mean" not in (subject.magnification, baseline.magnification):
        pair = None if folds is None else reach.fold_pair(subject, baseline, folds)
        if pair is not None and ratio is not None:
            for one in reach.over_folds(pair, ratio):
                yield PairReach(name, OVER_FOLDS, one.test, one.p, one.note)
        return
    cells = [
        (mine, theirs)
        for mine in parts.get(subject.name, ())
        for theirs in parts.get(baseline.name, ())
        if mine.magnification == theirs.magnification
    ]
    if len(cells) > 1:
        centres = [(mine.mean or 0.0) - (theirs.mean or 0.0) for mine, theirs in cells]
        for one in reach.over_means(centres, max(map(_slack, cells))):
            yield PairReach(name, MEANS, one.test, one.p, one.note)
    if folds is None or ratio is None:
        return
    for one in reach.over_averages(folds):
        yield PairReach(name, AVERAGES, one.test, one.p, one.note)
    pairs = [pair for one in cells if (pair := reach.fold_pair(*one, folds)) is not None]
    if len(pairs) != len(cells) or not cells:
        return
    magnifications = [str(mine.magnification) for mine, _ in cells]
    for tests in zip(*(reach.over_folds(pair, ratio) for pair in pairs), strict=True):
        listed = ", ".join(
            f"{magnification} {_p(one.p)}"
            for magnification, one in zip(magnifications, tests, strict=True)
        )
        worst = max(one.p for one in tests if one.p is not None)
        yield PairReach(name, EACH, tests[0].test, worst, "", listed)
    for one in reach.together(pairs, cells):
        yield PairReach(name, TOGETHER, one.test, one.p, one.note)


def _slack(cells: tuple[PublishedCell, PublishedCell]) -> float:
    """Return how far rounding may have moved the difference of two printed means."""
    return sum(0.5 * 10.0 ** -(cell.decimals or 0) for cell in cells)


def _of_claim(claim: Claim, bound: float, every: list[PairReach]) -> list[Finding]:
    """Return one finding for each way of testing that some claimed pair cannot pass."""
    ways = dict.fromkeys((one.reading, one.test) for one in every)
    findings: list[Finding] = []
    within: list[str] = []
    silent: list[str] = []
    for reading, test in ways:
        of_way = [one for one in every if (one.reading, one.test) == (reading, test)]
        known = [one for one in of_way if one.p is not None]
        out = [one for one in known if one.p is not None and one.p >= bound]
        title = f"{test}, {reading}"
        if not known:
            silent.append(f"{title}: {of_way[0].note}")
        elif out:
            findings.append(_out_of_reach(claim, bound, title, known, out))
        else:
            within.append(f"{title}: {_range(known)}")
    if findings and (within or silent):
        same = any("magnification" in title for title, _ in ways)
        findings.append(
            on_claim(
                claim,
                SIGNIFICANCE,
                "notice",
                "; ".join((*within, *silent)),
                "Of the tests that were asked for, what is printed does not rule these out. All p "
                f"are two-sided; a one-sided one is half as large at best.{SAME if same else ''}",
                details=(*within, *silent),
            )
        )
    return findings


def _out_of_reach(
    claim: Claim, bound: float, title: str, known: list[PairReach], out: list[PairReach]
) -> Finding:
    pairs = counted(len(known), "claimed pair")
    many = f"{len(out)} of {pairs}"
    if len(out) == len(known):
        many = {1: "the one claimed pair", 2: "both claimed pairs"}.get(len(out), f"all {pairs}")
    every = " It would have to come out at every magnification." if EACH in title else ""
    return on_claim(
        claim,
        SIGNIFICANCE,
        "out-of-reach",
        f"smallest p {_range(out)}",
        f"{title}: a two-sided p < {bound:g} is out of reach for {many}.{every} "
        "Which test the text used is not stored with the claim.",
        details=tuple(_line(one) for one in known),
    )


def _line(one: PairReach) -> str:
    note = f" ({one.note})" if one.note else ""
    each = f" ({one.each})" if one.each else ""
    return f"{one.pair}: {_p(one.p)}{each}{note}"


def _range(found: list[PairReach]) -> str:
    values = sorted(one.p for one in found if one.p is not None)
    low, high = _p(values[0]), _p(values[-1])
    return low if low == high else f"{low} to {high}"


def _p(p: float | None) -> str:
    if p is None:
        return "not bounded"
    return "0" if p == 0.0 else f"{p:.3g}" if p >= 1e-4 else "below 0.0001"


RULES = (
    Rule(
        SIGNIFICANCE,
        "Could the claimed p have come out, given the printed deviations and the folds?",
        check_significance,
    ),
)
