"""Working frames: images at working scale, one after the other, and the crop of every sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The samples of a data set as crops of frames that are stored once, however they overlap.

    `pixels` is uint8 [bytes]: frames [height, width, 3], each in C order, end to end. A row of
    the sample index is `size` (width, height) pixels of one frame: its first byte is at
    `start[row]`, and each of its lines begins `pitch[row]` bytes after the one above.
    """

    pixels: UInt8
    size: tuple[int, int]
    start: IntArray
    pitch: IntArray

    def __len__(self) -> int:
        return len(self.start)

    @property
    def nbytes(self) -> int:
        """Bytes that the frames fill."""
        return int(self.pixels.nbytes)

    @property
    def sample_bytes(self) -> int:
        """Bytes that one sample fills where it stands alone."""
        return 3 * self.size[0] * self.size[1]

    @property
    def whole(self) -> bool:
        """Whether the frames are one array of samples, [n, height, width, 3]."""
        begins = np.append(self.start, self.nbytes) % self.sample_bytes == 0
        return bool(begins.all() and (self.pitch == 3 * self.size[0]).all())

    def image(self, row: int) -> UInt8:
        """Return a sample, uint8 [height, width, 3]: a view, read-only where `pixels` is."""
        width, height = self.size
        return np.ndarray(
            (height, width, 3),
            np.uint8,
            buffer=self.pixels,
            offset=int(self.start[row]),
            strides=(int(self.pitch[row]), 3, 1),
        )

    def images(self, rows: IntArray) -> UInt8:
        """Return copies of the samples `rows[n]`, uint8 [n, height, width, 3]."""
        width, height = self.size
        copies = np.empty((len(rows), height, width, 3), dtype=np.uint8)
        for copy, row in zip(copies, rows, strict=True):
            copy[:] = self.image(row)
        return copies
