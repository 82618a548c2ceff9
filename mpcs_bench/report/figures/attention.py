"""Figures 5 to 7: where the networks found evidence for the true class, on the same test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from mpcs_bench.report.figures.style import (
    BLACK,
    GREY,
    VERMILLION,
    canvas,
    settled,
    styled,
    wrapped,
)

LUMA = np.array([0.299, 0.587, 0.114])
HEAT = "YlOrRd"
"""The stronger, the redder and the darker: as in the paper, and in a print in grey."""

PALE = 0.35
"""How much an image is lightened below its map, so that what is dark there is map."""

EDGE = 1.25
"""Side of a picture in inches; the longer one, where it is not square."""

Picture = npt.NDArray[np.uint8]
Heat = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one network made of one image: its map [h, w] in [0, 1], and what it said."""

    heat: Heat
    predicted: str
    probability: float
    right: bool


@dataclass(frozen=True, slots=True, eq=False)
class AttentionRow:
    """One test image [h, w, 3], its true class (with magnification), and a look per method."""

    name: str
    picture: Picture
    looks: tuple[Look | None, ...]


def attention_figure(methods: Sequence[str], rows: Sequence[AttentionRow]) -> Figure:
    """Draw each image beside its maps, one column for each method; None is an empty place."""
    height, width = rows[0].picture.shape[:2]
    across, down = EDGE * min(1, width / height), EDGE * min(1, height / width)
    with styled():
        figure = canvas(0.8 + (across + 0.08) * (len(methods) + 1), 0.55 + (down + 0.2) * len(rows))
        grid = figure.subplots(len(rows), len(methods) + 1, squeeze=False)
        for line, row in zip(grid, rows, strict=True):
            line[0].imshow(row.picture)
            line[0].set_ylabel(row.name, rotation=0, ha="right", va="center", labelpad=6)
            for axes, look in zip(line[1:], row.looks, strict=True):
                _draw(axes, row.picture, look)
            for axes in line:
                _bare(axes)
        for axes, title in zip(grid[0], ("test image", *methods), strict=True):
            axes.set_title(wrapped(title, 20))
        bar = figure.colorbar(
            _scale(), ax=grid, orientation="horizontal", aspect=45, fraction=0.02, pad=0.01
        )
        bar.set_label("evidence for the true class, as a share of the map's largest value")
        bar.outline.set_visible(False)
        return settled(figure)


def overlay(picture: Picture, heat: Heat) -> npt.NDArray[np.float64]:
    """Lay a map over an image turned grey, RGB [h, w, 3] in [0, 1]: the stronger, the less seen."""
    grey = PALE + (1 - PALE) * (picture @ LUMA / 255)[:, :, None]
    strength = np.clip(heat.astype(np.float64), 0, 1)
    coloured = mpl.colormaps[HEAT](strength)[:, :, :3]
    weight = 0.85 * strength[:, :, None] ** 0.5
    blended: npt.NDArray[np.float64] = (1 - weight) * grey + weight * coloured
    return np.clip(blended, 0, 1)


def _draw(axes: Axes, picture: Picture, look: Look | None) -> None:
    if look is None:
        axes.text(0.5, 0.5, "no map", transform=axes.transAxes, ha="center", va="center")
        axes.set_facecolor("#F2F2F2")
        return
    axes.imshow(overlay(picture, look.heat))
    mark = "✓" if look.right else "✗"
    axes.set_xlabel(
        f"{mark} {look.predicted} {look.probability:.2f}",
        color=BLACK if look.right else VERMILLION,
        labelpad=2,
        fontsize=7,
    )
    if not look.heat.any():
        axes.text(
            0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color=BLACK,
            fontsize=7, bbox={"facecolor": "white", "edgecolor": GREY, "linewidth": 0.5},
        )  # fmt: skip


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _scale() -> ScalarMappable:
    """Return the colours of a map over a light part of an image."""
    steps = np.linspace(0, 1, 256)[None, :]
    tissue = np.full((1, 256, 3), 210, dtype=np.uint8)
    return ScalarMappable(Normalize(0, 1), ListedColormap(overlay(tissue, steps)[0]))
