"""Figure 10: patient-level accuracy with 20 % of the labels, against human prior."""

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
from mpcs_bench.report.figures.entry import FigureEntry, FigureError
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
from mpcs_bench.report.figures.printed import mean_over, printed_cells
from mpcs_bench.report.figures.strategies import DeclaredStrategy, by_name
from mpcs_bench.report.figures.style import (
    GREY,
    PAGE,
    Look,
    canvas,
    looks,
    percent_axis,
    settled,
    styled,
    within_percent,
)
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Column
from mpcs_bench.report.published.records import Publication
from mpcs_bench.report.source import CellRecord
from mpcs_bench.report.table import Values

ID, TITLE = "figure-10", "Human prior and patient-level accuracy with 20 % of the labels"
EXPERIMENTS = ("exp-2", "exp-3", "exp-4")
METRIC, DATASET = "patient_accuracy", "breakhis"
BESIDE = 0.16
"""How far right of ours the published mean stands, in decisions."""


@dataclass(frozen=True, slots=True)
class PriorPoint:
    """One strategy: how many magnifications a human fixes, our estimate, the published mean."""

    label: str
    look: Look
    human_prior: int
    ours: Estimate
    printed: float | None = None


@dataclass(frozen=True, slots=True)
class PriorPanel:
    """One encoder and its strategies; `columns` are the magnifications averaged over."""

    encoder: str
    columns: tuple[Column, ...]
    points: tuple[PriorPoint, ...]


def prior_accuracy_entry(
    evidence: Evidence, publication: Publication | None, strategies: Sequence[DeclaredStrategy]
) -> FigureEntry:
    """Return Figure 10 from Exp-2 to Exp-4. Raises FigureError where there is no result."""
    values = evidence.values.get(METRIC, {})

    def useful(cell: CellRecord) -> bool:
        return cell.cell_id in values

    choice = choose(evidence, EXPERIMENTS, useful, dataset=DATASET)
    panels, warnings = [], [*choice.warnings, *incomplete(choice.groups, useful)]
    for encoder in choice.encoders():
        groups = [group for group in choice.groups if encoder_of(group) == encoder]
        warnings += [f"{encoder}: {text}" for text in unequal(groups)]
        panel = _panel(encoder, groups, values, publication, strategies)
        lost = {group.first.label for group in groups} - {point.label for point in panel.points}
        if lost:
            names = ", ".join(sorted(lost))
            warnings.append(
                f"{encoder}: {names} not drawn: no fold has a value at each magnification, or the "
                "strategy is not registered here."
            )
        panels.append(panel)
    drawn = [panel for panel in panels if panel.points]
    if not drawn:
        raise FigureError(
            f"No strategy of {span(EXPERIMENTS)} has a fold with a value at each magnification.",
            hint="Let the protocols finish: `mpcs-bench run exp-02 exp-03 exp-04`.",
            fed=True,
        )
    return FigureEntry(
        id=ID,
        title=TITLE,
        caption=_caption(choice, drawn, items_per_fold(choice.groups, values)),
        warnings=tuple(dict.fromkeys(warnings)),
        figure=prior_accuracy_figure(drawn),
    )


def prior_accuracy_figure(panels: Sequence[PriorPanel]) -> Figure:
    """Draw one panel for each encoder: ours with intervals, published means as open markers."""
    with styled():
        figure = canvas(PAGE if len(panels) > 1 else PAGE / 1.6, 3.1)
        shared: Axes | None = None
        for place, panel in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), place + 1, sharey=shared)
            shared = shared or axes
            _draw(axes, panel)
            if place == 0:
                axes.set_ylabel("patient-level accuracy, %")
            else:
                axes.tick_params(labelleft=False)
        if shared is not None:
            within_percent(shared)
        figure.legend(
            handles=_handles(panels), loc="outside lower center", ncols=5, columnspacing=1.4
        )
        return settled(figure)


