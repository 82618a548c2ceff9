"""The stochastic transformation T_u of Section 3.2, as a protocol writes it down."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt

from mpcs_bench.protocol.settings import Settings, setting

Views = Literal["shared", "independent"]
Probability = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[tuple[PositiveInt, PositiveInt], Field(description="width, height in pixels")]


def _low_to_high(value: tuple[float, float]) -> tuple[float, float]:
    low, high = value
    if not 0 < low <= high:
        raise ValueError(f"should be two factors above 0, low before high, not {low}, {high}")
    return value


Zoom = Annotated[tuple[float, float], AfterValidator(_low_to_high)]


def _views() -> Views:
    default: Views = setting(
        "condition", "independent", description="whether the views of a pair share their draw"
    )
    return default


class Flip(Settings):
    """Mirror left-right and up-down, each with its probability."""

    horizontal: Probability = setting("condition", 0.5)
    vertical: Probability = setting("condition", 0.5)
    views: Views = _views()


class Rotation(Settings):
    """Rotate about the image's centre by a uniform angle in [-degrees, degrees]."""

    degrees: float = setting("condition", 180.0, ge=0, le=180)
    p: Probability = setting("condition", 1.0)
    views: Views = _views()


class Affine(Settings):
    """Shift by up to a fraction of the width and height; zoom by a log-uniform factor."""

    translate: float = setting("condition", 0.0, ge=0, le=0.5)
    zoom: Zoom = setting("condition", (1.0, 1.0), description="lowest and highest factor")
    p: Probability = setting("condition", 1.0)
    views: Views = _views()


class Crop(Settings):
    """Where the window of framing `crop` lies: uniform over the image."""

    views: Views = _views()


class ColourJitter(Settings):
    """Change brightness, contrast, saturation by a factor in [1 - x, 1 + x]; hue by x turns."""

    brightness: float = setting("condition", 0.0, ge=0, lt=1)
    contrast: float = setting("condition", 0.0, ge=0, lt=1)
    saturation: float = setting("condition", 0.0, ge=0, lt=1)
    hue: float = setting("condition", 0.0, ge=0, le=0.5)
    p: Probability = setting("condition", 1.0)
    views: Views = _views()


class Transform(Settings):
    """From a working image to the network's input, in training and in testing.

    Framing `squash` maps the whole image onto the input; `crop` cuts a window of the input's size
    at working scale. In testing `whole` feeds the working image as it is. Operations left out
    (null) do nothing.
    """

    input_size: Size = setting("condition", description="width, height of the input")
    framing: Literal["squash", "crop"] = setting("condition", "squash")
    test_framing: Literal["squash", "centre-crop", "whole"] = setting("condition", "squash")
    flip: Flip | None = setting("condition", None)
    rotation: Rotation | None = setting("condition", None)
    affine: Affine | None = setting("condition", None)
    crop: Crop = setting("condition", Crop())
    colour: ColourJitter | None = setting("condition", None)
