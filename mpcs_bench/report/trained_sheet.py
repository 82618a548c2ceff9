"""The table of what these trained models show on new patients or images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from mpcs_bench.report.compare.outcome import Outcome
from mpcs_bench.report.compare.remarks import merged
from mpcs_bench.report.model import Block, Comparison
from mpcs_bench.report.numbers import MISSING, plural, points, probability
from mpcs_bench.report.page import Cell, Line, Section, Sheet
from mpcs_bench.report.smallest import smallest_cell

HEADERS = (
    Cell("At"),
    Cell("Difference", "points"),
    Cell("95 % interval", "bootstrap"),
    Cell("p"),
    Cell("p", "Holm"),
    Cell("Smallest", "possible p"),
    Cell("n"),
    Cell("These models"),
)
LEAVE_OUT = ((5,), (4,))
"""Columns that a narrow terminal can do without, first first."""
NO_CLAIM = (
    "This speaks of the models that were trained here, and of no methods: the {units} of one fold "
    "share its models."
)


def trained_sheet(block: Block) -> Sheet | None:
    """Return the tests for trained models, one section for each method; None without any."""
    tests = [c.decisive for c in block.comparisons if c.decisive is not None]
    if not tests:
        return None
    baselines = {comparison.baseline_name for comparison in block.comparisons}
    units = " and ".join(dict.fromkeys(plural(test.unit) for test in tests))
    questions = " and ".join(dict.fromkeys(test.question for test in tests))
    sections, shown = [], []
    for (title, baseline), group in groupby(
        block.comparisons, key=lambda c: (c.candidate_name, c.baseline_name)
    ):
        found = [comparison for comparison in group if comparison.refused is None]
        if not found:
            continue
        named = title if len(baselines) == 1 else f"{title} against {baseline}"
        asked = [comparison for comparison in found if comparison.decisive]
        missing = next((c.not_asked for c in found if c.not_asked), "")
        if asked:
            sections.append(Section(tuple(map(_line, asked)), named))
            shown += asked
        elif missing:
            sections.append(Section((), named, f"Not asked: {missing}."))
    remarks = (remark for comparison in shown for remark in _remarks(comparison))
    return Sheet(
        caption=f"{block.metric.title} on {block.dataset}, for {questions}: "
        f"{_methods(tests)}, unit {units}",
        headers=HEADERS,
        sections=tuple(sections),
        notes=(NO_CLAIM.format(units=units), *merged(remarks, len(shown))),
        optional=LEAVE_OUT,
    )


def _methods(tests: Sequence[Outcome]) -> str:
    return " and ".join(dict.fromkeys(test.method.split(" (")[0] for test in tests))


def _line(comparison: Comparison) -> Line:
    test, resampled = comparison.decisive, comparison.resampled
    if test is None:
        return Line(_at(comparison))
    interval = MISSING
    if resampled is not None and resampled.interval is not None:
        low, high, _ = resampled.interval
        interval = f"{points(low)} to {points(high)}"
    return Line(
        _at(comparison),
        (
            Cell(points(test.difference)),
            Cell(interval),
            Cell(probability(test.p)),
            Cell(probability(test.p_adjusted)),
            smallest_cell(test.smallest_p, test.smallest_p_adjusted, in_reach=test.in_reach),
            Cell(str(test.n), plural(test.unit)),
            Cell(test.finding),
        ),
    )


def _at(comparison: Comparison) -> Cell:
    return Cell("Mean" if comparison.column is None else comparison.column.label)


def _remarks(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    """Yield what was seen in the data that weakens a test: whose, where, what."""
    for outcome in (comparison.decisive, comparison.resampled):
        for note in outcome.notes if outcome else ():
            yield comparison.candidate_name, _at(comparison).text, note
