"""Improvements that the text gives, against the differences of the printed cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import pstdev, stdev
from typing import Literal

from mpcs_bench.report.audit.differences import (
    Difference,
    Reading,
    claimed,
    differences,
    named,
    readings,
    span,
    widest,
)
from mpcs_bench.report.audit.exact import Exact, half_up, shown
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, counted, on_claim, unsettled
from mpcs_bench.report.published.records import Claim, Publication

IMPROVEMENTS = "claimed-improvements"
Match = Literal["exact", "rounding", "no"]


@dataclass(frozen=True, slots=True)
class Band:
    """What a claim allows a difference to be: [low, high], as printed."""

    low: Exact
    high: Exact

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"

    def match(self, each: Difference) -> Match:
        """Say whether a difference lies within, or can before the cells were rounded."""
        at = half_up(each.value, self.low.decimals)
        if self.low.value <= at <= self.high.value:
            return "exact"
        slack = each.slack + self.low.half
        within = self.low.value - slack <= each.value <= self.high.value + slack
        return "rounding" if within else "no"


def check_improvements(publication: Publication) -> Outcome:
    """Recompute every claimed improvement, and say which differences it fits."""
    findings: list[Finding] = []
    checked = 0
    for claim in publication.claims:
        if claim.kind not in ("improvement", "improvement-range"):
            continue
        found = differences(claim)
        if claim.unchecked is not None or not found:
            why = claim.unchecked or "no two printed cells can be subtracted"
            findings.append(unsettled(claim, IMPROVEMENTS, why))
            continue
        checked += 1
        judge = _range if claim.kind == "improvement-range" else _value
        finding = judge(claim, found)
        if finding is not None:
            findings.append(finding)
    return Outcome(tuple(findings), (), checked)


def _value(claim: Claim, found: tuple[Difference, ...]) -> Finding | None:
    """Judge 'by so much (± so much)'."""
    numbers = claim.claimed
    assert numbers.value is not None  # the format asks for it
    value, give = claimed(claim, numbers.value), Fraction(str(numbers.plus_minus or 0))
    band = Band(
        Exact(value.value - give, value.decimals), Exact(value.value + give, value.decimals)
    )
    inside = [each for each in found if band.match(each) == "exact"]
    near = [each for each in found if band.match(each) == "rounding"]
    if len(inside) == len(found):
        return None
    lines = _lines(found, band)
    tally = _tally(inside, found, band)
    if near:
        tally += f", {len(near)} more if the cells were rounded favourably"
    whole, nearly = _holding(readings(found), lambda r: [band.match(e) for e in r.differences])
    spread = _spread(found, value, numbers.plus_minus)
    if claim.quantifier == "some" and (inside or near):
        severity: Literal["notice", "rounding", "error"] = "notice" if inside else "rounding"
        text = f"{tally}. The claim speaks of some and does not say which."
    elif len(inside) + len(near) == len(found):
        severity, text = "rounding", f"{tally}."
    elif claim.quantifier == "all" and whole:
        severity, text = "notice", f"{tally}. Read as about {named(whole)} it holds."
    elif claim.quantifier == "all" and nearly:
        severity = "rounding"
        text = f"{tally}. Read as about {named(nearly)} it holds up to rounding."
    else:
        severity, text = "error", f"{tally}; the nearest is {_nearest(found, value)}."
    return on_claim(
        claim, IMPROVEMENTS, severity, span(found), f"{text}{spread}", details=tuple(lines)
    )


def _tally(inside: Sequence[Difference], found: Sequence[Difference], band: Band) -> str:
    one = len(inside) == 1 or len(found) == 1
    single = band.low == band.high
    verb = {True: ("are", "is"), False: ("lie in", "lies in")}[single][one]
    return f"{len(inside)} of {counted(len(found), 'printed difference')} {verb} {band}"


def _range(claim: Claim, found: tuple[Difference, ...]) -> Finding | None:
    """Judge 'by so much to so much'."""
    numbers = claim.claimed
    assert numbers.low is not None  # the format asks for both
    assert numbers.high is not None
    band = Band(claimed(claim, numbers.low), claimed(claim, numbers.high))
    inside = [each for each in found if band.match(each) == "exact"]
    tally = _tally(inside, found, band)
    if max(each.decimals for each in found) > band.low.decimals:
        tally += ", rounded to the decimals of the claim"
    if claim.quantifier == "some":
        return _some_range(claim, found, band, tally)
    whole, nearly = _holding(readings(found), lambda r: _ends(r, band))
    if whole and whole[0].label == "":
        return None
    best = min(readings(found), key=lambda reading: _distance(reading, band))
    closest = f"the nearest reading is {named([best])}: {span(best.differences)}"
    if whole:
        severity: Literal["notice", "rounding", "error"] = "notice"
        text = f"Read as about {named(whole)}, the differences run so; {tally}."
    elif nearly:
        severity = "rounding"
        text = f"Read as about {named(nearly)}, they run so up to rounding; {tally}."
    else:
        severity = "error"
        text = (
            "Whichever encoder, metric or variant is meant, the printed differences do not run "
            f"from {band.low} to {band.high}; {closest}; {tally}."
        )
    return on_claim(
        claim, IMPROVEMENTS, severity, span(found), text, details=tuple(_lines(found, band))
    )


def _some_range(
    claim: Claim, found: tuple[Difference, ...], band: Band, tally: str
) -> Finding | None:
    """Of some of the differences the ends are asked for, not that all lie between them."""
    ends = [
        [e for e in found if Band(end, end).match(e) == "exact"] for end in (band.low, band.high)
    ]
    if all(ends) and all(band.match(each) == "exact" for each in found):
        return None
    lines = tuple(_lines(found, band))
    if all(ends):
        at = [
            f"{end} by {counted(len(e), 'pair')}"
            for end, e in zip(("low", "high"), ends, strict=True)
        ]
        own = widest(r for r in readings(found) if r.label and _single(r) and _both(r, band))
        one = f"one row alone has both ends: {named(own)}" if own else "no single row has both ends"
        text = (
            f"Some differences are as claimed ({', '.join(at)}); {one}; {tally}. The claim does "
            "not say which it means."
        )
        return on_claim(claim, IMPROVEMENTS, "notice", span(found), text, details=lines)
    lacking = " and ".join(
        str(end) for end, e in zip((band.low, band.high), ends, strict=True) if not e
    )
    return on_claim(
        claim,
        IMPROVEMENTS,
        "error",
        span(found),
        f"No printed difference is {lacking}; {tally}.",
        details=lines,
    )


def _single(reading: Reading) -> bool:
    return len({(e.subject.table, e.subject.row) for e in reading.differences}) == 1


def _both(reading: Reading, band: Band) -> bool:
    return all(
        any(Band(end, end).match(each) == "exact" for each in reading.differences)
        for end in (band.low, band.high)
    )


def _ends(reading: Reading, band: Band) -> list[Match]:
    """Say how the lowest and the highest difference of a reading go with those claimed."""
    low = min(reading.differences, key=lambda each: each.value)
    high = max(reading.differences, key=lambda each: each.value)
    return [Band(band.low, band.low).match(low), Band(band.high, band.high).match(high)]


def _distance(reading: Reading, band: Band) -> tuple[Fraction, int]:
    values = [each.value for each in reading.differences]
    off = abs(min(values) - band.low.value) + abs(max(values) - band.high.value)
    return off, -len(values)


def _holding(
    every: Iterable[Reading], matches: Callable[[Reading], list[Match]]
) -> tuple[list[Reading], list[Reading]]:
    """Return the readings under which a claim holds, and those where it does up to rounding."""
    whole, nearly = [], []
    for reading in every:
        how = matches(reading)
        if all(each == "exact" for each in how):
            whole.append(reading)
        elif "no" not in how:
            nearly.append(reading)
    return whole, nearly


def _nearest(found: Sequence[Difference], value: Exact) -> str:
    near = min(found, key=lambda each: abs(each.value - value.value))
    return f"{shown(near.value, near.decimals)} ({near.subject.name})"


def _lines(found: Sequence[Difference], band: Band) -> list[str]:
    said = {"exact": "as claimed", "rounding": "as claimed, up to rounding", "no": "otherwise"}
    return [f"{each}: {said[band.match(each)]}" for each in found]


def _spread(found: Sequence[Difference], value: Exact, plus_minus: float | None) -> str:
    """Return what a ± read as a standard deviation of the differences would have to be."""
    if plus_minus is None or len(found) < 2:
        return ""
    for reading in readings(tuple(found)):
        numbers = [float(each.value) for each in reading.differences]
        mean = sum((each.value for each in reading.differences), Fraction(0)) / len(numbers)
        if len(numbers) < 2 or not value.rounds(mean):
            continue
        if any(
            abs(sd - plus_minus) <= float(value.half) for sd in (stdev(numbers), pstdev(numbers))
        ):
            return f" Mean and standard deviation of {named([reading])} are as claimed."
    return (
        " Nor are they the mean and standard deviation of all the differences, or of those of one "
        "encoder, metric or variant."
    )


RULES = (
    Rule(
        IMPROVEMENTS,
        "Do the printed cells differ by as much as the text says?",
        check_improvements,
    ),
)
