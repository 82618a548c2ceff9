"""Paint nuclei, their chromatin and nucleoli, and the cells around them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mpcs_paper.tissue.brushes import (
    SUBPIXELS,
    Layer,
    blank,
    draw_outline,
    fill_disc,
    fill_polygon,
    slimmed,
)
from mpcs_paper.tissue.layout import Layout
from mpcs_paper.tissue.noise import Image, Points
from mpcs_paper.tissue.nuclei import EPITHELIAL, Nuclei
from mpcs_paper.tissue.optics import FieldOfView

# Layers are 8 bits deep, as OpenCV's anti-aliasing wants them: so many steps per optical density.
STEPS = 100.0
DARKEST = 1.9
# Coarser than this (micrometres per pixel) a nucleus is a few grains of dye, not a polygon.
GRAIN_RESOLUTION = 2.4
# Finer than this a nucleus shows its rim and its nucleoli; widths in micrometres.
RIM_RESOLUTION = 0.7
RIM_WIDTH, BORDER_WIDTH = 0.5, 0.5


def paint_nuclei(layout: Layout, view: FieldOfView) -> Image:
    """Return the haematoxylin of all nuclei in the field, [height, width]; overlaps saturate."""
    nuclei = layout.nuclei
    nuclei = nuclei.take(view.sees(nuclei.xy, nuclei.semi.max(axis=1) * 1.4))
    nuclei = replace(nuclei, depth=nuclei.depth * layout.uptake.cells)
    if view.resolution > GRAIN_RESOLUTION:
        return _grains(nuclei, view)
    layers = [blank(view), blank(view)]
    if len(nuclei):
        _polygons(nuclei, view, layers)
    density = (layers[0].astype(np.float32) + layers[1]) * np.float32(1 / STEPS)
    clumps = float(np.clip(1.3 / view.resolution - 0.8, 0.0, 1.0)) * layout.profile.chromatin
    if clumps > 0:
        density *= np.float32(1.0) + np.float32(clumps) * _chromatin(layout, view)
    saturated: Image = np.float32(DARKEST) * np.tanh(density * np.float32(1 / DARKEST))
    return saturated


def _chromatin(layout: Layout, view: FieldOfView) -> Image:
    clumps = layout.texture(view, 5, 1.5) + layout.texture(view, 6, 0.8)
    bounded: Image = np.clip(np.float32(0.7) * clumps, -2.0, 2.0)
    return bounded


def _polygons(nuclei: Nuclei, view: FieldOfView, layers: list[Layer]) -> None:
    """Fill all nuclei, every second one on the other layer: where two neighbours meet they add."""
    resolution = view.resolution
    vertices = 8 if resolution > 1.2 else 12 if resolution > 0.6 else 20
    outlines = slimmed(view, nuclei.outlines(vertices))
    pale = np.clip(nuclei.vesicular, 0.0, 1.0)
    rimmed = resolution < RIM_RESOLUTION
    body = nuclei.depth * (1.0 - 0.6 * pale) if rimmed else nuclei.mean_depth
    bodies, rims = _levels(body), _levels(1.1 * nuclei.depth)
    for place in range(len(nuclei)):
        layer = layers[place % 2]
        fill_polygon(layer, outlines[place], bodies[place])
        if rimmed and pale[place] > 0.05:
            draw_outline(layer, outlines[place], rims[place], RIM_WIDTH / resolution)
    if rimmed:
        _nucleoli(nuclei, view, layers)


def _levels(density: Points) -> list[int]:
    levels: list[int] = np.clip(density * STEPS, 1, 250).astype(int).tolist()
    return levels


def _nucleoli(nuclei: Nuclei, view: FieldOfView, layers: list[Layer]) -> None:
    """Draw the first nucleolus near the middle of its nucleus, others smaller and further out."""
    levels = _levels(1.9 * nuclei.depth)
    cosine, sine = np.cos(nuclei.angle), np.sin(nuclei.angle)
    for number in range(3):
        offset = (0.15 + 0.3 * (number > 0)) * nuclei.semi
        along = offset[:, 0] * np.cos(nuclei.phase[:, number])
        across = offset[:, 1] * np.sin(nuclei.phase[:, number])
        shift = np.stack([along * cosine - across * sine, along * sine + across * cosine], axis=1)
        centres = (view.pixels(nuclei.xy + shift) * SUBPIXELS).round().astype(int)
        radius = nuclei.nucleolus * (0.7 if number else 1.0) / view.resolution
        for place in np.flatnonzero(nuclei.nucleoli > number).tolist():
            x, y = centres[place].tolist()
            fill_disc(layers[place % 2], (x, y), float(radius[place]), levels[place])


def _grains(nuclei: Nuclei, view: FieldOfView) -> Image:
    """Spread each nucleus over the pixels as five grains of dye, by bilinear weights."""
    # What a pixel passes is the mean over dye and gap, so a covered fraction absorbs 1 - e^-d.
    absorbed = nuclei.area * (1.0 - np.exp(-0.7 * nuclei.mean_depth)) / 0.7
    weight = absorbed / (view.pitch[0] * view.pitch[1])
    cosine, sine = np.cos(nuclei.angle), np.sin(nuclei.angle)
    total = np.zeros(view.height * view.width)
    for along, across in ((0.0, 0.0), (0.6, 0.0), (-0.6, 0.0), (0.0, 0.6), (0.0, -0.6)):
        dx, dy = along * nuclei.semi[:, 0], across * nuclei.semi[:, 1]
        offset = np.stack([dx * cosine - dy * sine, dx * sine + dy * cosine], axis=1)
        total += _splat(view.pixels(nuclei.xy + offset), weight / 5, view)
    density = total.reshape(view.height, view.width).astype(np.float32)
    return np.minimum(density, np.float32(DARKEST))


def _splat(pixels: Points, weight: Points, view: FieldOfView) -> Points:
    base = np.floor(pixels).astype(np.intp)
    part = pixels - base
    total = np.zeros(view.height * view.width)
    for right in (0, 1):
        for down in (0, 1):
            column, row = base[:, 0] + right, base[:, 1] + down
            share = np.abs(1 - right - part[:, 0]) * np.abs(1 - down - part[:, 1]) * weight
            inside = (column >= 0) & (column < view.width) & (row >= 0) & (row < view.height)
            index = (row * view.width + column)[inside]
            total += np.bincount(index, share[inside], minlength=len(total))
    return total


def paint_cells(layout: Layout, view: FieldOfView) -> Image:
    """Return a factor on the cytoplasm, about 1: cells differ a little and show their borders."""
    nuclei = layout.nuclei
    near = view.sees(nuclei.xy, nuclei.semi.max(axis=1) * 2.2) & (nuclei.kind == EPITHELIAL)
    nuclei = nuclei.take(near)
    own = 1.5 * nuclei.semi.mean(axis=1) + 1.4
    cells = replace(nuclei, semi=np.stack([own * 1.1, own / 1.1], axis=1))
    tones = (128 + 34 * np.cos(nuclei.phase[:, 0])).astype(int).tolist()
    layer = blank(view, 128)
    for outline, tone in zip(slimmed(view, cells.outlines(12)), tones, strict=True):
        fill_polygon(layer, outline, tone)
        draw_outline(layer, outline, tone + 40, BORDER_WIDTH / view.resolution)
    return layer * np.float32(1 / 128)
