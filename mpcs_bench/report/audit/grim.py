"""GRIM: can a printed accuracy be a mean over the folds of whole counts?"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from mpcs_bench.report.audit.exact import Exact, exact_mean, shown
from mpcs_bench.report.audit.findings import Finding, Outcome, Rule, Skipped, counted, on_cell
from mpcs_bench.report.audit.grids import SearchTooLargeError, Span, neighbours
from mpcs_bench.report.published.records import Publication, PublishedCell, TestItems

GRIM = "grim"
LITERATURE = "values quoted from other works: their test items are not declared"


def check_grim(publication: Publication) -> Outcome:
    """Ask of every cell with known test items whether its mean can occur."""
    findings: list[Finding] = []
    checked = 0
    able, skipped = countable(publication, GRIM)
    for cell, items in able:
        printed = exact_mean(cell)
        assert printed is not None  # countable
        try:
            finding = _of_cell(cell, printed, items)
        except SearchTooLargeError:
            skipped.append(Skipped(GRIM, cell.name, "too many combinations of fold sizes"))
            continue
        checked += 1
        if finding is not None:
            findings.append(finding)
    return Outcome(tuple(findings), tuple(skipped), checked)


def countable(
    publication: Publication, rule: str
) -> tuple[list[tuple[PublishedCell, TestItems]], list[Skipped]]:
    """Return the cells whose test items are known, and why the others are left out."""
    able: list[tuple[PublishedCell, TestItems]] = []
    left: dict[tuple[str, str], int] = {}
    for cell in publication.cells():
        if cell.mean is None:
            continue
        items = publication.items_of(cell)
        if items is not None and items.sizes:
            able.append((cell, items))
            continue
        if cell.literature:
            what, why = cell.table, LITERATURE
        elif items is None:
            what = f"{cell.dataset or 'no data set'} {cell.metric} ({cell.part or 'no part'})"
            why = "paper.yaml declares no test items for it"
        else:
            what, why = f"{cell.dataset} {cell.metric} ({cell.part})", items.reason
        left[what, why] = left.get((what, why), 0) + 1
    return able, [
        Skipped(rule, f"{counted(number, 'cell')} of {what}", why)
        for (what, why), number in left.items()
    ]


def mean_spans(printed: Exact, scale: int) -> tuple[Span, Span]:
    """Return the shares that round to a printed mean, and those that are cut off to it.

    The upper end of the second does not belong to it; it is there for the search.
    """
    value, half = printed.value / scale, printed.half / scale
    return Span(value - half, value + half), Span(value, value + 2 * half)


def occurs(sizes: Sequence[int], printed: Exact, scale: int, *, cut: bool = False) -> bool:
    """Say whether a mean over folds of these sizes rounds (`cut`: is cut off) to a printed one."""
    rounded, truncated = mean_spans(printed, scale)
    span = truncated if cut else rounded
    above = neighbours(sizes, span.low).above
    if above is None or above not in span:
        return False
    return above < span.high if cut else True


def _of_cell(cell: PublishedCell, printed: Exact, items: TestItems) -> Finding | None:
    scale = cell.scale
    if any(occurs(sizes, printed, scale) for sizes in items.sizes):
        return None
    near = _nearest(items.sizes, printed, scale)
    folds = " or ".join("/".join(map(str, sizes)) for sizes in items.sizes)
    grid = f"mean of k/n over folds of {folds} items"
    if any(occurs(sizes, printed, scale, cut=True) for sizes in items.sizes):
        text = f"No {grid} rounds to it; one is cut off to it."
        return on_cell(cell, GRIM, "truncation", near, text, printed=str(printed))
    pooled = sorted({sum(sizes) for sizes in items.sizes})
    if any(occurs((total,), printed, scale) for total in pooled):
        text = f"No {grid} rounds to it; a share of all {pooled[0]} items does."
        return on_cell(cell, GRIM, "notice", near, text, printed=str(printed))
    text = f"No {grid} rounds to it, nor is one cut off to it."
    why = (items.reason,)
    return on_cell(cell, GRIM, "error", near, text, printed=str(printed), details=why)


def _nearest(options: Sequence[Sequence[int]], printed: Exact, scale: int) -> str:
    """Return the attainable means on either side, two decimals finer than printed."""
    target = printed.value / scale
    around = [neighbours(sizes, target) for sizes in options]
    below = max((n.below for n in around if n.below is not None), default=None)
    above = min((n.above for n in around if n.above is not None), default=None)
    ends = [
        shown(Fraction(end) * scale, printed.decimals + 2)
        for end in (below, above)
        if end is not None
    ]
    return " or ".join(dict.fromkeys(ends))


RULES = (Rule(GRIM, "Can the printed accuracy occur with so many test items?", check_grim),)
