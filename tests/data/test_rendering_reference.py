"""Rendered views, held to a slow reference that does one operation after another.

The reference works in float64 on one pixel's place at a time, in the order that the protocol's
words have; the fused forms compose everything first. Tolerances are in grey levels of 255.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcs_bench.data.augmentation import ViewDraw, draw_views
from mpcs_bench.data.counter import UInt64, sample_codes, uniform
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
IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
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


# The reference


def reference(
    images: np.ndarray, how: Transform, view: int = 0, boxes: np.ndarray | None = None
) -> np.ndarray:
    """Return the views of `images`, in grey levels, one operation after another."""
    source = (images.shape[2], images.shape[1])
    made = []
    for image, code in zip(images, codes(len(images)), strict=True):
        numbers = _Numbers(code, view)
        box = None if boxes is None else boxes[len(made)]
        made.append(_colour(_sampled(image, _places(how, numbers, source, box)), how, numbers))
    return np.stack(made) * 255


class _Numbers:
    """The counter's numbers of one sample and view, operation by operation."""

    def __init__(self, code: np.uint64, view: int) -> None:
        self.code, self.view = code, view

    def __call__(self, operation: str, part: Any) -> list[float]:
        view = 0 if part.views == "shared" else self.view
        one = np.array([self.code], dtype=np.uint64)
        return uniform(**POINT, samples=one, view=view, operation=operation, count=5)[0].tolist()


def _places(
    how: Transform, numbers: _Numbers, source: tuple[int, int], box: np.ndarray | None
) -> np.ndarray:
    """Where each output pixel comes from, [h, w, 2] as (x, y)."""
    (width, height), out = source, how.input_size
    y, x = np.mgrid[0 : out[1], 0 : out[0]].astype(np.float64)
    if how.framing == "squash":
        x, y = (x + 0.5) * width / out[0] - 0.5, (y + 0.5) * height / out[1] - 0.5
        middle = ((width - 1) / 2, (height - 1) / 2)
    else:
        u = numbers("crop", how.crop)
        left, top = (
            np.floor(u[i] * (source[i] - out[i] + 1))
            if source[i] >= out[i]
            else np.floor((source[i] - out[i]) / 2)
            for i in (0, 1)
        )
        x, y = x + left, y + top
        middle = (left + (out[0] - 1) / 2, top + (out[1] - 1) / 2)
    if how.flip is not None:
        u = numbers("flip", how.flip)
        x = 2 * middle[0] - x if u[0] < how.flip.horizontal else x
        y = 2 * middle[1] - y if u[1] < how.flip.vertical else y
    on, zoom, shift_x, shift_y = numbers("affine", how.affine)[:4] if how.affine else (1.0,) * 4
    if how.affine is not None and on < how.affine.p:
        low, high = how.affine.zoom
        factor = low ** (1 - zoom) * high**zoom
        x, y = middle[0] + (x - middle[0]) / factor, middle[1] + (y - middle[1]) / factor
    if how.rotation is not None:
        u = numbers("rotation", how.rotation)
        if u[0] < how.rotation.p:
            angle = np.radians(how.rotation.degrees * (2 * u[1] - 1))
            dx, dy = x - middle[0], y - middle[1]
            x = middle[0] + dx * np.cos(angle) - dy * np.sin(angle)
            y = middle[1] + dx * np.sin(angle) + dy * np.cos(angle)
    if how.affine is not None and on < how.affine.p:
        x = x + how.affine.translate * width * (2 * shift_x - 1)
        y = y + how.affine.translate * height * (2 * shift_y - 1)
    if box is not None:
        x = (x + 0.5) * box[2] + box[0] * width - 0.5
        y = (y + 0.5) * box[3] + box[1] * height - 0.5
    return np.stack([x, y], axis=-1)


