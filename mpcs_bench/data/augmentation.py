"""The stochastic transformation T_u (Section 3.2), drawn: one affine and one colour map a view.

All geometry of a view is one affine map from output to source pixels, all colour one 3x3 matrix
and a contrast about the view's own mean. Draws come from `counter.uniform`; the views of a pair
share an operation's draw where the protocol says `views: shared`.

In source order a view is: shifted, (cropped), rotated and zoomed about the centre of what was cut
out, mirrored, and only then squashed. Where it reaches outside the image, the image is reflected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpcs_bench.data.counter import UInt64, uniform
from mpcs_bench.protocol.transform import ColourJitter, Transform

Float64 = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of grey in RGB (ITU-R BT.601), as contrast and saturation use them."""

_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


@dataclass(frozen=True, slots=True)
class ViewDraw:
    """How to make n views: `affine[n, 2, 3]` maps output pixel centres (x, y) to source pixels.

    A view's colour is `matrix[n, 3, 3] @ rgb` and then, with grey mean m of that,
    `contrast[n] * value + (1 - contrast[n]) * m`, clipped to [0, 1].
    `output` is (width, height).
    """

    affine: Float64
    matrix: Float64
    contrast: Float64
    output: tuple[int, int]

    def of(self, chosen: IntArray) -> ViewDraw:
        """Return the draws of some of the n views: an epoch is drawn at once, used in batches."""
        return ViewDraw(
            self.affine[chosen], self.matrix[chosen], self.contrast[chosen], self.output
        )


def draw_views(
    transform: Transform,
    *,
    seed: int,
    epoch: int,
    samples: UInt64,
    view: int,
    source: tuple[int, int],
    boxes: Float64 | None = None,
) -> ViewDraw:
    """Draw the training transformation of one view for `samples[n]`; `source` is (w, h) in pixels.

    `boxes[n, 4]` (x, y, width, height as fractions of the image), where a pair strategy gives
    them, stand for the whole image: they are cut and enlarged to its size before anything else.
    A shift or rotation that leaves the box shows the image around it.
    """

    def numbers(operation: str, count: int, views: str) -> Float64:
        index = 0 if views == "shared" else view
        return uniform(seed, epoch, samples, view=index, operation=operation, count=count)

    n = len(samples)
    linear = np.tile(np.eye(2), (n, 1, 1))
    shift = np.zeros((n, 2))
    if transform.affine is not None:
        u = numbers("affine", 4, transform.affine.views)
        on = u[:, 0] < transform.affine.p
        low, high = np.log(transform.affine.zoom)
        zoom = np.where(on, np.exp(low + u[:, 1] * (high - low)), 1.0)
        linear /= zoom[:, None, None]
        reach = transform.affine.translate * np.array(source)
        shift = np.where(on[:, None], (2 * u[:, 2:4] - 1) * reach, 0.0)
    if transform.rotation is not None:
        u = numbers("rotation", 2, transform.rotation.views)
        angle = np.deg2rad(transform.rotation.degrees) * (2 * u[:, 1] - 1)
        angle = np.where(u[:, 0] < transform.rotation.p, angle, 0.0)
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
        linear = turn @ linear
    if transform.flip is not None:
        u = numbers("flip", 2, transform.flip.views)
        mirror = np.where(u < [transform.flip.horizontal, transform.flip.vertical], -1.0, 1.0)
        linear = linear * mirror[:, None, :]
    offset = np.zeros((n, 2))
    if transform.framing == "crop":
        u = numbers("crop", 2, transform.crop.views)
        offset = _window(u, source, transform.input_size)
    affine = _compose(linear, shift + offset, transform.framing, source, transform.input_size)
    if boxes is not None:
        affine = _within(affine, boxes, source)
    matrix, contrast = _draw_colour(transform.colour, n, numbers)
    return ViewDraw(affine, matrix, contrast, transform.input_size)


def evaluation_size(transform: Transform, source: tuple[int, int]) -> tuple[int, int]:
    """Return the size (width, height) that the network sees in testing."""
    return source if transform.test_framing == "whole" else transform.input_size


