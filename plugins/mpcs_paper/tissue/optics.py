"""The microscope: which part of the world a magnification shows, and light through the stain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mpcs_paper.tissue.noise import Image, Points

MAGNIFICATIONS = (40, 100, 200, 400)
SENSOR = (700, 460)
SUBPIXEL_BITS = 4

Pixels = npt.NDArray[np.int32]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class World:
    """The stretch of tissue that a sample lays out: its widest field and a margin, on a grid.

    `field` is (width, height) of the widest field of view (40X where there is one), `margin` and
    the coarse grid's `pitch` are in micrometres. The origin is the centre of every field of view.
    """

    field: tuple[float, float]
    margin: float = 60.0
    pitch: float = 5.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the coarse grid."""
        rows = int(np.ceil((self.field[1] + 2 * self.margin) / self.pitch))
        return rows, int(np.ceil((self.field[0] + 2 * self.margin) / self.pitch))

    @property
    def area(self) -> float:
        """Area of the whole grid in mm2."""
        return self.shape[0] * self.shape[1] * self.pitch**2 / 1e6

    @property
    def corner(self) -> tuple[float, float]:
        """World coordinates of the grid's upper left edge."""
        rows, columns = self.shape
        return -columns * self.pitch / 2, -rows * self.pitch / 2

    def axes(self) -> tuple[Image, Image]:
        """Return x of each column, [1, columns], and y of each row, [rows, 1]."""
        rows, columns = self.shape
        x = self.corner[0] + (np.arange(columns) + 0.5) * self.pitch
        y = self.corner[1] + (np.arange(rows) + 0.5) * self.pitch
        return x[None, :].astype(np.float32), y[:, None].astype(np.float32)

    def cells(self, points: Points) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return row and column of the grid cell that holds each point [n, 2]; edges are held."""
        rows, columns = self.shape
        column = ((points[:, 0] - self.corner[0]) / self.pitch).astype(np.intp)
        row = ((points[:, 1] - self.corner[1]) / self.pitch).astype(np.intp)
        return np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)

    def fixed(self, points: Points) -> Pixels:
        """Return grid positions of points [..., 2] in OpenCV's fixed point (SUBPIXEL_BITS)."""
        grid = (points - np.array(self.corner)) / self.pitch - 0.5
        fixed: Pixels = np.round(grid * (1 << SUBPIXEL_BITS)).astype(np.int32)
        return fixed


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """What the camera sees at one magnification, `width` x `height` pixels, centred on the origin.

    `pitch_40x` is micrometres per pixel at 40X on the full `sensor` (pixels). A field's extent
    is exactly that of 40X times 40 / magnification, whatever the number of pixels.
    """

    magnification: int
    width: int
    height: int
    pitch_40x: float
    sensor: tuple[int, int] = SENSOR

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height in micrometres."""
        return extent(self.sensor, self.pitch_40x, self.magnification)

    @property
    def pitch(self) -> tuple[float, float]:
        """Micrometres per pixel along x and y."""
        return self.extent[0] / self.width, self.extent[1] / self.height

    @property
    def resolution(self) -> float:
        """Micrometres per pixel, the mean of both axes."""
        return math.sqrt(self.pitch[0] * self.pitch[1])

    def pixels(self, points: Points) -> Points:
        """Return pixel positions (centres at whole numbers) of world points [..., 2]."""
        centre = np.array([self.width, self.height]) / 2 - 0.5
        placed: Points = points / np.array(self.pitch) + centre
        return placed

    def fixed(self, points: Points) -> Pixels:
        """Return pixel positions of world points in OpenCV's fixed point (SUBPIXEL_BITS)."""
        fixed: Pixels = np.round(self.pixels(points) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        return fixed

    def sees(self, points: Points, reach: float | Points) -> npt.NDArray[np.bool_]:
        """Say which points [n, 2] stand within `reach` micrometres of the field."""
        half = np.array(self.extent) / 2
        inside: npt.NDArray[np.bool_] = (np.abs(points[:, 0]) < half[0] + reach) & (
            np.abs(points[:, 1]) < half[1] + reach
        )
        return inside

    def resample(self, world: World, grid: Image) -> Image:
        """Return a coarse world field [rows, columns] at every pixel, [height, width]."""
        step = (self.pitch[0] / world.pitch, self.pitch[1] / world.pitch)
        origin = [
            (-self.extent[axis] / 2 + self.pitch[axis] / 2 - world.corner[axis]) / world.pitch - 0.5
            for axis in (0, 1)
        ]
        matrix = np.array([[step[0], 0.0, origin[0]], [0.0, step[1], origin[1]]])
        seen: Image = cv2.warpAffine(
            grid,
            matrix,
            (self.width, self.height),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return seen

    def axes(self) -> tuple[Image, Image]:
        """Return world x of each column, [1, width], and y of each row, [height, 1]."""
        x = (np.arange(self.width) + 0.5) * self.pitch[0] - self.extent[0] / 2
        y = (np.arange(self.height) + 0.5) * self.pitch[1] - self.extent[1] / 2
        return x[None, :].astype(np.float32), y[:, None].astype(np.float32)


def extent(sensor: tuple[int, int], pitch_40x: float, magnification: int) -> tuple[float, float]:
    """Return width and height in micrometres of what a sensor (pixels) sees at a magnification."""
    pitch = pitch_40x / (magnification / 40)
    return sensor[0] * pitch, sensor[1] * pitch


def fields_of_view(
    width: int,
    height: int,
    pitch_40x: float,
    *,
    sensor: tuple[int, int] = SENSOR,
    magnifications: tuple[int, ...] = MAGNIFICATIONS,
) -> tuple[FieldOfView, ...]:
    """Return the nested fields of one sample, one for each magnification."""
    return tuple(FieldOfView(power, width, height, pitch_40x, sensor) for power in magnifications)