def _sampled(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Bilinear sampling of an image that its mirror images surround on all sides."""
    height, width = image.shape[:2]

    def pixel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        x, y = np.mod(x, 2 * width), np.mod(y, 2 * height)
        x = np.where(x < width, x, 2 * width - 1 - x)
        y = np.where(y < height, y, 2 * height - 1 - y)
        return image[y, x] / 255

    left, top = (np.floor(places[..., i]).astype(int) for i in (0, 1))
    right_share = (places[..., 0] - left)[..., None]
    low_share = (places[..., 1] - top)[..., None]
    upper = pixel(left, top) * (1 - right_share) + pixel(left + 1, top) * right_share
    lower = pixel(left, top + 1) * (1 - right_share) + pixel(left + 1, top + 1) * right_share
    return upper * (1 - low_share) + lower * low_share


def _colour(image: np.ndarray, how: Transform, numbers: _Numbers) -> np.ndarray:
    """Brightness, saturation, hue, contrast; values in 0..1, clipped once at the end."""
    colour = how.colour
    if colour is None:
        return image
    on, *swing = numbers("colour", colour)
    if on >= colour.p:
        return image
    brightness, contrast, saturation, hue = (2 * value - 1 for value in swing)
    image = image * (1 + colour.brightness * brightness)
    grey = _grey(image)[..., None]
    image = grey + (image - grey) * (1 + colour.saturation * saturation)
    red, green, blue = np.moveaxis(image, -1, 0)
    luma = _grey(image)
    i = 0.5959 * red - 0.2746 * green - 0.3213 * blue
    q = 0.2115 * red - 0.5227 * green + 0.3112 * blue
    turned = (i + 1j * q) * np.exp(2j * np.pi * colour.hue * hue)
    to_rgb = np.linalg.inv(
        [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
    )
    image = np.stack([luma, turned.real, turned.imag], axis=-1) @ to_rgb.T
    mean = _grey(image).mean()
    return np.clip(mean + (image - mean) * (1 + colour.contrast * contrast), 0, 1)


def _grey(image: np.ndarray) -> np.ndarray:
    return image @ np.array([0.299, 0.587, 0.114])


# Everything together


SHAPES = [
    ((70, 46), (32, 32)),  # shrinks, unequally
    ((40, 40), (64, 48)),  # grows
    ((20, 14), (50, 45)),  # a window larger than the image
    ((1, 1), (8, 8)),
    ((5, 3), (16, 16)),
]


@pytest.mark.parametrize("framing", ["squash", "crop"])
@pytest.mark.parametrize(("source", "output"), SHAPES)
def test_the_fused_forms_follow_the_reference(
    source: tuple[int, int], output: tuple[int, int], framing: str
) -> None:
    images = noise(5, *source)
    how = transform(output, framing=framing, **EVERYTHING)
    draw = draw_views(how, **POINT, samples=codes(5), view=1, source=source)
    expected = reference(images, how, view=1)
    # colour can stretch an error by at most 1.3 (brightness) x 1.4 (contrast) x 2 (hue, saturation)
    np.testing.assert_allclose(cpu(images, draw), expected, atol=WARP * 3.7)
    np.testing.assert_allclose(device(images, draw), expected, atol=DEVICE)


parts = st.fixed_dictionaries(
    {
        "framing": st.sampled_from(["squash", "crop"]),
        "flip": st.none() | st.just({}),
        "rotation": st.none() | st.fixed_dictionaries({"degrees": st.floats(0, 180)}),
        "affine": st.none()
        | st.fixed_dictionaries(
            {
                "translate": st.floats(0, 0.5),
                "zoom": st.tuples(st.floats(0.3, 1), st.floats(1, 3)),
                "p": st.floats(0, 1),
                "views": st.sampled_from(["shared", "independent"]),
            }
        ),
        "colour": st.none()
        | st.fixed_dictionaries(
            {
                "brightness": st.floats(0, 0.9),
                "contrast": st.floats(0, 0.9),
                "saturation": st.floats(0, 0.9),
                "hue": st.floats(0, 0.5),
                "p": st.floats(0, 1),
            }
        ),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    how=parts,
    source=st.tuples(st.integers(2, 24), st.integers(2, 24)),
    output=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    view=st.integers(0, 2),
)
def test_any_transformation_follows_the_reference(
    how: dict[str, Any], source: tuple[int, int], output: tuple[int, int], view: int
) -> None:
    images = noise(2, *source)
    asked = transform(output, **how)
    draw = draw_views(asked, **POINT, samples=codes(2), view=view, source=source)
    np.testing.assert_allclose(device(images, draw), reference(images, asked, view), atol=0.2)


def test_boxes_follow_the_reference() -> None:
    images = noise(4, 40, 30)
    boxes = np.array([[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], [0.1, 0.3, 0.2, 0.6], [0.9, 0, 0.1, 0.1]])
    how = transform((24, 24), rotation={}, flip={})
    draw = draw_views(how, **POINT, samples=codes(4), view=0, source=(40, 30), boxes=boxes)
    expected = reference(images, how, boxes=boxes)
    np.testing.assert_allclose(cpu(images, draw), expected, atol=WARP)
    np.testing.assert_allclose(device(images, draw), expected, atol=DEVICE)


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_normalisation_is_in_the_order_that_the_network_expects(channels: str) -> None:
    preprocessing = Preprocessing(IMAGENET.mean, IMAGENET.std, channels)
    images = noise(3, 16, 16)
    how = transform((16, 16), colour=EVERYTHING["colour"])
    draw = draw_views(how, **POINT, samples=codes(3), view=0, source=(16, 16))
    expected = reference(images, how)[..., :: -1 if channels == "BGR" else 1] / 255
    expected = (expected - IMAGENET.mean) / IMAGENET.std
    for render in (cpu, device):
        np.testing.assert_allclose(render(images, draw, preprocessing), expected, atol=1e-5)
