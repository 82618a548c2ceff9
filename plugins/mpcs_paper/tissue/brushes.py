"""Anti-aliased polygons, lines and discs of true size on one-channel layers of a field of view.

OpenCV's anti-aliased shapes are about half a pixel too large on every side, which at low
magnification would double a nucleus. The brushes here draw everything that much smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from mpcs_paper.tissue.noise import Image, Points
from mpcs_paper.tissue.optics import SUBPIXEL_BITS, FieldOfView, Pixels

Layer = npt.NDArray[np.uint8]

# Pixels by which OpenCV's shapes are too large; a shape keeps this part of its size at least.
EXCESS = 0.5
SLIMMEST = 0.3
SUBPIXELS = 1 << SUBPIXEL_BITS


def blank(view: FieldOfView, value: int = 0) -> Layer:
    """Return an 8-bit layer of the field's size, as OpenCV's anti-aliasing wants it."""
    return np.full((view.height, view.width), value, dtype=np.uint8)


def slimmed(view: FieldOfView, polygons: Points) -> Pixels:
    """Return roundish world polygons [n, vertices, 2] in fixed point, ready for OpenCV to fill."""
    pixels = view.pixels(polygons)
    middle = pixels.mean(axis=1, keepdims=True)
    offset = pixels - middle
    radius = np.maximum(np.hypot(offset[..., 0], offset[..., 1]), 1e-6)[..., None]
    kept = np.maximum(1.0 - EXCESS / radius, SLIMMEST)
    fixed: Pixels = np.round((middle + offset * kept) * SUBPIXELS).astype(np.int32)
    return fixed


def fill_polygon(layer: Layer, outline: Pixels, value: int) -> None:
    """Fill one polygon [vertices, 2] of `slimmed` with `value`."""
    cv2.fillPoly(layer, [outline], value, cv2.LINE_AA, SUBPIXEL_BITS)


def draw_outline(layer: Layer, outline: Pixels, value: int, pixels: float) -> None:
    """Draw a closed line about `pixels` wide, one at least, along a polygon [vertices, 2]."""
    cv2.polylines(layer, [outline], True, value, _thickness(pixels), cv2.LINE_AA, SUBPIXEL_BITS)


def _thickness(pixels: float) -> int:
    return max(1, round((pixels + 0.75) / 2.15))


def _drawn_width(thickness: int) -> float:
    """Return how wide OpenCV's anti-aliased line of `thickness` really is, as measured."""
    return 2.15 * thickness - 0.75


def fill(
    view: FieldOfView, polygons: Sequence[Points] | Points, levels: Sequence[float] = ()
) -> Image:
    """Return coverage in [0, 1] by polygons [vertices, 2] of equal length.

    `levels` gives each its own value instead of 1.
    """
    layer = blank(view)
    for place, outline in enumerate(slimmed(view, np.asarray(polygons))):
        fill_polygon(layer, outline, 255 if not levels else round(255 * levels[place]))
    return layer * np.float32(1 / 255)


def rule(view: FieldOfView, polygons: Sequence[Points] | Points, width: float) -> Image:
    """Return coverage in [0, 1] by closed lines `width` micrometres wide."""
    layer = blank(view)
    pixels = width / view.resolution
    for outline in view.fixed(np.asarray(polygons)):
        draw_outline(layer, outline, 255, pixels)
    share = min(1.0, pixels / _drawn_width(_thickness(pixels)))
    return layer * np.float32(share / 255)


def discs(view: FieldOfView, centres: Points, radius: float) -> Image:
    """Return coverage in [0, 1] by discs at `centres` [n, 2], `radius` in micrometres."""
    layer = blank(view)
    pixels = radius / view.resolution
    # A disc smaller than a pixel covers a part of it.
    value = round(255 * min(1.0, pixels**2))
    for x, y in view.fixed(centres).tolist():
        fill_disc(layer, (x, y), pixels, value)
    return layer * np.float32(1 / 255)


def fill_disc(layer: Layer, centre: tuple[int, int], pixels: float, value: int) -> None:
    """Fill a disc of radius `pixels` about a centre in fixed point."""
    size = round(max(SLIMMEST, pixels - EXCESS) * SUBPIXELS)
    cv2.circle(layer, centre, size, value, -1, cv2.LINE_AA, SUBPIXEL_BITS)
