"""Views made from working images: the affine sampled once, colour and normalisation folded in.

On the CPU images are warped one by one with OpenCV, which rounds to whole grey levels (OpenCV 4
also rounds places to 1/32 pixel); on other devices one `grid_sample` serves the batch. Both
reflect at the border. On noise, the hardest image, they differ by at most 0.51 grey levels with
OpenCV 5 and 8.5 with OpenCV 4; equal digests are promised for one build and kind of device only.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from mpcs_bench.data.augmentation import LUMA, ViewDraw
from mpcs_bench.registry.encoder import Preprocessing

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def render_on_cpu(
    images: Sequence[UInt8], draw: ViewDraw, preprocessing: Preprocessing
) -> torch.Tensor:
    """Return normalised views, float32 [n, 3, h, w] in channels_last memory.

    `images` are n arrays uint8 [H, W, 3]; they are read only, and need not be copies.
    """
    width, height = draw.output
    warped = np.empty((height, width, 3), dtype=np.uint8)
    views = np.empty((len(images), height, width, 3), dtype=np.float32)
    colour, grey = _colour(draw)
    normalise = _normalisation(preprocessing)
    for i, image in enumerate(images):
        cv2.warpAffine(
            image,
            draw.affine[i],
            draw.output,
            dst=warped,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        offset = grey[i] @ cv2.mean(warped)[:3]
        mapped = cv2.transform(warped.astype(np.float32), _with_offset(colour[i], offset))
        np.clip(mapped, 0, 1, out=mapped)
        cv2.transform(mapped, normalise, dst=views[i])
    return torch.from_numpy(views).permute(0, 3, 1, 2)


def render_on_device(
    images: torch.Tensor, draw: ViewDraw, preprocessing: Preprocessing
) -> torch.Tensor:
    """Return normalised views as `render_on_cpu` does, on the device of `images` [n, H, W, 3].

    The draws travel in one piece, and nothing waits for the device.
    """
    n = len(images)
    colour, grey = _colour(draw)
    parts = (draw.affine.reshape(n, 6), colour.reshape(n, 9), grey)
    numbers = to_device(np.hstack(parts).astype(np.float32), images.device)
    normalise = to_device(_normalisation(preprocessing).astype(np.float32), images.device)
    # Half precision has no room for the place of a pixel.
    with torch.autocast(images.device.type, enabled=False):
        warped = _warp_on_device(images, numbers[:, :6].reshape(n, 2, 3), draw.output)
        offset = (numbers[:, 15:] * warped.mean(dim=(1, 2))).sum(dim=1)[:, None, None]
        mapped = torch.baddbmm(
            offset.expand(n, 1, 3),
            warped.reshape(n, -1, 3),
            numbers[:, 6:15].reshape(n, 3, 3).transpose(1, 2),
        ).clamp_(0, 1)
        views = mapped @ normalise[:, :3].T + normalise[:, 3]
    width, height = draw.output
    return views.reshape(n, height, width, 3).permute(0, 3, 1, 2)


def to_device(values: npt.NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """Return `values` on `device`; from pinned memory, so that the host waits for no copy."""
    tensor = torch.from_numpy(values)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _colour(draw: ViewDraw) -> tuple[Float64, Float64]:
    """Return the colour map from grey levels to [0, 1], [n, 3, 3], and the weights of its offset.

    Contrast turns about the view's grey mean after the colour matrix, which is linear in its mean
    colour: weights[n, 3] times that gives the offset of all three channels.
    """
    scale = draw.matrix * (draw.contrast / 255)[:, None, None]
    weights = (LUMA @ draw.matrix) * ((1 - draw.contrast) / 255)[:, None]
    return scale, weights


def _normalisation(preprocessing: Preprocessing) -> Float64:
    """Return the map [3, 4] from RGB in [0, 1] to what the network expects, in its order."""
    order = [2, 1, 0] if preprocessing.channels == "BGR" else [0, 1, 2]
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)
    return np.hstack([np.eye(3)[order] / std[:, None], (-mean / std)[:, None]])


def _with_offset(matrix: Float64, offset: float) -> Float64:
    return np.hstack([matrix, np.full((3, 1), offset)])


def _warp_on_device(
    images: torch.Tensor, affine: torch.Tensor, output: tuple[int, int]
) -> torch.Tensor:
    """Sample with `grid_sample`; returns float32 [n, h, w, 3] in 0..255."""
    n, source_h, source_w, _ = images.shape
    width, height = output
    x = torch.arange(width, device=images.device, dtype=torch.float32)
    y = torch.arange(height, device=images.device, dtype=torch.float32)
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    points = torch.stack([grid_x, grid_y, torch.ones_like(grid_x)], -1).reshape(-1, 3)
    source = (points @ affine.transpose(1, 2)).reshape(n, height, width, 2)
    # Pixel centres, align_corners=False; by numbers, which no copy has to bring to the device.
    grid_x = (2 * source[..., 0] + 1) / source_w - 1
    grid_y = (2 * source[..., 1] + 1) / source_h - 1
    sampled = functional.grid_sample(
        images.permute(0, 3, 1, 2).float(),
        torch.stack([grid_x, grid_y], dim=-1),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )
    return sampled.permute(0, 2, 3, 1)