def _draw(axes: Axes, panel: PriorPanel) -> None:
    for point in panel.points:
        found, look = point.ours, point.look
        axes.plot(point.human_prior, found.mean, color=look.colour, marker=look.marker, zorder=3)
        if found.low is not None and found.high is not None:
            axes.errorbar(
                point.human_prior,
                found.mean,
                [[found.mean - found.low], [found.high - found.mean]],
                color=look.colour,
                elinewidth=1.0,
                capsize=3,
                zorder=2,
            )
        if point.printed is not None:
            axes.plot(
                point.human_prior + BESIDE,
                point.printed,
                color=look.colour,
                marker=look.marker,
                markersize=7,
                markerfacecolor="none",
                zorder=3,
            )
    priors = sorted({point.human_prior for point in panel.points} | {0, 1, 2})
    axes.set_xticks(priors)
    axes.set_xlim(priors[-1] + 0.5, priors[0] - 0.5)  # the strongest prior stands left
    axes.set_title(panel.encoder)
    axes.set_xlabel("human prior: magnifications fixed")
    percent_axis(axes)


def _handles(panels: Sequence[PriorPanel]) -> list[Line2D]:
    points = {point.label: point for panel in panels for point in panel.points}
    handles = [
        Line2D([], [], color=p.look.colour, marker=p.look.marker, linestyle="none", label=label)
        for label, p in points.items()
    ]
    if any(point.printed is not None for panel in panels for point in panel.points):
        handles.append(
            Line2D([], [], color=GREY, marker="o", markersize=7, markerfacecolor="none",
                   linestyle="none", label="published mean")
        )  # fmt: skip
    return handles


def _panel(
    encoder: str,
    groups: Sequence[RowGroup],
    values: Values,
    publication: Publication | None,
    strategies: Sequence[DeclaredStrategy],
) -> PriorPanel:
    columns = shared_columns(groups, values)
    look = looks(one.full_name for one in strategies)
    points = []
    for group in groups:
        declared = by_name(strategies, strategy_of(group))
        ours = estimate(group, columns, values, METRIC)
        if declared is None or ours is None:
            continue
        cells = printed_cells(
            publication,
            experiment=group.first.experiment,
            encoder=encoder,
            metric=METRIC,
            part="test",
        )
        points.append(
            PriorPoint(
                label=group.first.label,
                look=look[declared.full_name],
                human_prior=declared.human_prior,
                ours=ours,
                printed=mean_over(cells, [column.test for column in columns]) if cells else None,
            )
        )
    return PriorPanel(encoder, columns, tuple(points))


def _caption(choice: Choice, panels: Sequence[PriorPanel], items: tuple[int, int] | None) -> str:
    points = [point for panel in panels for point in panel.points]
    experiments = span(tuple(dict.fromkeys(group.first.experiment for group in choice.groups)))
    text = [
        f"Patient-level accuracy on the test part of {choice.dataset} with 20 % of the labels "
        f"({experiments}, scale {choice.scale}), mean over {_columns(panels)} and "
        f"{folds_text(point.ours for point in points)}{items_text(items, 'patients')}, against the "
        "number of magnifications that a human fixes: 2 both, 1 the second by a table, 0 none."
    ]
    if any(point.ours.low is not None for point in points):
        text.append(f"Bars: {INTERVAL}; {ratio_text(point.ours for point in points)}.")
    else:
        text.append(NO_INTERVAL)
    if any(point.printed is not None for point in points):
        text.append("Open markers: the published means (Table 5), set beside, without spread.")
    return " ".join(text)


def _columns(panels: Sequence[PriorPanel]) -> str:
    named = {panel.encoder: [column.label for column in panel.columns] for panel in panels}
    lists = list(named.values())
    if all(columns == lists[0] for columns in lists):
        return ", ".join(lists[0])
    return "; ".join(f"{encoder}: {', '.join(columns)}" for encoder, columns in named.items())
