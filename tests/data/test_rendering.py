"""Rendered views where the answer is known without computing it another way, and their form.

Tolerances are in grey levels of 255.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mpcs_bench.data.augmentation import ViewDraw, draw_views, evaluation_views
from mpcs_bench.data.counter import UInt64, sample_codes
from mpcs_bench.data.rendering import render_on_cpu, render_on_device
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.encoder import Preprocessing

EXACT = 0.51
"""OpenCV rounds a view to whole grey levels."""

WARP = EXACT if int(cv2.__version__.split(".")[0]) >= 5 else 8.5
"""OpenCV 4 also rounds places to 1/32 pixel, on noise worth up to 255 / 64 in each direction."""

DEVICE = 0.05
"""`grid_sample` computes places in float32."""

PLAIN = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
POINT = {"seed": 11, "epoch": 4}
EVERYTHING: dict[str, Any] = {
    "flip": {},
    "rotation": {},
    "affine": {"translate": 0.2, "zoom": (0.4, 2.5)},
    "colour": {"brightness": 0.3, "contrast": 0.4, "saturation": 0.5, "hue": 0.3, "p": 0.8},
}


def noise(n: int, width: int, height: int, seed: int = 0) -> np.ndarray:
    """The hardest images to sample: every pixel differs from its neighbours."""
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def transform(input_size: tuple[int, int], **parts: Any) -> Transform:
    return Transform.model_validate({"input_size": input_size} | parts)


def codes(n: int) -> UInt64:
    return sample_codes([f"s{i}" for i in range(n)])


def cpu(images: np.ndarray, draw: ViewDraw, preprocessing: Preprocessing = PLAIN) -> np.ndarray:
    """Views [n, h, w, 3] in grey levels (or normalised), as the CPU makes them."""
    views = render_on_cpu(images, draw, preprocessing).permute(0, 2, 3, 1).numpy()
    return views * 255 if preprocessing is PLAIN else views


def device(images: np.ndarray, draw: ViewDraw, preprocessing: Preprocessing = PLAIN) -> np.ndarray:
    """The same as a GPU makes them, run here."""
    made = render_on_device(torch.from_numpy(images), draw, preprocessing)
    views = made.permute(0, 2, 3, 1).numpy()
    return views * 255 if preprocessing is PLAIN else views


def test_the_identity_gives_the_image_back() -> None:
    images = noise(4, 23, 17)
    draw = draw_views(transform((23, 17)), **POINT, samples=codes(4), view=0, source=(23, 17))
    for render in (cpu, device):
        np.testing.assert_allclose(render(images, draw), images, atol=1e-3)


@pytest.mark.parametrize(
    ("flip", "axes"),
    [
        ({"horizontal": 1.0, "vertical": 0.0}, (2,)),
        ({"horizontal": 0.0, "vertical": 1.0}, (1,)),
        ({"horizontal": 1.0, "vertical": 1.0}, (1, 2)),
    ],
)
def test_a_flip_is_numpys_flip(flip: dict[str, float], axes: tuple[int, ...]) -> None:
    images = noise(3, 23, 17)
    how = transform((23, 17), flip=flip)
    draw = draw_views(how, **POINT, samples=codes(3), view=0, source=(23, 17))
    for render in (cpu, device):
        np.testing.assert_allclose(render(images, draw), np.flip(images, axes), atol=0.02)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_of_a_square_are_numpys_rot90(turns: int) -> None:
    images = noise(3, 20, 20)
    cos, sin = np.cos(turns * np.pi / 2).round(), np.sin(turns * np.pi / 2).round()
    linear = np.array([[cos, -sin], [sin, cos]])
    affine = np.hstack([linear, (9.5 - linear @ [9.5, 9.5])[:, None]])
    draw = ViewDraw(np.tile(affine, (3, 1, 1)), np.tile(np.eye(3), (3, 1, 1)), np.ones(3), (20, 20))
    for render in (cpu, device):
        expected = np.rot90(images, turns, axes=(1, 2))
        np.testing.assert_allclose(render(images, draw), expected, atol=0.02)


def test_a_crop_is_a_slice() -> None:
    images = noise(6, 23, 17)
    how = transform((12, 9), framing="crop")
    draw = draw_views(how, **POINT, samples=codes(6), view=0, source=(23, 17))
    corner = draw.affine[:, :, 2].astype(int)
    assert len(np.unique(corner, axis=0)) > 1
    expected = np.stack(
        [image[y : y + 9, x : x + 12] for image, (x, y) in zip(images, corner, strict=True)]
    )
    for render in (cpu, device):
        np.testing.assert_allclose(render(images, draw), expected, atol=0.02)


def test_a_squash_is_torchs_bilinear_resize() -> None:
    images = noise(3, 70, 46)
    draw = evaluation_views(transform((32, 32)), 3, (70, 46))
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).double()
    expected = torch.nn.functional.interpolate(tensor, (32, 32), mode="bilinear")
    grey = expected.permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(cpu(images, draw), grey, atol=WARP)
    np.testing.assert_allclose(device(images, draw), grey, atol=DEVICE)


@pytest.mark.parametrize("output", [(20, 15), (60, 41), (5, 40)])
def test_a_window_beyond_the_image_sees_it_mirrored_as_often_as_needed(
    output: tuple[int, int],
) -> None:
    images = noise(2, 8, 6)
    how = transform(output, framing="crop", test_framing="centre-crop")
    draw = evaluation_views(how, 2, (8, 6))
    x, y = draw.affine[0, :, 2].astype(int)
    before, after = (max(0, -y), max(0, -x)), (max(0, output[1] + y - 6), max(0, output[0] + x - 8))
    around = [(0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)]
    padded = np.pad(images, around, mode="symmetric")
    top, left = max(0, y), max(0, x)
    expected = padded[:, top : top + output[1], left : left + output[0]]
    for render in (cpu, device):
        np.testing.assert_allclose(render(images, draw), expected, atol=0.02)


def test_a_box_without_area_shows_one_colour_and_no_error() -> None:
    draw = draw_views(
        transform((8, 8), rotation={}),
        **POINT,
        samples=codes(1),
        view=0,
        source=(40, 30),
        boxes=np.array([[0.5, 0.5, 0.0, 0.0]]),
    )
    for render in (cpu, device):
        view = render(noise(1, 40, 30), draw)[0].reshape(-1, 3)
        np.testing.assert_allclose(view, view[:1].repeat(64, axis=0), atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_the_ways_of_cpu_and_device_agree_at_borders_and_for_any_scale(seed: int) -> None:
    images = noise(8, 60, 40, seed)
    for zoom in ((0.2, 0.3), (0.9, 1.1), (3.0, 4.0)):
        how = transform((48, 48), rotation={}, affine={"zoom": zoom, "translate": 0.5})
        draw = draw_views(how, **POINT, samples=codes(8), view=0, source=(60, 40))
        np.testing.assert_allclose(cpu(images, draw), device(images, draw), atol=WARP + DEVICE)


@pytest.mark.parametrize("render", [render_on_cpu, render_on_device])
def test_views_are_float32_in_channels_last_memory(render: Any) -> None:
    images = noise(2, 16, 12)
    draw = evaluation_views(transform((10, 8)), 2, (16, 12))
    views = render(torch.from_numpy(images) if render is render_on_device else images, draw, PLAIN)
    assert views.shape == (2, 3, 8, 10)
    assert views.dtype == torch.float32
    assert views.is_contiguous(memory_format=torch.channels_last)


def test_half_precision_around_it_does_not_blur_a_view() -> None:
    images = noise(2, 300, 200)
    how = transform((64, 64), framing="crop", **EVERYTHING)
    draw = draw_views(how, **POINT, samples=codes(2), view=0, source=(300, 200))
    plain = device(images, draw)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(device(images, draw), plain)


def test_a_read_only_image_is_rendered_and_left_alone() -> None:
    images = noise(2, 16, 12)
    before = images.copy()
    images.setflags(write=False)
    how = transform((16, 12), **EVERYTHING)
    render_on_cpu(
        images, draw_views(how, **POINT, samples=codes(2), view=0, source=(16, 12)), PLAIN
    )
    np.testing.assert_array_equal(images, before)


def test_no_images_give_no_views() -> None:
    draw = evaluation_views(transform((8, 8)), 0, (16, 12))
    assert render_on_cpu([], draw, PLAIN).shape == (0, 3, 8, 8)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_rendering_waits_for_nothing_and_follows_the_cpu() -> None:
    images = noise(8, 60, 40)
    how = transform((48, 48), **EVERYTHING)
    draw = draw_views(how, **POINT, samples=codes(8), view=0, source=(60, 40))
    resident = torch.from_numpy(images).cuda()
    render_on_device(resident, draw, PLAIN)  # the first call compiles and allocates
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        views = render_on_device(resident, draw, PLAIN)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    made = views.permute(0, 2, 3, 1).cpu().numpy() * 255
    np.testing.assert_allclose(made, device(images, draw), atol=DEVICE)
