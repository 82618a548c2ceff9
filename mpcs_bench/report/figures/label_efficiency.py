"""Figure 8: image-wise accuracy on BACH against the fraction of labels used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mpcs_bench.report.figures.choice import (
    Choice,
    choose,
    encoder_of,
    incomplete,
    span,
    strategy_of,
    unequal,
)
from mpcs_bench.report.figures.entry import FigureEntry
from mpcs_bench.report.figures.estimates import (
    INTERVAL,
    NO_INTERVAL,
    Estimate,
    estimate,
    folds_text,
    items_per_fold,
    items_text,
    ratio_text,
    shared_columns,
)
from mpcs_bench.report.figures.evidence import Evidence
from mpcs_bench.report.figures.printed import in_percent, printed_cells
from mpcs_bench.report.figures.strategies import DeclaredStrategy, by_name
from mpcs_bench.report.figures.style import (
    BLACK,
    FAINT,
    GREY,
    PAGE,
    Look,
    canvas,
    looks,
    percent_axis,
    settled,
    styled,
    within_percent,
    wrapped,
)
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Column
from mpcs_bench.report.published.records import Publication
from mpcs_bench.report.source import CellRecord
from mpcs_bench.report.table import Values

ID, TITLE = "figure-8", "Label efficiency on BACH"
EXPERIMENTS = ("exp-10", "exp-11", "exp-12")
METRIC = "image_accuracy"
DATASET, ENCODER = "bach", "resnet50"
RIVAL = "DPCL"
"""The method that the paper's figure compares with; its text gives one value of it."""

Points = Sequence[tuple[float, float]]
"""Percent of the labels, and accuracy in percent."""

BESIDE = 1.6
"""How far right of ours the published mean stands, in percent of labels."""


@dataclass(frozen=True, slots=True)
class LabelCurve:
    """One method: our estimates and the published means, by percent of the labels used."""

    label: str
    look: Look
    ours: tuple[tuple[float, Estimate], ...]
    printed: tuple[tuple[float, float], ...] = ()


def label_efficiency_entry(
    evidence: Evidence, publication: Publication | None, strategies: Sequence[DeclaredStrategy]
) -> FigureEntry:
    """Return Figure 8 from Exp-10 to Exp-12. Raises FigureError where there is no result."""
    values = evidence.values.get(METRIC, {})

    def useful(cell: CellRecord) -> bool:
        return cell.cell_id in values

    choice = choose(evidence, EXPERIMENTS, useful, dataset=DATASET)
    encoder = choice.encoders(ENCODER)[0]
    groups = [group for group in choice.groups if encoder_of(group) == encoder]
    columns = shared_columns(groups, values)
    curves = [
        curve
        for experiment in EXPERIMENTS
        if (
            curve := _curve(
                experiment,
                groups,
                columns=columns,
                values=values,
                publication=publication,
                strategies=strategies,
            )
        )
    ]
    rival = [
        (_percent(cell.label_fraction), in_percent(cell))
        for cell in printed_cells(
            publication, method=RIVAL, metric=METRIC, part="test", dataset=DATASET
        )
    ]
    return FigureEntry(
        id=ID,
        title=TITLE,
        caption=_caption(choice, groups, curves, rival=rival, items=items_per_fold(groups, values)),
        warnings=(*choice.warnings, *incomplete(groups, useful), *_unequal(groups)),
        figure=label_efficiency_figure(curves, rival),
    )


def label_efficiency_figure(curves: Sequence[LabelCurve], rival: Points = ()) -> Figure:
    """Draw one panel for each method: ours with intervals, published means as open markers.

    The other methods stand behind it in grey, so that panels can be held to each other.
    """
    with styled():
        figure = canvas(PAGE, 3.0)
        shared: Axes | None = None
        for number, curve in enumerate(curves):
            axes = figure.add_subplot(1, len(curves), number + 1, sharex=shared, sharey=shared)
            shared = shared or axes
            for other in curves:
                if other is not curve:
                    x, y = _line(other)
                    axes.plot(x, y, color=FAINT, linewidth=1.0, zorder=1)
            _draw(axes, curve)
            for place, value in rival:
                axes.plot(
                    place, value, marker="*", markersize=9, color=BLACK, linestyle="none", zorder=5
                )
            axes.set_title(wrapped(curve.label, 32))
            axes.set_xlabel("labels used, %")
            axes.tick_params(labelleft=number == 0)
            percent_axis(axes)
        if shared is not None:
            shared.set_ylabel("image-wise accuracy, %")
            within_percent(shared)
            ticks = sorted({x for curve in curves for x, _ in (*curve.ours, *curve.printed)})
            # 5 and 10 would run into each other.
            shared.set_xticks(ticks, [f"{tick:g}" if tick != 10 else "" for tick in ticks])
        figure.legend(handles=_handles(curves, rival), loc="outside lower center", ncols=4)
        return settled(figure)


