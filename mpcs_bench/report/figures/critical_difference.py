"""Several methods at once: their average ranks over common blocks, and the critical difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpcs_bench.report.figures.choice import choose, encoder_of, incomplete
from mpcs_bench.report.figures.entry import FigureEntry, FigureError
from mpcs_bench.report.figures.evidence import Evidence
from mpcs_bench.report.figures.ranked_methods import FEWEST_METHODS, Ranking, families, ranked
from mpcs_bench.report.figures.style import (
    BLACK,
    BLUE,
    GREY,
    PAGE,
    VERMILLION,
    canvas,
    settled,
    styled,
    wrapped,
)
from mpcs_bench.report.grouping import group_rows
from mpcs_bench.report.source import CellRecord
from mpcs_bench.stats import Friedman

ID, TITLE = "critical-difference", "Average ranks of several methods, descriptive"
METRICS = {
    "patient_accuracy": "patient-level accuracy",
    "image_accuracy": "image-level accuracy",
}
"""The methods of a data set are ranked by the first that it has."""

MOST_PANELS = 24

BEFORE = (
    "Methods are ranked within each block (1 is the best; equal values share their mean rank), and "
    "stand at their average rank. A bar joins methods whose average ranks are less than the "
    "critical difference of Nemenyi apart (alpha = 0.05; Demšar 2006)."
)
AFTER = (
    "Descriptive: folds share training data and patients and are not independent data sets, as "
    "the critical difference assumes, so this supports no claim that one method is better than "
    "another; nor does a bar say that two are equal."
)

ACROSS = 2
"""Panels side by side."""

LABEL_WIDTH = 18
"""Characters of a method's name on one line."""

BRACKET, BAR, STEP, LINE = 0.75, 0.3, 0.26, 0.36
"""Heights in rows: of the bracket above the axis, of the first bar below it, from bar to bar, and
of each line of a name."""

ROW = 0.33
"""Inches."""

ABOVE, BELOW = 1.3, 0.4
"""Rows: for a title of one line and the number on the bracket, and between two diagrams."""

DESCRIPTIVE = (
    "descriptive: folds are not independent data sets; rank 1 is the best, a bar joins methods "
    "less than CD apart"
)


@dataclass(frozen=True, slots=True)
class RankPanel:
    """The methods that one diagram ranks, and what was found."""

    title: str
    outcome: Friedman


def critical_difference_entry(evidence: Evidence) -> FigureEntry:
    """Return a diagram for each data set, encoder and set of conditions with three methods or more.

    Raises FigureError where there is none, or no two folds that all of its methods have.
    """
    rankings: list[Ranking] = []
    warnings: list[str] = []
    undrawn: list[str] = []
    planned = False
    for dataset in dict.fromkeys(cell.dataset for cell in evidence.cells):
        own = tuple(cell for cell in evidence.cells if cell.dataset == dataset)
        planned |= any(len(family) >= FEWEST_METHODS for family in families(group_rows(own)))
        found, said, reasons = _rankings(replace(evidence, cells=own), dataset)
        rankings += found
        warnings += [f"{dataset}: {text}" for text in said] if found else []
        undrawn += reasons
    if not rankings:
        raise _nothing(planned, undrawn)
    if len(rankings) > MOST_PANELS:
        warnings.append(f"Drawn are the first {MOST_PANELS} of {len(rankings)} sets of methods.")
    shown = rankings[:MOST_PANELS]
    return FigureEntry(
        id=ID,
        title=TITLE,
        caption=" ".join((BEFORE, *(one.sentence for one in shown), AFTER)),
        warnings=(*dict.fromkeys(warnings), *(f"Not drawn: {text}" for text in undrawn)),
        figure=critical_difference_figure([RankPanel(one.title, one.outcome) for one in shown]),
    )


def _rankings(evidence: Evidence, dataset: str) -> tuple[list[Ranking], list[str], list[str]]:
    """Return the rankings of one data set, what must be known of them, and why others lack."""
    metric = next(
        (
            m
            for m in METRICS
            if any(c.cell_id in evidence.values.get(m, {}) for c in evidence.cells)
        ),
        None,
    )
    if metric is None:
        return [], [], []
    values = evidence.values[metric]

    def useful(cell: CellRecord) -> bool:
        return cell.cell_id in values

    experiments = tuple(dict.fromkeys(cell.experiment for cell in evidence.cells))
    choice = choose(evidence, experiments, useful, dataset=dataset, every_variant=True)
    rankings, reasons = [], []
    for family in families(choice.groups):
        if len(family) < FEWEST_METHODS:
            continue
        found = ranked(family, values, metric, METRICS[metric])
        if isinstance(found, str):
            names = ", ".join(dict.fromkeys(group.first.label for group in family))
            reasons.append(f"{dataset}, {encoder_of(family[0])} ({names}): {found}.")
        else:
            rankings.append(found)
    drawn = [group for one in rankings for group in one.groups]
    return rankings, [*choice.warnings, *incomplete(drawn, useful)], reasons


def _nothing(planned: bool, undrawn: Sequence[str]) -> FigureError:
    if undrawn:
        return FigureError(
            undrawn[0], hint="Let the protocols finish: two folds or more.", fed=True
        )
    if planned:
        return FigureError(
            "Of the methods that could be ranked, fewer than three have results yet.",
            hint="Let the protocols finish.",
            fed=True,
        )
    return FigureError(
        "These protocols hold no three methods of one data set and encoder under equal conditions.",
        hint="Name the protocols together: `mpcs-bench report exp-01 exp-02 exp-03 exp-04`.",
        fed=False,
    )


