"""Working sets: the images of some rows, cropped and resized, in one memory-mapped file."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mpcs_bench.data.atomic import NO_SPACE, appearing, free_bytes, no_space
from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.pixels import PixelCache
from mpcs_bench.errors import DataError
from mpcs_bench.protocol.canonical import digest

IntArray = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]
Images = np.memmap[tuple[int, ...], np.dtype[np.uint8]]

INTERPOLATION = "area-linear"  # area where it shrinks, linear where it grows


def working_set(
    index: SampleIndex,
    rows: IntArray,
    size: tuple[int, int] | None,
    cache: Path,
    workers: int = 1,
) -> Images:
    """Return the images of `rows`, in that order, as read-only uint8 [n, height, width, 3].

    `size` is (width, height) in pixels; None keeps the stored size. A row's box is cut from the
    full image before it is resized: `cv2.INTER_AREA` along an axis that shrinks, `INTER_LINEAR`
    along one that grows. The file `cache/working/<key>.npy` is made once for the same pixels,
    boxes and size, and anew where it is damaged; two processes may make it at the same time.

    Raises DataError where `size` is None and the images differ in size, where the pixel cache
    lacks one, and where the disk has no room (with the sizes needed and free).
    """
    boxes = np.stack([index.number(f"box_{side}")[rows] for side in "xywh"], axis=1)
    width, height = _stored_size(boxes) if size is None else size
    hashes = index.text("pixel_hash")[rows]
    path = cache / "working" / f"{working_key(hashes.tolist(), boxes, (width, height))}.npy"
    shape = (len(rows), height, width, 3)
    images = _whole(path, shape)
    if images is None:
        _make(
            path,
            pixels=PixelCache.under(cache),
            hashes=hashes,
            boxes=boxes,
            size=(width, height),
            workers=workers,
        )
        images = _whole(path, shape)
    if images is None:
        raise DataError(
            f"The working set was made, and cannot be read: {path}",
            hint="See whether the disk of the workspace is sound, and run again.",
        )
    return images


def working_key(hashes: list[str], boxes: IntArray, size: tuple[int, int]) -> str:
    """Return the name of a working set: everything that decides its pixels, and their order."""
    version = ".".join(cv2.__version__.split(".")[:2])
    pixels = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    crops = hashlib.sha256(boxes.astype("<i8").tobytes()).hexdigest()
    return digest([pixels, crops, list(size), INTERPOLATION, f"cv2 {version}"])


def resize(image: UInt8, size: tuple[int, int]) -> UInt8:
    """Resize uint8 [H, W, 3] to `size` (width, height): area to shrink, linear to grow."""
    height, width = image.shape[:2]
    smaller = (min(width, size[0]), min(height, size[1]))
    if smaller != (width, height):
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    if smaller != size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(image)


def _whole(path: Path, shape: tuple[int, ...]) -> Images | None:
    """Return the images of a file that is there and whole, else None.

    A full disk or a power cut can leave less of a file than was written.
    """
    try:
        images: Images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = images.shape == shape and images.dtype == np.uint8
    return images if whole and path.stat().st_size == images.offset + images.nbytes else None


def _stored_size(boxes: IntArray) -> tuple[int, int]:
    sizes = Counter(map(tuple, boxes[:, 2:].tolist()))
    if len(sizes) != 1:
        listed = ", ".join(f"{w}x{h} ({n} images)" for (w, h), n in sizes.most_common(10))
        raise DataError(
            f"The images have different sizes: {listed or 'there are none'}",
            hint="Set `image_size: [width, height]` for the data set.",
        )
    return next(iter(sizes))


def _make(
    path: Path,
    *,
    pixels: PixelCache,
    hashes: npt.NDArray[np.object_],
    boxes: IntArray,
    size: tuple[int, int],
    workers: int,
) -> None:
    shape = (len(hashes), size[1], size[0], 3)
    frame = int(np.prod(shape[1:], dtype=np.int64))
    total = frame * shape[0]
    if total > free_bytes(path):
        raise no_space(path, total)
    with appearing(path, total) as temporary, temporary.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        start, descriptor = file.tell(), file.fileno()
        _reserve(descriptor, start + total)

        def place(rows: IntArray) -> None:
            """Write the rows that share one stored image, opened once."""
            image = pixels.open(hashes[rows[0]])
            for row in rows.tolist():
                x, y, w, h = boxes[row].tolist()
                made = resize(np.asarray(image[y : y + h, x : x + w]), size)
                _write_at(descriptor, made, start + row * frame)

        executor = ThreadPoolExecutor(max(1, workers), thread_name_prefix="resize")
        try:
            for done in [executor.submit(place, rows) for rows in _same_image(hashes)]:
                done.result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _same_image(hashes: npt.NDArray[np.object_]) -> list[IntArray]:
    """Return the positions of each distinct image, in order of first appearance."""
    where: dict[str, list[int]] = {}
    for position, key in enumerate(hashes.tolist()):
        where.setdefault(key, []).append(position)
    return [np.array(rows, dtype=np.int64) for rows in where.values()]


def _reserve(descriptor: int, size: int) -> None:
    """Claim the disk space now, where the file system can, rather than fail half-way."""
    if not hasattr(os, "posix_fallocate"):
        return
    # a file system that cannot reserve says so with another error, and writing will tell
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise


def _write_at(descriptor: int, image: UInt8, offset: int) -> None:
    """Write all of `image` at `offset`; not through a memory map, where a full disk kills."""
    view = image.data.cast("B")
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
