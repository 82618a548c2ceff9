"""Supplementary: trained at one magnification, tested at another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mpcs_bench.report.comparing import seeds_averaged
from mpcs_bench.report.figures.choice import Choice, choose, encoder_of, incomplete, nothing, span
from mpcs_bench.report.figures.entry import FigureEntry
from mpcs_bench.report.figures.evidence import Evidence
from mpcs_bench.report.figures.style import BLACK, PAGE, canvas, settled, styled, wrapped
from mpcs_bench.report.grouping import RowGroup
from mpcs_bench.report.model import Metric
from mpcs_bench.report.source import CellRecord
from mpcs_bench.report.table import Values, columns_of, table_row
from mpcs_bench.stats import over_folds

ID, TITLE = "cross-magnification", "Trained at one magnification, tested at another"
METRICS = {
    "patient_accuracy": "patient-level accuracy",
    "image_accuracy": "image-level accuracy",
}
"""The first that any model has across magnifications is shown."""

DATASET = "breakhis"
ACROSS = 4
COLOURS = "Blues"


@dataclass(frozen=True, slots=True)
class CrossValue:
    """Mean and standard deviation over folds, in percent; no deviation below two folds."""

    mean: float
    sd: float | None
    folds: int


@dataclass(frozen=True, slots=True)
class CrossMatrix:
    """One method: its values by train and test magnification."""

    title: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    values: dict[tuple[int, int], CrossValue]


def cross_magnification_entry(evidence: Evidence) -> FigureEntry:
    """Return the matrices of all methods tested across magnifications; raises FigureError."""
    found = {metric: _tested_across(evidence, metric) for metric in METRICS}
    metric = next((name for name, experiments in found.items() if experiments), None)
    if metric is None:
        error = nothing(("exp-1", "exp-2", "exp-3", "exp-4"), ())
        error.message = "These protocols test every model at the magnification it was trained at."
        error.hint = (
            "Run one with `--set finetuning.test_magnifications=[40,100,200,400]`, in another "
            "--workspace or under another name."
        )
        raise error
    values, name = evidence.values[metric], METRICS[metric]

    def useful(cell: CellRecord) -> bool:
        return _across(cell, values)

    choice = choose(evidence, found[metric], useful, dataset=DATASET)
    order = sorted(choice.groups, key=lambda group: choice.encoders().index(encoder_of(group)))
    several = len(choice.encoders()) > 1
    matrices = [_matrix(group, values, metric, several) for group in order]
    return FigureEntry(
        id=ID,
        title=TITLE,
        caption=_caption(choice, matrices, name),
        warnings=(*choice.warnings, *incomplete(choice.groups, useful)),
        figure=cross_magnification_figure(matrices, name),
    )


def cross_magnification_figure(matrices: Sequence[CrossMatrix], name: str) -> Figure:
    """Draw one annotated matrix for each method, on one scale; the diagonal is framed."""
    across = min(ACROSS, len(matrices))
    down = -(-len(matrices) // across)
    means = [value.mean for matrix in matrices for value in matrix.values.values()]
    norm = Normalize(min(means), max(means) if max(means) > min(means) else min(means) + 1)
    with styled():
        figure = canvas(max(PAGE * across / ACROSS, 2.6), 0.3 + 1.72 * down)
        grid = figure.subplots(down, across, squeeze=False)
        places = [axes for line in grid for axes in line]
        for axes, matrix in zip(places, matrices, strict=False):
            _draw(axes, matrix, norm)
        for axes in places[len(matrices) :]:
            axes.set_visible(False)
        for line in grid:
            line[0].set_ylabel("trained at")
        for place, axes in enumerate(places[: len(matrices)]):
            if place + across >= len(matrices):
                axes.set_xlabel("tested at")
        bar = figure.colorbar(
            ScalarMappable(norm, COLOURS), ax=grid, orientation="vertical", aspect=35, pad=0.02
        )
        bar.set_label(f"{name}, %")
        bar.outline.set_visible(False)
        return settled(figure)


def _draw(axes: Axes, matrix: CrossMatrix, norm: Normalize) -> None:
    axes.set_xlim(-0.5, len(matrix.test) - 0.5)
    axes.set_ylim(len(matrix.train) - 0.5, -0.5)
    axes.set_aspect("equal")
    for (train, test), value in matrix.values.items():
        x, y = matrix.test.index(test), matrix.train.index(train)
        colour = mpl.colormaps[COLOURS](norm(value.mean))
        square = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour)
        if train == test:
            square.set(edgecolor=BLACK, linewidth=1.1, zorder=3)
        axes.add_patch(square)
        dark = sum(w * c for w, c in zip((0.299, 0.587, 0.114), colour[:3], strict=True)) < 0.55
        spread = "" if value.sd is None else f"\n±{value.sd:.1f}"
        axes.text(
            x, y, f"{value.mean:.1f}{spread}", ha="center", va="center", fontsize=5.6,
            color="white" if dark else BLACK, linespacing=1.05, zorder=4,
        )  # fmt: skip
    axes.set_xticks(range(len(matrix.test)), [f"{m}X" for m in matrix.test])
    axes.set_yticks(range(len(matrix.train)), [f"{m}X" for m in matrix.train])
    axes.tick_params(length=0, labelsize=6.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(matrix.title, fontsize=7.5)


def _tested_across(evidence: Evidence, metric: str) -> tuple[str, ...]:
    values = evidence.values.get(metric, {})
    return tuple(dict.fromkeys(cell.experiment for cell in evidence.cells if _across(cell, values)))


def _across(cell: CellRecord, values: Values) -> bool:
    train = cell.train_magnification
    return train is not None and any(
        value.test_magnification not in (None, train) for value in values.get(cell.cell_id, ())
    )


def _matrix(group: RowGroup, values: Values, metric: str, several: bool) -> CrossMatrix:
    row = table_row(group, columns_of([group], values), values, Metric(metric, metric, metric, ""))
    found: dict[tuple[int, int], CrossValue] = {}
    for entry in row.entries:
        train, test = entry.column.train, entry.column.test
        if train is None or test is None or not entry.values:
            continue
        folds = [100 * value for value in seeds_averaged(entry.values).values()]
        summary = over_folds(folds, unit="fold")
        found[train, test] = CrossValue(summary.mean, summary.sd, len(folds))
    title = wrapped(f"{group.first.label} ({span([group.first.experiment])})", 24)
    title += f"\n{encoder_of(group)}" if several else ""
    return CrossMatrix(
        title=title,
        train=tuple(sorted({train for train, _ in found})),
        test=tuple(sorted({test for _, test in found})),
        values=found,
    )


def _caption(choice: Choice, matrices: Sequence[CrossMatrix], name: str) -> str:
    folds = sorted({value.folds for matrix in matrices for value in matrix.values.values()})
    count = str(folds[0]) if len(folds) == 1 else f"{folds[0]} to {folds[-1]}"
    experiments = span(tuple(dict.fromkeys(group.first.experiment for group in choice.groups)))
    return (
        f"{name[:1].upper()}{name[1:]} on the test part of {choice.dataset} ({experiments}, scale "
        f"{choice.scale}) by the magnification trained at (rows) and tested at (columns): mean ± "
        f"standard deviation over folds (n = {count}), seeds of a fold averaged first. Framed: "
        "tested as trained. All matrices share one scale of colour. The paper refers to such a "
        "table in its supplement, which is not at hand: there is nothing to hold these values to."
    )