def critical_difference_figure(panels: Sequence[RankPanel]) -> Figure:
    """Draw a diagram for each panel: marks on an axis of ranks, a bar over what is not parted."""
    across = min(ACROSS, len(panels))
    lines = [panels[i : i + across] for i in range(0, len(panels), across)]
    heights = [max(_height(panel) for panel in line) for line in lines]
    with styled():
        figure = canvas(PAGE if across > 1 else PAGE / 1.4, 0.35 + ROW * sum(heights))
        figure.supxlabel(wrapped(DESCRIPTIVE, 110 if across > 1 else 75), fontsize=7, color=GREY)
        grid = figure.subplots(len(lines), across, squeeze=False, height_ratios=heights)
        for row, line, height in zip(grid, lines, heights, strict=True):
            for place, axes in enumerate(row):
                axes.set_axis_off()
                if place < len(line):
                    _draw(axes, line[place], height)
        return settled(figure)


def stacked(groups: Sequence[tuple[float, float]]) -> list[tuple[float, float, int]]:
    """Return each bar (from, to, level): on one level no two bars touch."""
    found: list[tuple[float, float, int]] = []
    for low, high in sorted(groups):
        taken = {level for a, b, level in found if low <= b and a <= high}
        found.append((low, high, min(set(range(len(taken) + 1)) - taken)))
    return found


def _bars(outcome: Friedman) -> list[tuple[float, float, int]]:
    ranks = dict(outcome.average_ranks)
    return stacked([(ranks[group[0]], ranks[group[-1]]) for group in outcome.groups])


def _names(outcome: Friedman) -> tuple[list[str], list[str]]:
    """Return the labels left and right of the axis, from the top: the extremes stand highest."""
    labels = [
        f"{wrapped(name, LABEL_WIDTH)} {rank:.2f}".replace("\n ", "\n")
        for name, rank in outcome.average_ranks
    ]
    half = (len(labels) + 1) // 2
    return labels[:half], labels[half:][::-1]


def _depth(outcome: Friedman) -> float:
    levels = 1 + max((level for *_, level in _bars(outcome)), default=0)
    return BAR + STEP * levels


def _height(panel: RankPanel) -> float:
    """Return the height of a panel in rows: title, bracket, axis, bars, names."""
    longest = max(sum(_rows(label) for label in side) for side in _names(panel.outcome))
    return ABOVE + panel.title.count("\n") * 0.4 + BRACKET + _depth(panel.outcome) + longest + BELOW


def _rows(label: str) -> float:
    return 0.3 + LINE * (1 + label.count("\n"))


def _draw(axes: Axes, panel: RankPanel, height: float) -> None:
    outcome = panel.outcome
    methods = len(outcome.average_ranks)
    axes.set_xlim(1, methods)
    axes.set_ylim(BRACKET + 0.6 - height + ABOVE, BRACKET + 0.6)
    axes.set_title(panel.title)
    axes.hlines(0, 1, methods, color=GREY, linewidth=0.9, clip_on=False)
    for tenth in range(10, 10 * methods + 1, 5):
        whole = tenth % 10 == 0
        axes.vlines(tenth / 10, 0, 0.18 if whole else 0.1, color=GREY, linewidth=0.7, clip_on=False)
        if whole:
            axes.text(tenth / 10, 0.22, str(tenth // 10), ha="center", va="bottom", fontsize=7)
    _bracket(axes, panel)
    for low, high, level in _bars(outcome):
        # A little beyond both marks: methods of one rank are joined by a bar that can be seen.
        beyond = 0.02 * (methods - 1)
        y = -BAR - STEP * level
        axes.plot(
            [low - beyond, high + beyond], [y, y], color=BLUE, linewidth=3.2,
            solid_capstyle="butt", clip_on=False, zorder=3,
        )  # fmt: skip
    _label(axes, outcome)


def _bracket(axes: Axes, panel: RankPanel) -> None:
    length = panel.outcome.critical_difference
    if not panel.outcome.in_reach:
        text = f"CD = {length:.2f}: longer than the axis, out of reach"
        axes.text(1, BRACKET, text, ha="left", va="bottom", color=VERMILLION, fontsize=7)
        return
    axes.hlines(BRACKET, 1, 1 + length, color=VERMILLION, linewidth=1.2, clip_on=False)
    ends = [1, 1 + length]
    axes.vlines(ends, BRACKET - 0.1, BRACKET + 0.1, color=VERMILLION, linewidth=1.2, clip_on=False)
    axes.text(
        1 + length / 2, BRACKET + 0.1, f"CD = {length:.2f}", ha="center", va="bottom",
        color=VERMILLION, fontsize=7,
    )  # fmt: skip


def _label(axes: Axes, outcome: Friedman) -> None:
    """Lead from each rank down to the name of its method, at the nearer side."""
    ranks = [rank for _, rank in outcome.average_ranks]
    left, right = _names(outcome)
    beside = 0.04 * (len(ranks) - 1)
    sides = (
        (left, ranks, 1 - beside, "right"),
        (right, ranks[::-1], len(ranks) + beside, "left"),
    )
    for labels, marks, edge, alignment in sides:
        y = -_depth(outcome)
        for label, rank in zip(labels, marks, strict=False):
            middle = y - _rows(label) / 2
            axes.plot(
                [rank, rank, edge], [0, middle, middle], color=BLACK, linewidth=0.8, clip_on=False
            )
            axes.plot(rank, 0, color=BLACK, marker="o", markersize=3.5, clip_on=False, zorder=4)
            gap = -0.3 * beside if alignment == "right" else 0.3 * beside
            axes.text(edge + gap, middle, label, ha=alignment, va="center", fontsize=7)
            y -= _rows(label)
