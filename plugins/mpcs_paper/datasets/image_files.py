"""The image files in a data set's folder, and the sizes that their headers state."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})


def image_files(tree: Path) -> Iterator[Path]:
    """Yield the image files under `tree` in sorted order; links are followed, loops are not."""
    visited: set[str] = set()
    for folder, folders, files in os.walk(tree, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders.sort()
        for name in sorted(files):
            if Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(folder, name)


def stored_size(file: Path) -> tuple[int, int] | None:
    """Return (width, height) in pixels from an image's header, or None where it cannot be read.

    No pixel is decoded.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
            return image.size
    except Exception:  # every format has its own exceptions; decoding will report the file
        return None
