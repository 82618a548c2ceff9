"""Makes working frames: every stored image resized once, into one memory-mapped file."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mpcs_bench.data.atomic import NO_SPACE, appearing, free_bytes, no_space
from mpcs_bench.data.frames import Frames
from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.pixels import PixelCache
from mpcs_bench.errors import DataError
from mpcs_bench.protocol.canonical import digest

IntArray = npt.NDArray[np.int64]
StrArray = npt.NDArray[np.object_]
UInt8 = npt.NDArray[np.uint8]

INTERPOLATION = "area-linear"  # area where it shrinks, linear where it grows


def working_frames(
    index: SampleIndex, size: tuple[int, int] | None, cache: Path, workers: int = 1
) -> Frames:
    """Return every sample of `index`, in its order, as a crop of `size` (width, height) pixels.

    A frame is the part of a stored image that its boxes cover, resized so that a box becomes
    `size`; boxes of another size have a frame of their own. None for `size` keeps the stored
    pixels. So overlapping patches share their pixels, and an image with a single box is cut and
    resized, no more. Of several boxes, each is a crop of the resized frame: that differs from
    cutting first by at most a pixel in place, and an enlarged patch blends at its border with
    what lies around it.

    `cv2.INTER_AREA` along an axis that shrinks, `INTER_LINEAR` along one that grows. The file
    `cache/working/<key>.npy` is made once for the same pixels and frames, and anew where it is
    damaged; two processes may make it at the same time. Each of `workers` threads holds about
    one frame in memory.

    Raises DataError where there are no samples, where `size` is None and they differ in size,
    where the pixel cache lacks an image, and where the disk has no room (with the sizes needed
    and free).
    """
    layout = _lay_out(index, size)
    path = _file(cache, layout)
    pixels = _whole(path, layout.nbytes)
    if pixels is None:
        _make(path, layout, PixelCache.under(cache), workers)
        pixels = _whole(path, layout.nbytes)
    if pixels is None:
        raise DataError(
            f"The working frames were made, and cannot be read: {path}",
            hint="See whether the disk of the workspace is sound, and run again.",
        )
    return Frames(pixels, layout.size, layout.start, layout.pitch)


def working_file(index: SampleIndex, size: tuple[int, int] | None, cache: Path) -> Path:
    """Return where `working_frames` keeps its file; raises DataError as it does for `size`."""
    return _file(cache, _lay_out(index, size))


def resize(image: UInt8, size: tuple[int, int]) -> UInt8:
    """Resize uint8 [H, W, 3] to `size` (width, height): area to shrink, linear to grow."""
    height, width = image.shape[:2]
    smaller = (min(width, size[0]), min(height, size[1]))
    if smaller != (width, height):
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    if smaller != size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(image)


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """What the frames are made of and where they stand: see `Frames` for `start` and `pitch`.

    Of each frame: the hash of its stored image, the region [x, y, width, height] of it, the
    frame's (width, height) and its first byte.
    """

    hashes: StrArray
    regions: IntArray
    sizes: IntArray
    offsets: IntArray
    size: tuple[int, int]
    start: IntArray
    pitch: IntArray

    @property
    def nbytes(self) -> int:
        return int(3 * self.sizes.prod(axis=1).sum())

    def key(self) -> str:
        """Name everything that decides the pixels of the frames, and their order."""
        version = ".".join(cv2.__version__.split(".")[:2])
        hashes = hashlib.sha256("\n".join(self.hashes).encode()).hexdigest()
        places = np.hstack([self.regions, self.sizes]).astype("<i8")
        geometry = hashlib.sha256(places.tobytes()).hexdigest()
        return digest([hashes, geometry, INTERPOLATION, f"cv2 {version}"])


def _file(cache: Path, layout: _Layout) -> Path:
    return cache / "working" / f"{layout.key()}.npy"


def _lay_out(index: SampleIndex, size: tuple[int, int] | None) -> _Layout:
    """Place one frame for each stored image and box size, and every sample in its frame."""
    boxes = np.stack([index.number(f"box_{side}") for side in "xywh"], axis=1)
    if not len(boxes):
        raise DataError(f"The data set '{index.dataset.name}' has no samples.")
    size = _stored_size(boxes) if size is None else size
    # numbered by first appearance: samples of one image, which are read together, stay together
    frame = index.frame.groupby(["pixel_hash", "box_w", "box_h"], sort=False).ngroup().to_numpy()
    _, first = np.unique(frame, return_index=True)
    box, corner = boxes[:, 2:], boxes[:, :2]
    low, high = corner[first], (corner + box)[first]
    np.minimum.at(low, frame, corner)
    np.maximum.at(high, frame, corner + box)
    sizes = _scaled(high - low, size, box[first])
    nbytes = 3 * sizes.prod(axis=1)
    offsets = np.cumsum(nbytes) - nbytes
    # corners and frames are rounded alike, so that no crop leaves its frame
    place = _scaled(corner - low[frame], size, box)
    pitch = 3 * sizes[frame, 0]
    return _Layout(
        hashes=index.text("pixel_hash")[first],
        regions=np.hstack([low, high - low]),
        sizes=sizes,
        offsets=offsets,
        size=size,
        start=offsets[frame] + pitch * place[:, 1] + 3 * place[:, 0],
        pitch=pitch,
    )


def _scaled(length: IntArray, size: tuple[int, int], box: IntArray) -> IntArray:
    """Return `length * size / box` rounded to the nearest, halves up; exact in integers."""
    scaled: IntArray = (2 * length * np.array(size) + box) // (2 * box)
    return scaled


def _stored_size(boxes: IntArray) -> tuple[int, int]:
    sizes = Counter(map(tuple, boxes[:, 2:].tolist()))
    if len(sizes) > 1:
        listed = ", ".join(f"{w}x{h} ({n} images)" for (w, h), n in sizes.most_common(10))
        raise DataError(
            f"The images have different sizes: {listed}",
            hint="Set `image_size: [width, height]` for the data set.",
        )
    return next(iter(sizes))


def _whole(path: Path, nbytes: int) -> UInt8 | None:
    """Return the frames [nbytes] of a file that is there and whole, read-only, else None.

    A full disk or a power cut can leave less of a file than was written.
    """
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = pixels.shape == (nbytes,) and pixels.dtype == np.uint8
    if not whole or path.stat().st_size != pixels.offset + nbytes:
        return None
    return np.asarray(pixels)  # a plain view: slicing a np.memmap costs more


def _make(path: Path, layout: _Layout, pixels: PixelCache, workers: int) -> None:
    total = layout.nbytes
    if total > free_bytes(path):
        raise no_space(path, total)
    with appearing(path, total) as temporary, temporary.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (total,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        begin, descriptor = file.tell(), file.fileno()
        _reserve(descriptor, begin + total)

        def place(frame: int) -> None:
            x, y, w, h = layout.regions[frame].tolist()
            width, height = layout.sizes[frame].tolist()
            image = pixels.open(layout.hashes[frame])
            made = resize(np.asarray(image[y : y + h, x : x + w]), (width, height))
            _write_at(descriptor, made, begin + int(layout.offsets[frame]))

        executor = ThreadPoolExecutor(max(1, workers), thread_name_prefix="resize")
        try:
            for done in [executor.submit(place, frame) for frame in range(len(layout.hashes))]:
                done.result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


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