def _line(curve: LabelCurve) -> tuple[list[float], list[float]]:
    return [x for x, _ in curve.ours], [found.mean for _, found in curve.ours]


def _draw(axes: Axes, curve: LabelCurve) -> None:
    look = curve.look
    x, y = _line(curve)
    axes.plot(x, y, color=look.colour, linestyle=look.line, marker=look.marker, zorder=3)
    for place, found in curve.ours:
        if found.low is not None and found.high is not None:
            axes.errorbar(
                place,
                found.mean,
                [[found.mean - found.low], [found.high - found.mean]],
                color=look.colour,
                elinewidth=0.9,
                capsize=2,
                zorder=2,
            )
    axes.plot(
        [place + BESIDE for place, _ in curve.printed],
        [value for _, value in curve.printed],
        color=BLACK,
        marker=look.marker,
        markersize=6,
        markerfacecolor="none",
        markeredgewidth=0.9,
        linestyle="none",
        zorder=4,
    )


def _handles(curves: Sequence[LabelCurve], rival: Points) -> list[Line2D]:
    handles = [
        Line2D([], [], color=GREY, marker="o", label="ours"),
        Line2D([], [], color=FAINT, label="ours, other methods"),
    ]
    if any(curve.printed for curve in curves):
        handles.append(
            Line2D([], [], color=BLACK, marker="o", markersize=6, markerfacecolor="none",
                   markeredgewidth=0.9, linestyle="none", label="published mean")
        )  # fmt: skip
    if rival:
        label = f"{RIVAL}, published ({rival[0][1]:.2f})"
        handles.append(
            Line2D([], [], color=BLACK, marker="*", markersize=9, linestyle="none", label=label)
        )
    return handles


def _curve(
    experiment: str,
    groups: Sequence[RowGroup],
    *,
    columns: Sequence[Column],
    values: Values,
    publication: Publication | None,
    strategies: Sequence[DeclaredStrategy],
) -> LabelCurve | None:
    mine = [group for group in groups if group.first.experiment == experiment]
    ours = tuple(
        (_percent(group.first.label_fraction), found)
        for group in sorted(mine, key=lambda group: _percent(group.first.label_fraction))
        if (found := estimate(group, columns, values, METRIC))
    )
    if not ours:
        return None
    declared = by_name(strategies, strategy_of(mine[0]))
    names = [one.full_name for one in strategies]
    own = declared.full_name if declared else experiment
    look = looks([*names, own])[own]
    return LabelCurve(mine[0].first.label, look, ours, _printed(publication, experiment))


def _percent(fraction: float | None) -> float:
    # Rounded: 0.07 * 100 is no tick label.
    return round(100 * (1.0 if fraction is None else fraction), 6)


def _printed(publication: Publication | None, experiment: str) -> tuple[tuple[float, float], ...]:
    cells = printed_cells(publication, experiment=experiment, metric=METRIC, part="test")
    # The table of fractions and the one of all labels print 100 % both.
    found = {_percent(cell.label_fraction): in_percent(cell) for cell in cells}
    return tuple(sorted(found.items()))


def _unequal(groups: Sequence[RowGroup]) -> tuple[str, ...]:
    fractions = dict.fromkeys(group.first.label_fraction for group in groups)
    found = [
        warning
        for fraction in fractions
        for warning in unequal(g for g in groups if g.first.label_fraction == fraction)
    ]
    return tuple(dict.fromkeys(found))


def _caption(
    choice: Choice,
    groups: Sequence[RowGroup],
    curves: Sequence[LabelCurve],
    *,
    rival: Points,
    items: tuple[int, int] | None,
) -> str:
    estimates = [found for curve in curves for _, found in curve.ours]
    experiments = span(tuple(dict.fromkeys(group.first.experiment for group in groups)))
    text = [
        f"Image-wise accuracy on the test part of {choice.dataset} ({experiments}, "
        f"{encoder_of(groups[0])}, scale {choice.scale}) against the fraction of labels used, "
        f"mean over {folds_text(estimates)}{items_text(items, 'images')}."
    ]
    if any(found.low is not None for found in estimates):
        text.append(f"Bars: {INTERVAL}; {ratio_text(estimates)}.")
    else:
        text.append(NO_INTERVAL)
    if any(curve.printed for curve in curves):
        text.append("Open markers: the published means (Table 8), set beside, without spread.")
    if rival:
        text.append(
            f"{RIVAL} is one point, {rival[0][1]:.2f} at {rival[0][0]:g} %: the paper's text gives "
            "no other value of it."
        )
    return " ".join(text)
