"""The table of a block's comparisons with the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from mpcs_bench.report.accuracy_sheet import SELECTED_ON_TEST
from mpcs_bench.report.model import Block, Comparison
from mpcs_bench.report.numbers import MISSING, percent, points, probability
from mpcs_bench.report.page import Cell, Line, Section, Sheet, Strip
from mpcs_bench.report.smallest import OUT_OF_REACH, smallest_cell
from mpcs_bench.stats import PairedT, holm

HEADERS = (
    Cell("At"),
    Cell("Difference", "points"),
    Cell("95 % interval", "points"),
    Cell("p", "corrected t"),
    Cell("p", "Holm"),
    Cell("p", "every seed"),
    Cell("Detectable", "points"),
    Cell("p", "sign-flip"),
    Cell("p", "Wilcoxon"),
    Cell("Smallest", "possible p"),
    Cell("Pairs"),
    Cell("Finding"),
)
EVERY_SEED = HEADERS[5]
LEAVE_OUT = ((8,), (6,), (10,), (5,), (7, 9))
"""Columns that a narrow terminal can do without, first first; no p without its smallest one."""
DECIDES_NOTHING = (
    "“Every seed” is the p where each fold and seed counts as a value: it raises too many false "
    "alarms, and decides nothing."
)


def comparison_sheet(block: Block) -> Sheet | None:
    """Return the comparisons of `block`, one section for each method; None where there are none."""
    if not block.comparisons:
        return None
    baselines = {comparison.baseline_name for comparison in block.comparisons}
    reach = _reach(block.comparisons)
    repeated = any(comparison.every_seed for comparison in block.comparisons)
    headers = tuple(h for h in HEADERS if repeated or h is not EVERY_SEED)
    marked = {row.key for row in block.rows if row.selected_on_test}
    sections = []
    notes = [SELECTED_ON_TEST] if marked else []
    if repeated:
        notes.append(DECIDES_NOTHING)
    out_of_reach = False
    for (title, baseline), group in groupby(
        block.comparisons, key=lambda c: (c.candidate_name, c.baseline_name)
    ):
        found = list(group)
        named = title if len(baselines) == 1 else f"{title} against {baseline}"
        if found[0].candidate in marked or found[0].baseline in marked:
            named += " †"
        reasons = {comparison.refused for comparison in found}
        if len(reasons) == 1 and (reason := reasons.pop()):
            sections.append(Section((), named, f"Not compared: {reason}."))
            continue
        smallest = [_smallest(c, p) for c, p in zip(found, _adjusted(found), strict=True)]
        lines = (_line(c, p, headers, reach) for c, p in zip(found, smallest, strict=True))
        sections.append(Section(tuple(lines), named))
        notes += _remarks(title, found)
        out_of_reach |= any("out of reach" in cell.detail for cell in smallest)
    if out_of_reach:
        notes.append(OUT_OF_REACH)
    against = baselines.pop() if len(baselines) == 1 else "the baseline"
    return Sheet(
        caption=f"{block.metric.title} on {block.dataset}: each method against {against}",
        headers=headers,
        sections=tuple(sections),
        notes=tuple(notes),
        optional=tuple(
            tuple(headers.index(HEADERS[i]) for i in group)
            for group in LEAVE_OUT
            if HEADERS[group[0]] in headers
        ),
    )


def _remarks(title: str, comparisons: Sequence[Comparison]) -> list[str]:
    """Return what must be said of single lines, alike ones together."""
    places: dict[str, list[str]] = {}
    for comparison in comparisons:
        remarks = list(comparison.notes)
        if comparison.refused:
            remarks.append(f"not compared: {comparison.refused}")
        for statistic in (comparison.test, comparison.sign_flip):
            remarks += statistic.warnings if statistic else ()
        for remark in remarks:
            places.setdefault(remark, []).append(_at(comparison))
    return [f"{title}, at {', '.join(at)}: {remark}." for remark, at in places.items()]


def _at(comparison: Comparison) -> str:
    return "Mean" if comparison.column is None else comparison.column.label


def _reach(comparisons: Sequence[Comparison]) -> float:
    """Return the largest distance from zero of any interval, for a common axis."""
    bounds = [
        abs(bound)
        for comparison in comparisons
        if comparison.test and comparison.test.interval
        for bound in comparison.test.interval[:2]
    ]
    return max(bounds, default=0.0)


def _line(comparison: Comparison, smallest: Cell, headers: Sequence[Cell], reach: float) -> Line:
    test, flip, ranks = comparison.test, comparison.sign_flip, comparison.signed_rank
    every_seed = comparison.every_seed
    cells = (
        Cell(points(test.mean_difference if test else None)),
        _interval(test, reach),
        Cell(probability(test.p if test else None)),
        Cell(probability(comparison.p_adjusted)),
        Cell(probability(every_seed.p if every_seed else None)),
        Cell(percent(test.minimum_detectable if test else None)),
        Cell(probability(flip.p if flip else None)),
        Cell(probability(ranks.p if ranks else None)),
        smallest,
        Cell(str(test.n) if test else MISSING),
        Cell(comparison.finding),
    )
    shown = zip(HEADERS[1:], cells, strict=True)
    return Line(Cell(_at(comparison)), tuple(cell for header, cell in shown if header in headers))


def _interval(test: PairedT | None, reach: float) -> Cell:
    if test is None or test.interval is None:
        return Cell(MISSING)
    low, high, _ = test.interval
    places = [50 + 50 * x / reach for x in (low, test.mean_difference, high)]
    return Cell(f"{points(low)} to {points(high)}", strip=Strip(*places))


def _adjusted(comparisons: Sequence[Comparison]) -> list[float | None]:
    """Return what Holm makes of the sign-flip's smallest p; None for the mean, which it spares."""
    flips = [c.sign_flip if c.column is not None else None for c in comparisons]
    return list(holm([flip.smallest_p if flip else None for flip in flips]))


def _smallest(comparison: Comparison, adjusted: float | None) -> Cell:
    """Return the smallest p of the sign-flip, which is the Wilcoxon test's too."""
    flip = comparison.sign_flip
    if flip is None:
        return Cell(MISSING)
    least = flip.smallest_p if adjusted is None else adjusted
    return smallest_cell(flip.smallest_p, adjusted, in_reach=least <= flip.alpha)
