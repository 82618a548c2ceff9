"""Working images as a stage reads them: resident on the device, or mapped from the cache."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from mpcs_bench.data.augmentation import ViewDraw
from mpcs_bench.data.frames import Frames
from mpcs_bench.data.rendering import render_on_cpu, render_on_device, to_device
from mpcs_bench.registry.encoder import Preprocessing

IntArray = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]

RESIDENT_SHARE = 0.5
"""The frames move to the device when they fill at most this share of its free memory."""

COPIED_BYTES = 1 << 26
"""How much goes to the device at once: what the host holds beside the mapped file."""


class WorkingImages:
    """The samples of a data set, rendered to views by row; never written to.

    `resident`: the frames lie in the device's memory; which changes no view. `batched`: views
    are rendered a batch at a time, as on a GPU. None: as the device asks for.
    """

    def __init__(
        self,
        frames: Frames,
        preprocessing: Preprocessing,
        device: torch.device,
        *,
        resident: bool | None = None,
        batched: bool | None = None,
    ) -> None:
        self._frames = frames
        self._preprocessing = preprocessing
        self._device = device
        self._batched = device.type != "cpu" if batched is None else batched
        resident = _fit(frames, device) if resident is None else resident
        self._resident = ResidentFrames(frames, device) if resident else None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a working image, in pixels."""
        return self._frames.size

    def views(self, rows: IntArray, draw: ViewDraw) -> torch.Tensor:
        """Return the normalised views of `rows[n]`, float32 [n, 3, h, w]."""
        if not self._batched:
            return render_on_cpu(self._each(rows), draw, self._preprocessing)
        if self._resident is None:
            batch = to_device(self._frames.images(rows), self._device)
        else:
            batch = self._resident.images(rows)
        return render_on_device(batch, draw, self._preprocessing)

    def _each(self, rows: IntArray) -> list[UInt8]:
        if self._resident is None:
            return [self._frames.image(row) for row in rows]
        return list(self._resident.images(rows).numpy())


class ResidentFrames:
    """Frames in a device's memory, where samples are gathered; nothing waits for the device."""

    def __init__(self, frames: Frames, device: torch.device) -> None:
        self._frames = frames
        self._whole = frames.whole
        self._pixels = torch.empty(frames.nbytes, dtype=torch.uint8, device=device)
        for first in range(0, frames.nbytes, COPIED_BYTES):
            part = np.array(frames.pixels[first : first + COPIED_BYTES])
            self._pixels[first : first + len(part)] = torch.from_numpy(part)

    def images(self, rows: IntArray) -> torch.Tensor:
        """Return the samples `rows[n]` on the device, uint8 [n, height, width, 3]."""
        frames, device = self._frames, self._pixels.device
        width, height = frames.size
        if self._whole:
            samples = self._pixels.view(-1, height, width, 3)
            return samples.index_select(
                0, to_device(frames.start[rows] // frames.sample_bytes, device)
            )
        start, pitch = to_device(np.stack([frames.start[rows], frames.pitch[rows]]), device)
        return gather_crops(self._pixels, start, pitch, frames.size)


def gather_crops(
    pixels: torch.Tensor, start: torch.Tensor, pitch: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Return n crops, uint8 [n, height, width, 3], of `pixels[bytes]`: as `Frames` has them.

    `start[n]` and `pitch[n]` are int64 on the device of `pixels`; `size` is (width, height).
    """
    width, height = size
    # A view of every run of one crop line's length: indices are needed by the line, not the byte.
    lines = pixels.unfold(0, 3 * width, 1)
    down = torch.arange(height, device=pixels.device)
    chosen = start[:, None] + pitch[:, None] * down
    return lines.index_select(0, chosen.reshape(-1)).reshape(-1, height, width, 3)


def _fit(frames: Frames, device: torch.device) -> bool:
    return device.type == "cuda" and frames.nbytes <= RESIDENT_SHARE * _free_memory(device)


def _free_memory(device: torch.device) -> int:
    free, _total = torch.cuda.mem_get_info(device)
    return int(free)
