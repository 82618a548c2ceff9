"""Working images as a stage reads them: resident on the device, or mapped from the cache."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from mpcs_bench.data.augmentation import ViewDraw
from mpcs_bench.data.rendering import render_on_cpu, render_on_device, to_device
from mpcs_bench.registry.encoder import Preprocessing

IntArray = npt.NDArray[np.int64]

RESIDENT_SHARE = 0.5
"""The working images move to the device when they fill at most this share of its free memory."""


class WorkingImages:
    """The images [n, H, W, 3] uint8 of a data set, rendered to views by row; never written to."""

    def __init__(
        self, images: npt.NDArray[np.uint8], preprocessing: Preprocessing, device: torch.device
    ) -> None:
        self._mapped = np.asarray(images)  # a plain view: slicing a np.memmap costs more
        self._preprocessing = preprocessing
        self._device = device
        self._resident: torch.Tensor | None = None
        if device.type == "cuda" and images.nbytes <= RESIDENT_SHARE * _free_memory(device):
            self._resident = torch.from_numpy(np.array(self._mapped)).to(device)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a working image, in pixels."""
        return int(self._mapped.shape[2]), int(self._mapped.shape[1])

    def views(self, rows: IntArray, draw: ViewDraw) -> torch.Tensor:
        """Return the normalised views of `rows[n]`, float32 [n, 3, h, w]."""
        if self._device.type == "cpu":
            images = [self._mapped[row] for row in rows]
            return render_on_cpu(images, draw, self._preprocessing)
        if self._resident is None:
            batch = to_device(self._mapped[rows], self._device)
        else:
            batch = self._resident.index_select(0, to_device(rows, self._device))
        return render_on_device(batch, draw, self._preprocessing)


def _free_memory(device: torch.device) -> int:
    free, _total = torch.cuda.mem_get_info(device)
    return int(free)
