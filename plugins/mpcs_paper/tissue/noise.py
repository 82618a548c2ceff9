"""Smooth random fields: periodic textures for fine detail, coarse grids for what is large."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from mpcs_bench.protocol.seeds import generator

Image = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]

TEXTURES = 4
CELLS = 128
PER_CELL = 4


@cache
def texture(layer: int) -> Image:
    """Return a periodic noise texture of unit variance, `CELLS` noise cells wide and high.

    The textures are the same for every data set; samples differ by where they read them.
    """
    lattice = generator(0, "tissue", "texture", str(layer)).standard_normal((CELLS, CELLS))
    return _unit(_enlarge_periodic(lattice.astype(np.float32)))


def _enlarge_periodic(lattice: Image) -> Image:
    pad = 4
    wrapped = cv2.copyMakeBorder(lattice, pad, pad, pad, pad, cv2.BORDER_WRAP)
    size = wrapped.shape[0] * PER_CELL
    large: Image = cv2.resize(wrapped, (size, size), interpolation=cv2.INTER_CUBIC)
    edge = pad * PER_CELL
    return np.ascontiguousarray(large[edge:-edge, edge:-edge])


def _unit(values: Image) -> Image:
    scaled: Image = ((values - values.mean()) / values.std()).astype(np.float32)
    return scaled


def sample_texture(layer: int, x: Image, y: Image) -> Image:
    """Read texture `layer` at (x, y), arrays of one shape in noise cells; it repeats for ever."""
    # OpenCV reads a wrapped border slowly: start as near the texture's origin as whole periods let.
    shift_x = np.float32(np.floor(x.min() / CELLS) * CELLS)
    shift_y = np.float32(np.floor(y.min() / CELLS) * CELLS)
    scale = np.float32(PER_CELL)
    read: Image = cv2.remap(
        texture(layer % TEXTURES),
        (x - shift_x) * scale,
        (y - shift_y) * scale,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return read


def smooth_field(
    rng: np.random.Generator, shape: tuple[int, int], pitch: float, wavelength: float
) -> Image:
    """Draw a smooth Gaussian field on a grid: unit variance over all draws, not within one.

    `shape` is (rows, columns), `pitch` the grid's step and `wavelength` the size of a feature,
    both in micrometres.
    """
    cells = [max(2, int(np.ceil(extent * pitch / wavelength))) + 3 for extent in shape]
    lattice = rng.standard_normal(cells).astype(np.float32)
    step = pitch / wavelength
    matrix = np.array([[step, 0.0, 1.0], [0.0, step, 1.0]], dtype=np.float64)
    field: Image = cv2.warpAffine(
        lattice,
        matrix,
        (shape[1], shape[0]),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    # Cubic interpolation of a lattice averages its values: bring the variance back to one.
    return field * np.float32(1.2)


def ramp(values: Image, low: float, high: float) -> Image:
    """Return 0 below `low`, 1 above `high`, and a smooth step between."""
    t = np.clip((values - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    step: Image = (t * t * (np.float32(3.0) - np.float32(2.0) * t)).astype(np.float32, copy=False)
    return step
