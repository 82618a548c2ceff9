"""How an image is cut into patches, whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mpcs_bench.errors import DataError
from mpcs_bench.registry.dataset import Sample, Scan, Unreadable
from mpcs_paper.datasets.image_files import stored_size

Box = tuple[int, int, int, int]
Layout = Literal["shifted", "floor"]


@dataclass(frozen=True, slots=True)
class Cut:
    """Square patches of `patch` pixels (None: whole images), row by row from the upper left.

    `overlap` is the part of a patch's edge that it shares with its neighbour; the step from patch
    to patch is rounded to whole pixels. Where the last step does not reach the edge, `shifted`
    adds a row (and column) moved inside, `floor` leaves the rest out.
    """

    patch: int | None
    overlap: float = 0.0
    layout: Layout = "shifted"

    def boxes(self, width: int, height: int) -> list[Box]:
        """Return the boxes (x, y, width, height) of an image of `width` x `height` pixels.

        There is none where the image is smaller than a patch.
        """
        if self.patch is None:
            return [(0, 0, width, height)]
        edge = self.patch
        return [(x, y, edge, edge) for y in self.starts(height) for x in self.starts(width)]

    def starts(self, length: int) -> list[int]:
        """Return where patches start along a side of `length` pixels, in ascending order."""
        edge = length if self.patch is None else self.patch
        step = max(1, round(edge * (1.0 - self.overlap)))
        starts = list(range(0, length - edge + 1, step))
        if self.layout == "shifted" and starts and starts[-1] + edge < length:
            starts.append(length - edge)
        return starts


def scan_patched(
    files: Iterable[Path], read: Callable[[Path], Sample | str], root: Path, cut: Cut
) -> Scan:
    """Return the patches of all `files` under `root`, in order.

    `read` gives the sample of a whole image, or why the file is none of the data set's. A second
    file of the same image and an image smaller than a patch are rejected too.
    """
    samples: list[Sample] = []
    rejected: list[Unreadable] = []
    seen: dict[str, str] = {}
    for file in files:
        path = file.relative_to(root).as_posix()
        image = read(file)
        if isinstance(image, Sample) and image.image_id in seen:
            image = f"the same image name as {seen[image.image_id]}"
        if isinstance(image, str):
            rejected.append(Unreadable(path, image))
            continue
        seen[image.image_id] = path
        patches = _cut_image(image, file, cut)
        if isinstance(patches, str):
            rejected.append(Unreadable(path, patches))
        else:
            samples += patches
    return Scan(samples, rejected)


def refuse_empty(scan: Scan, dataset: str, root: Path, hint: str) -> Scan:
    """Return `scan`; raises DataError where it holds no sample, with the first rejection."""
    if not scan.samples:
        first = [f" ({item.path}: {item.reason})" for item in scan.rejected[:1]]
        raise DataError(
            f"The root of data set '{dataset}' holds none of its images: {root}{''.join(first)}",
            hint=hint,
        )
    return scan


def _cut_image(image: Sample, file: Path, cut: Cut) -> list[Sample] | str:
    """Return the patches of a whole image, or why there are none.

    Boxes are laid for the size in the file's header. A file whose header cannot be read stays one
    whole sample, so that decoding reports it.
    """
    size = None if cut.patch is None else stored_size(file)
    if size is None:
        return [image]
    boxes = cut.boxes(*size)
    if not boxes:
        return f"{size[0]}x{size[1]} pixels, smaller than a patch of {cut.patch}x{cut.patch}"
    return [
        replace(image, sample_id=f"{image.sample_id}/{number:02d}", patch_index=number, box=box)
        for number, box in enumerate(boxes)
    ]