def evaluation_views(transform: Transform, n: int, source: tuple[int, int]) -> ViewDraw:
    """Return the deterministic map of testing for n images."""
    output = evaluation_size(transform, source)
    framing = "squash" if transform.test_framing == "squash" else "crop"
    offset = np.zeros((n, 2))
    if framing == "crop":
        offset = _window(np.full((n, 2), 0.5), source, output)
    affine = _compose(np.tile(np.eye(2), (n, 1, 1)), offset, framing, source, output)
    return ViewDraw(affine, np.tile(np.eye(3), (n, 1, 1)), np.ones(n), output)


def _window(u: Float64, source: tuple[int, int], output: tuple[int, int]) -> Float64:
    """Return how far the centre of a window of size `output` lies from the image's, [n, 2] pixels.

    `u[n, 2]` in [0, 1) chooses among the places where its corner is on a whole pixel, so that
    cutting it out blurs nothing. A window larger than the image stands around its middle.
    """
    slack = np.array(source) - np.array(output)
    corner = np.where(slack > 0, np.floor(u * (slack + 1)), np.floor(slack / 2))
    offset: Float64 = corner - slack / 2
    return offset


def _compose(
    linear: Float64,
    shift: Float64,
    framing: str,
    source: tuple[int, int],
    output: tuple[int, int],
) -> Float64:
    """Return the map output pixel -> source pixel: frame, then `linear` about the centre, shift.

    The frame comes first, so that a rotation acts on the undistorted image and the squash to a
    square after it, as in the paper's pipeline.
    """
    scale = np.array(source) / np.array(output) if framing == "squash" else np.ones(2)
    matrix = linear * scale[None, None, :]
    centre_out = (np.array(output) - 1) / 2
    centre_in = (np.array(source) - 1) / 2
    translation = centre_in + shift - matrix @ centre_out
    return np.concatenate([matrix, translation[:, :, None]], axis=2)


def _within(affine: Float64, boxes: Float64, source: tuple[int, int]) -> Float64:
    """Map the image that `affine` samples from onto a box of it."""
    size = np.array(source, dtype=np.float64)
    scale = boxes[:, 2:4]
    boxed = affine * scale[:, :, None]
    boxed[:, :, 2] += boxes[:, 0:2] * size + (scale - 1) / 2
    return boxed


def _draw_colour(
    colour: ColourJitter | None, n: int, numbers: Callable[[str, int, str], Float64]
) -> tuple[Float64, Float64]:
    """Draw brightness, saturation and hue as one matrix per view, and a contrast factor.

    Hue is a rotation in the chrominance plane of YIQ; the order is brightness, saturation, hue,
    contrast.
    """
    identity = np.tile(np.eye(3), (n, 1, 1))
    if colour is None:
        return identity, np.ones(n)
    u = numbers("colour", 5, colour.views)
    on = u[:, 0] < colour.p
    swing = 2 * u[:, 1:] - 1
    brightness = np.where(on, 1 + colour.brightness * swing[:, 0], 1.0)
    contrast = np.where(on, 1 + colour.contrast * swing[:, 1], 1.0)
    saturation = np.where(on, 1 + colour.saturation * swing[:, 2], 1.0)
    angle = np.where(on, 2 * np.pi * colour.hue * swing[:, 3], 0.0)
    grey = np.broadcast_to(LUMA, (3, 3))
    saturate = saturation[:, None, None] * np.eye(3) + (1 - saturation)[:, None, None] * grey
    turn = np.zeros((n, 3, 3))
    turn[:, 0, 0] = 1.0
    turn[:, 1, 1] = turn[:, 2, 2] = np.cos(angle)
    turn[:, 1, 2], turn[:, 2, 1] = -np.sin(angle), np.sin(angle)
    hue = _FROM_YIQ @ turn @ _TO_YIQ
    matrix = hue @ saturate * brightness[:, None, None]
    # Exactly the identity where nothing is drawn: the products above leave 1e-16 behind.
    return np.where(on[:, None, None], matrix, identity), contrast
