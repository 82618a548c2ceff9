"""One image file in, 8-bit RGB pixels out, or the reason why not."""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from mpcs_bench.data.decode import MAX_PIXELS, UndecodableError, decode_bytes, decode_file

NOISE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


LOSSLESS = {
    "png": encoded(Image.fromarray(NOISE), "PNG"),
    "bmp": encoded(Image.fromarray(NOISE), "BMP"),
    "tiff": encoded(Image.fromarray(NOISE), "TIFF"),
    "tiff, packbits": encoded(Image.fromarray(NOISE), "TIFF", compression="packbits"),
    "tiff, lzw": encoded(Image.fromarray(NOISE), "TIFF", compression="tiff_lzw"),
    "tiff, deflated": encoded(Image.fromarray(NOISE), "TIFF", compression="tiff_adobe_deflate"),
}


@pytest.mark.parametrize("data", LOSSLESS.values(), ids=LOSSLESS)
def test_lossless_formats_come_back_pixel_for_pixel_in_rgb_order(data):
    pixels = decode_bytes(data)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert np.array_equal(pixels, NOISE)


def test_jpeg_gives_what_pillow_gives():
    data = encoded(Image.fromarray(NOISE), "JPEG", quality=95)
    assert np.array_equal(decode_bytes(data), np.asarray(Image.open(io.BytesIO(data))))


def test_a_thumbnail_behind_the_image_is_no_second_image():
    small = Image.fromarray(NOISE).resize((10, 8))
    data = encoded(Image.fromarray(NOISE), "TIFF", save_all=True, append_images=[small])
    assert np.array_equal(decode_bytes(data), NOISE)


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


PNG, JPEG = LOSSLESS["png"], encoded(Image.fromarray(NOISE), "JPEG")
PROBLEMS = {
    "grey png": (encoded(Image.new("L", (9, 9)), "PNG"), "mode L"),
    "grey jpeg": (encoded(Image.new("L", (9, 9)), "JPEG"), "mode L"),
    "alpha": (encoded(Image.new("RGBA", (9, 9)), "PNG"), "mode RGBA"),
    "palette": (encoded(Image.new("P", (9, 9)), "PNG"), "mode P"),
    "bilevel": (encoded(Image.new("1", (9, 9)), "TIFF"), "mode 1"),
    "cmyk jpeg": (encoded(Image.new("CMYK", (9, 9)), "JPEG"), "mode CMYK"),
    "cmyk tiff": (encoded(Image.new("CMYK", (9, 9)), "TIFF"), "mode CMYK"),
    "16-bit grey": (imagecodecs.png_encode(np.zeros((9, 9), np.uint16)), "mode I;16"),
    "16-bit rgb png": (imagecodecs.png_encode(np.zeros((9, 9, 3), np.uint16)), "16 bits"),
    "16-bit rgb tiff": (imagecodecs.tiff_encode(np.zeros((9, 9, 3), np.uint16)), "16 bits"),
    "truncated png": (PNG[: len(PNG) // 2], "damaged or truncated"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "damaged or truncated"),
    "truncated tiff": (LOSSLESS["tiff, packbits"][:-900], "damaged"),
    "flipped bits": (PNG[:200] + bytes([PNG[200] ^ 0xFF]) + PNG[201:], "damaged or truncated"),
    "a text file": (b"not an image at all", "no image"),
    "decompression bomb": (png_of_size(1_000_000, 1_000_000), "too many pixels"),
    "just over the bound": (png_of_size(MAX_PIXELS // 1000 + 1, 1000), "too many pixels"),
    "two images": (
        encoded(
            Image.new("RGB", (9, 9)),
            "TIFF",
            save_all=True,
            append_images=[Image.new("RGB", (9, 9))],
        ),
        "several images",
    ),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(("data", "reason"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_not_one_whole_rgb_image_is_refused_with_the_reason(data, reason):
    with pytest.raises(UndecodableError, match=reason):
        decode_bytes(data)


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "empty.png").touch()
    with pytest.raises(UndecodableError, match="empty"):
        decode_file(tmp_path / "empty.png")


def test_a_file_over_a_gigabyte_is_refused_unread(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(1_000_000_001)  # sparse: takes no room
    with pytest.raises(UndecodableError, match="too large"):
        decode_file(tmp_path / "huge.png")


def test_a_file_that_is_gone_is_refused(tmp_path):
    with pytest.raises(UndecodableError, match="cannot be read"):
        decode_file(tmp_path / "gone.png")
