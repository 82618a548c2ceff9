"""The variance report as tables in words."""

from __future__ import annotations

from mpcs_bench.report.numbers import MISSING, counted, percent, points, probability
from mpcs_bench.report.page import Cell, Line, Section, Sheet
from mpcs_bench.report.variance.build import Spread, VarianceReport
from mpcs_bench.report.variance.components import Component
from mpcs_bench.report.variance.optimism import Optimism

NAMES = {"split": "Splits", "seed": "Seeds", "run": "Reruns"}
BELOW = {"seed": "seeds", "run": "reruns"}
RULES = {
    "last": "the last epoch",
    "validation": "the best on validation",
    "test": "the best on the test part",
}


def spread_sheet(report: VarianceReport) -> Sheet:
    """Return the table of components."""
    headers = [Cell("Method"), Cell("At"), Cell("Values"), Cell("Mean", "%")]
    headers += [Cell(name, "SD, points") for name in NAMES.values()]
    notes: dict[str, None] = {}
    lines = []
    for spread in report.spreads:
        cells = [_repeats(spread), Cell(percent(spread.components.mean))]
        for level in spread.components.levels:
            cells.append(_component(spread, level))
            notes |= dict.fromkeys(_notes(spread, level))
        head = Cell(f"{spread.label}, {spread.dataset}")
        lines.append(Line(head, (Cell(spread.column.label), *cells)))
    return Sheet(
        caption=f"{report.metric.title}: the standard deviation that each level adds, and its "
        "share of the variance of one new value",
        headers=tuple(headers),
        sections=(Section(tuple(lines), message="" if lines else "no values"),),
        notes=tuple(notes),
    )


def optimism_sheet(report: VarianceReport) -> Sheet | None:
    """Return the table of paired differences between rules; None where only one rule was run."""
    if not report.optimism:
        return None
    headers = (
        Cell("Epoch chosen as"),
        Cell("Against"),
        Cell("At"),
        Cell("Splits"),
        Cell("Difference", "points"),
        Cell("95 % interval", "points"),
        Cell("p", "corrected t"),
    )
    groups: dict[str, list[Line]] = {}
    for item in report.optimism:
        groups.setdefault(f"{item.dataset}: {item.setting}", []).append(_optimism(item))
    return Sheet(
        caption=f"{report.metric.title}: what the choice of the epoch changes, paired by split and "
        "seed, then seeds averaged",
        headers=headers,
        sections=tuple(Section(tuple(lines), title=title) for title, lines in groups.items()),
        notes=(
            "Last and test train on the same images: their difference is optimism, and what "
            "stopping earlier is truly worth. The rule validation trains on fewer images, which "
            "its differences hold too.",
            *dict.fromkeys(note for item in report.optimism for note in _left_out(item)),
        ),
    )


def _left_out(item: Optimism) -> list[str]:
    if not item.left_out:
        return []
    pair = f"{RULES[item.rule]} against {RULES[item.against]}, {item.column.label}"
    return [f"{counted(item.left_out, 'value')} without a partner left out: {pair}."]


def _repeats(spread: Spread) -> Cell:
    splits, seeds, reruns = spread.repeats
    return Cell(str(spread.components.n), f"{splits} × {seeds} × {reruns}")


def _component(spread: Spread, level: Component) -> Cell:
    if level.sd is None:
        return Cell(MISSING)
    share = spread.components.share(level)
    detail = "" if share is None else f"{share:.0%}"
    mark = "*" * level.negative + "†" * bool(level.contains)
    return Cell(f"{100 * level.sd:.2f}{mark}", detail)


def _notes(spread: Spread, level: Component) -> list[str]:
    found = []
    if level.negative:
        found.append(
            "* The estimate was below 0 and is shown as 0: the level adds less than so few "
            "repeats can show."
        )
    if level.contains:
        below = " and ".join(BELOW[name] for name in level.contains)
        found.append(
            f"† {NAMES[level.level]} and {below} cannot be told apart, without repeats of them."
        )
    if level.level == "run" and level.variance == 0 and not level.negative:
        found.append("Reruns gave the same value to the last bit: nothing here is left to chance.")
    if spread.repeats[0] == 1 and level.level == "split":
        found.append("One split only: nothing is known of the spread over splits.")
    return found


def _optimism(item: Optimism) -> Line:
    interval = item.test.interval if item.test else None
    shown = f"{points(interval.low)} to {points(interval.high)}" if interval else MISSING
    return Line(
        Cell(RULES[item.rule]),
        (
            Cell(RULES[item.against]),
            Cell(item.column.label),
            Cell(str(item.splits)),
            Cell(points(item.difference)),
            Cell(shown),
            Cell(probability(item.test.p if item.test else None)),
        ),
    )
