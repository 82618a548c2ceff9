"""One image file in, 8-bit RGB pixels out, or the reason why not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

UInt8 = npt.NDArray[np.uint8]
Decoder = Callable[[bytes], UInt8]

MAX_PIXELS = 178_956_970  # Pillow's own bound against decompression bombs
MAX_BYTES = 1_000_000_000
BITS_PER_SAMPLE = 258  # TIFF tag

Image.preinit()  # once here, not in several threads at once


class UndecodableError(Exception):
    """The file is no 8-bit RGB image; the text says why, without the path."""


def decode_file(path: Path) -> UInt8:
    """Return the pixels of an image file, uint8 [H, W, 3] in RGB order.

    PNG and TIFF go through imagecodecs, the rest through Pillow (which, unlike imagecodecs,
    notices a truncated JPEG). An orientation tag is not applied. Raises UndecodableError for
    anything that is not one whole 8-bit RGB image within bounds.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise UndecodableError("the file is empty (0 bytes)")
        if size > MAX_BYTES:
            raise UndecodableError(f"the file is too large ({size:,} bytes)")
        data = path.read_bytes()
    except OSError as error:
        raise UndecodableError(f"cannot be read: {error.strerror or error}") from error
    return decode_bytes(data)


def decode_bytes(data: bytes) -> UInt8:
    """Return the pixels of an encoded image; as `decode_file`."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_header(image, data)
            decoder = _decoder(image.format)
            pixels = np.asarray(image) if decoder is None else decoder(data)
    except UndecodableError:
        raise
    except UnidentifiedImageError as error:
        raise UndecodableError("no image of a known format, or its header is damaged") from error
    except Image.DecompressionBombError as error:
        raise UndecodableError(f"too many pixels: {error}") from error
    except Exception as error:  # every codec has its own exceptions
        raise UndecodableError(f"damaged or truncated: {error}") from error
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        shape = "x".join(map(str, pixels.shape))
        raise UndecodableError(f"not 8-bit RGB: {pixels.dtype} values of shape {shape}")
    return np.ascontiguousarray(pixels)


def _check_header(image: Image.Image, data: bytes) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UndecodableError(f"too many pixels: {width}x{height}")
    if image.mode != "RGB":
        raise UndecodableError(f"not 8-bit RGB: mode {image.mode}")
    bits = _bits(image, data)
    if bits != 8:
        raise UndecodableError(f"not 8-bit RGB: {bits} bits a channel")
    if getattr(image, "n_frames", 1) > 1:
        # a thumbnail after the image is common; a second image of the same size is not one image
        image.seek(1)
        if image.size == (width, height):
            raise UndecodableError("holds several images")
        image.seek(0)


def _bits(image: Image.Image, data: bytes) -> int:
    """Return the bits per channel: Pillow's mode hides 16-bit RGB behind 'RGB'."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        tags: Any = getattr(image, "tag_v2", {})
        return int(max(tags.get(BITS_PER_SAMPLE, (8,))))
    return 8


def _decoder(kind: str | None) -> Decoder | None:
    if kind == "PNG" and imagecodecs.PNG.available:
        return cast("Decoder", imagecodecs.png_decode)
    if kind == "TIFF" and imagecodecs.TIFF.available:
        return cast("Decoder", imagecodecs.tiff_decode)
    return None
