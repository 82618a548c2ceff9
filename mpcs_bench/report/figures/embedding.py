"""Figure 9: t-SNE of features before fine-tuning, by magnification and pair strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mpcs_bench.report.figures.style import CLASSES, FAINT, PAGE, canvas, settled, styled, wrapped

PERPLEXITY = 30.0
SEED = 0
FEWEST = 5
"""Points below which a neighbourhood means nothing."""

Float32 = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The images of one magnification in the plane, [n, 2], and their classes [n]."""

    points: Float32
    labels: IntArray
    perplexity: float


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingRow:
    """One strategy: an embedding for each magnification, or why there is none."""

    label: str
    panels: tuple[Embedding | str, ...]


def embed(features: Float32, labels: IntArray) -> Embedding | str:
    """Return the t-SNE of `features[n, d]`, or why there is none.

    From a PCA start and a fixed seed on one thread: equal features give equal points. Perplexity
    30, or a third of the other points where they are fewer than 90.
    """
    n = len(features)
    if n < FEWEST:
        return f"n = {n}: too few"
    if not np.isfinite(features).all():
        return "features are not finite"
    if float(np.ptp(features, axis=0).max()) == 0:
        return "all features are equal"
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (n - 1) / 3)
    with threadpool_limits(1):  # sums of threads depend on their number
        points = TSNE(perplexity=perplexity, init="pca", random_state=SEED, n_jobs=1).fit_transform(
            features
        )
    return Embedding(np.asarray(points, dtype=np.float32), labels, perplexity)


def embedding_figure(
    columns: Sequence[str], rows: Sequence[EmbeddingRow], classes: Sequence[str]
) -> Figure:
    """Draw one row for each strategy and one column for each magnification.

    Class 0 is blue, class 1 red, as in the paper; each has a marker of its own.
    """
    side = min(1.75, (PAGE - 0.6) / len(columns))
    with styled():
        figure = canvas(0.6 + side * max(len(columns), 2), 0.6 + side * len(rows))
        grid = figure.subplots(len(rows), len(columns), squeeze=False)
        for line, row in zip(grid, rows, strict=True):
            line[0].set_ylabel(wrapped(row.label, 24))
            for axes, panel in zip(line, row.panels, strict=True):
                _draw(axes, panel, classes)
        for axes, title in zip(grid[0], columns, strict=True):
            axes.set_title(title)
        handles = [
            Line2D([], [], color=CLASSES[i % len(CLASSES)].colour, linestyle="none",
                   marker=CLASSES[i % len(CLASSES)].marker, label=name)
            for i, name in enumerate(classes)
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return settled(figure)


def _draw(axes: Axes, panel: Embedding | str, classes: Sequence[str]) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=FAINT)
    if isinstance(panel, str):
        axes.text(0.5, 0.5, panel, transform=axes.transAxes, ha="center", va="center")
        return
    for index in range(len(classes)):
        own = panel.points[panel.labels == index]
        look = CLASSES[index % len(CLASSES)]
        axes.scatter(
            own[:, 0],
            own[:, 1],
            s=11,
            marker=look.marker,
            facecolors=look.colour,
            edgecolors="white",
            linewidths=0.3,
            alpha=0.85,
        )
    axes.margins(0.06)
