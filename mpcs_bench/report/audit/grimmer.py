"""GRIMMER: can a printed mean and its printed standard deviation occur together?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mpcs_bench.report.audit.exact import Exact, exact_mean, exact_sd, shown
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, on_cell
from mpcs_bench.report.audit.grids import FoldValues, SearchTooLargeError, Span, fold_values
from mpcs_bench.report.audit.grim import countable, mean_spans, occurs
from mpcs_bench.report.published.records import Publication, PublishedCell, TestItems

GRIMMER = "grimmer"


@dataclass(frozen=True, slots=True)
class Solutions:
    """How many multisets of fold values have a printed mean and deviation, with n - 1 and with n.

    `cut` counts those whose deviation is only cut off to the printed one.
    """

    with_n_minus_1: int = 0
    with_n: int = 0
    cut: int = 0

    def __bool__(self) -> bool:
        return bool(self.with_n_minus_1 or self.with_n)


def solutions(
    options: Sequence[Sequence[int]], mean: Exact, sd: Exact, scale: int, *, cut: bool = False
) -> Solutions:
    """Count the multisets of right answers per fold that give a printed mean and deviation.

    `options` are the possible sizes of the folds, `scale` 100 for percent; `cut` takes the means
    that are cut off to the printed one instead of those that round to it. Raises
    SearchTooLargeError.
    """
    found = Solutions()
    half, step = sd.half / scale, sd.step / scale
    low, value = max(Fraction(0), sd.value / scale - half), sd.value / scale
    rounded = Span(low**2, (value + half) ** 2)
    top = (value + step) ** 2
    for sizes in options:
        folds = len(sizes)
        if folds < 2:
            continue
        span = mean_spans(mean, scale)[1 if cut else 0]
        for values in fold_values(sizes, span, folds * top):
            if cut and values.mean >= span.high:
                continue
            one, other = values.variance(1) in rounded, values.variance(0) in rounded
            truncated = any(value**2 <= values.variance(ddof) < top for ddof in (0, 1))
            found = Solutions(
                found.with_n_minus_1 + one,
                found.with_n + other,
                found.cut + (truncated and not one and not other),
            )
    return found


def check_grimmer(publication: Publication) -> Outcome:
    """Ask of every cell whose mean can occur whether its deviation can, too."""
    findings: list[Finding] = []
    checked = 0
    able, skipped = countable(publication, GRIMMER)
    for cell, items in able:
        mean, sd = exact_mean(cell), exact_sd(cell)
        if mean is None or sd is None:
            skipped.append(Skipped(GRIMMER, cell.name, "no standard deviation is printed"))
            continue
        try:
            cut = not any(occurs(sizes, mean, cell.scale) for sizes in items.sizes)
            if cut and not any(occurs(sizes, mean, cell.scale, cut=True) for sizes in items.sizes):
                skipped.append(Skipped(GRIMMER, cell.name, "its mean cannot occur (rule grim)"))
                continue
            finding = _of_cell(cell, mean, sd, items, cut)
        except SearchTooLargeError:
            skipped.append(Skipped(GRIMMER, cell.name, "too many combinations of fold values"))
            continue
        checked += 1
        if finding is not None:
            findings.append(finding)
    return Outcome(tuple(findings), tuple(skipped), checked)


def _of_cell(
    cell: PublishedCell, mean: Exact, sd: Exact, items: TestItems, cut: bool
) -> Finding | None:
    found = solutions(items.sizes, mean, sd, cell.scale, cut=cut)
    if found:
        return None
    folds = " or ".join("/".join(map(str, sizes)) for sizes in items.sizes)
    near = nearest_deviations(items.sizes, mean, sd, cell.scale, cut=cut)
    given = f"Of all counts of right answers in folds of {folds} items whose mean is {mean}"
    if found.cut:
        cut_off = f"{found.cut} are cut off to it, with n - 1 or with n"
        text = f"{given}, none has a deviation that rounds to it; {cut_off}."
        return on_cell(cell, GRIMMER, "truncation", near, text, printed=f"±{sd}")
    text = f"{given}, none has this deviation over the folds, with n - 1 or with n."
    return on_cell(cell, GRIMMER, "error", near, text, printed=f"±{sd}")


def nearest_deviations(
    options: Sequence[Sequence[int]], mean: Exact, sd: Exact, scale: int, *, cut: bool = False
) -> str:
    """Return the deviations (n - 1) that occur with a printed mean, next to the printed one.

    Raises SearchTooLargeError where even the smallest is too far to be found.
    """
    target = (sd.value / scale) ** 2
    below: Fraction | None = None
    above: Fraction | None = None
    for values in _widening(options, mean, sd, scale, cut):
        variance = values.variance(1)
        if variance <= target:
            below = variance if below is None else max(below, variance)
        else:
            above = variance if above is None else min(above, variance)
    ends = [
        shown(math.sqrt(float(end)) * scale, sd.decimals)
        for end in (below, above)
        if end is not None
    ]
    return f"±{' or ±'.join(ends)} (n - 1)" if ends else "none"


def _widening(
    options: Sequence[Sequence[int]], mean: Exact, sd: Exact, scale: int, cut: bool
) -> Iterator[FoldValues]:
    """Yield the fold values of the narrowest search that reaches beyond a printed deviation."""
    span = mean_spans(mean, scale)[1 if cut else 0]
    folds = len(options[0])
    target = (sd.value / scale) ** 2
    squares = folds * ((sd.value + sd.step) / scale) ** 2 + Fraction(1, max(map(max, options)) ** 2)
    found: list[FoldValues] = []
    while not any(values.variance(1) > target for values in found):
        if squares > folds:
            break
        try:
            found = [v for sizes in options for v in fold_values(sizes, span, squares)]
        except SearchTooLargeError:
            if not found:
                raise
            break
        squares *= 2
    yield from found


RULES = (Rule(GRIMMER, "Can the printed mean and deviation occur together?", check_grimmer),)
