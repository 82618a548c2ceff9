"""The pixel cache: decoded images under the hash of their pixels, as memory-mappable .npy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mpcs_bench.data.atomic import appearing
from mpcs_bench.errors import DataError

UInt8 = npt.NDArray[np.uint8]

HEADER_BYTES = 128  # of a .npy file of version 1.0 with a short shape


def pixel_hash(pixels: UInt8) -> str:
    """SHA-256 over shape and values of uint8 [H, W, 3], as 64 hex digits."""
    height, width, channels = pixels.shape
    state = hashlib.sha256(f"{height}x{width}x{channels}|".encode())
    state.update(np.ascontiguousarray(pixels).data)
    return state.hexdigest()


@dataclass(frozen=True, slots=True)
class PixelCache:
    """Decoded images in `folder/ab/<hash>.npy`, each written once, whatever it was called."""

    folder: Path

    @classmethod
    def under(cls, cache: Path) -> PixelCache:
        """Return the pixel cache of a workspace's `cache` folder."""
        return cls(cache / "pixels")

    def path(self, key: str) -> Path:
        """Return where the image with pixel hash `key` stands, or would stand."""
        return self.folder / key[:2] / f"{key}.npy"

    def holds(self, key: str, width: int, height: int) -> bool:
        """Say whether the image is there, whole (a full disk or a power cut can leave less)."""
        try:
            size = self.path(key).stat().st_size
        except OSError:
            return False
        return size == HEADER_BYTES + 3 * width * height

    def put(self, pixels: UInt8) -> str:
        """Store uint8 [H, W, 3] and return its pixel hash; raises DataError on a full disk."""
        key = pixel_hash(pixels)
        height, width, _ = pixels.shape
        if not self.holds(key, width, height):
            nbytes = HEADER_BYTES + pixels.nbytes
            with appearing(self.path(key), nbytes) as temporary, temporary.open("wb") as file:
                header = np.lib.format.header_data_from_array_1_0(pixels)
                np.lib.format.write_array_header_1_0(file, header)
                file.write(pixels.data)  # unlike write_array, reports a full disk as ENOSPC
        return key

    def open(self, key: str) -> UInt8:
        """Return the image, uint8 [H, W, 3], memory-mapped and read-only.

        Raises DataError where it is missing or damaged.
        """
        path = self.path(key)
        try:
            pixels: UInt8 = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"The pixel cache lacks an image, or holds a damaged one: {path}",
                hint="Run `mpcs-bench data prepare` again: it decodes what is missing.",
            ) from error
        return pixels
