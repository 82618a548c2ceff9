"""Draw one field of view of a layout: the dye at every pixel, then light, lens and camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mpcs_paper.tissue.brushes import discs, fill, rule
from mpcs_paper.tissue.layout import Layout
from mpcs_paper.tissue.noise import Image, ramp, sample_texture
from mpcs_paper.tissue.optics import FieldOfView
from mpcs_paper.tissue.paint import paint_cells, paint_nuclei
from mpcs_paper.tissue.stain import Stain
from mpcs_paper.tissue.vessels import RED_CELL_RADIUS

Picture = npt.NDArray[np.uint8]

# Amounts of dye; 1 is about what a dark nucleus, or a red cell, holds.
STROMA_EOSIN, PALEST_STROMA = 0.33, 0.08
CYTOPLASM_EOSIN, CYTOPLASM_HAEMATOXYLIN = 0.34, 0.15
MEMBRANE_EOSIN, WALL_EOSIN, RED_CELL_EOSIN = 0.28, 0.22, 0.95
# Fibres under the bundles: texture layer, length, width, share in tone and in gaps.
STRANDS = ((1, 30.0, 3.2, 0.16, 0.42), (2, 14.0, 1.5, 0.17, 0.25), (3, 7.0, 0.7, 0.14, 0.12))
# Finer than this (micrometres per pixel) single cells can be told apart in the cytoplasm.
CELL_RESOLUTION = 0.9
ONE = np.float32(1.0)


@dataclass(frozen=True, slots=True)
class Canvas:
    """The dye in a field of view, [height, width] each; brushes change both in place."""

    view: FieldOfView
    haematoxylin: Image
    eosin: Image

    def clear(self, coverage: Image, amount: float) -> None:
        """Take away `amount` (0 to 1) of all dye where `coverage` is 1."""
        kept = ONE - np.float32(amount) * coverage
        self.haematoxylin[...] *= kept
        self.eosin[...] *= kept


def draw(layout: Layout, view: FieldOfView) -> Canvas:
    """Return the amounts of haematoxylin and of eosin at every pixel of a field."""
    canvas = _stroma(layout, view)
    _fat_and_vessels(layout, canvas)
    _glands(layout, canvas)
    nuclei = paint_nuclei(layout, view)
    canvas.eosin[...] *= ONE - np.float32(0.55) * np.minimum(nuclei, ONE)
    canvas.haematoxylin[...] += nuclei
    thickness = view.resample(layout.world, layout.ground.thickness)
    canvas.haematoxylin[...] *= thickness
    canvas.eosin[...] *= thickness
    return canvas


def _detail(view: FieldOfView, size: float) -> float:
    """Return how much of a pattern of `size` micrometres the pixels can hold, 0 to 1."""
    return float(np.clip(size / (2.0 * view.resolution) - 0.25, 0.0, 1.0))


def _stroma(layout: Layout, view: FieldOfView) -> Canvas:
    ground, world = layout.ground, layout.world
    along = view.resample(world, ground.along)
    across = view.resample(world, ground.across)
    looseness = view.resample(world, ground.looseness)
    void = view.resample(world, ground.void)

    def fibres(layer: int, length: float, width: float) -> Image:
        origin = layout.texture_origin[layer]
        return sample_texture(
            layer,
            along * np.float32(1 / length) + np.float32(origin[0]),
            across * np.float32(1 / width) + np.float32(origin[1]),
        )

    bundles = fibres(0, 70.0, 10.0)
    texture = np.float32(0.17) * bundles
    gaps = np.float32(0.45) * bundles + np.float32(0.5) * looseness
    for layer, length, width, tone, gap in STRANDS:
        amount = _detail(view, width)
        if amount > 0:
            strands = fibres(layer, length, width)
            if layer > 1:
                # Folded noise has sharp crests: single fibrils.
                strands = np.float32(1.3) - np.float32(1.65) * np.abs(strands)
            texture += np.float32(tone * amount) * strands
            gaps += np.float32(gap * amount) * strands
    torn = ramp(void + np.float32(0.10) * bundles, -0.04, 0.06)
    solid = (ONE - np.float32(0.92) * ramp(gaps, 0.62, 1.15)) * (ONE - torn)
    eosin = np.float32(STROMA_EOSIN) + np.float32(0.40) * texture
    eosin = np.maximum(eosin, np.float32(PALEST_STROMA)) * solid
    return Canvas(view, np.float32(layout.uptake.ground) * solid, eosin)


def _fat_and_vessels(layout: Layout, canvas: Canvas) -> None:
    view = canvas.view
    fat = layout.fat[view.sees(layout.fat.mean(axis=1), 40.0)]
    if len(fat):
        canvas.clear(fill(view, fat), 0.97)
    lumens = layout.vessels.lumens
    lumens = lumens[view.sees(lumens.mean(axis=1), 40.0)]
    if len(lumens):
        canvas.eosin[...] += np.float32(WALL_EOSIN) * rule(view, lumens, 1.8)
        canvas.clear(fill(view, lumens), 0.9)
    cells = layout.vessels.red_cells
    cells = cells[view.sees(cells, RED_CELL_RADIUS)]
    if len(cells):
        canvas.eosin[...] += np.float32(RED_CELL_EOSIN) * discs(view, cells, RED_CELL_RADIUS)


def _glands(layout: Layout, canvas: Canvas) -> None:
    view = canvas.view
    glands = [g for g in layout.glands if view.sees(g.centre[None], g.reach + 6.0)[0]]
    if not glands:
        return
    grain, patches = layout.texture(view, 3, 3.6), layout.texture(view, 4, 14.0)
    outlines = [g.outline for g in glands]
    shrinkage = ramp(patches + np.float32(0.25) * grain, -0.2, 1.2)
    canvas.clear(rule(view, outlines, 5.0) * shrinkage, 0.75)
    canvas.eosin[...] += np.float32(MEMBRANE_EOSIN) * rule(view, outlines, 1.6)
    body = fill(view, outlines)
    tone = ONE + np.float32(0.2 * _detail(view, 3.6)) * grain
    tone *= ONE - np.float32(0.8) * ramp(grain, 0.9, 1.8)
    if view.resolution < CELL_RESOLUTION:
        tone *= paint_cells(layout, view)
    canvas.eosin[...] += body * (np.float32(CYTOPLASM_EOSIN) * tone - canvas.eosin)
    purple = np.float32(CYTOPLASM_HAEMATOXYLIN * layout.uptake.cells)
    canvas.haematoxylin[...] += body * (purple * tone - canvas.haematoxylin)
    lumens = [g.lumen for g in glands if g.lumen is not None]
    if lumens:
        canvas.clear(fill(view, lumens), 1.0)
    filled = [g for g in glands if g.lumen is not None and g.secretion > 0]
    if filled:
        secretion = fill(view, [g.filling for g in filled], [g.secretion for g in filled])
        canvas.eosin[...] += secretion * (ONE + np.float32(0.1) * grain)


def photograph(canvas: Canvas, stain: Stain, rng: np.random.Generator) -> Picture:
    """Return the camera's picture, uint8 BGR [height, width, 3], by Beer and Lambert's law.

    `rng` draws the sensor's noise and nothing else.
    """
    view = canvas.view
    x = (np.arange(view.width, dtype=np.float32) + np.float32(0.5)) / view.width - np.float32(0.5)
    y = (np.arange(view.height, dtype=np.float32) + np.float32(0.5)) / view.height
    y = y[:, None] - np.float32(0.5)
    light = ONE - np.float32(2 * stain.vignette) * (x * x + y * y)
    light += np.float32(stain.tilt[0]) * x + np.float32(stain.tilt[1]) * y
    blur = float(np.hypot(stain.focus / view.resolution, 0.45))
    noise = rng.standard_normal((view.height, view.width), dtype=np.float32)
    noise = noise * np.float32(stain.grain) + np.float32(0.5)
    channels = []
    for band in (2, 1, 0):
        h, e = stain.dyes[band]
        passed: Image = cv2.exp(np.float32(-h) * canvas.haematoxylin - np.float32(e) * canvas.eosin)
        passed = cv2.GaussianBlur(passed, (0, 0), blur)
        channels.append(passed * (light * np.float32(255 * stain.white[band])) + noise)
    picture: Picture = np.clip(cv2.merge(channels), 0, 255).astype(np.uint8)
    return picture
