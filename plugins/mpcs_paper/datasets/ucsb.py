"""The UCSB Breast Cancer Cell data set: 58 H&E images, benign and malignant (Section 4.1)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mpcs_bench.errors import DataError
from mpcs_bench.registry.dataset import Dataset, Sample, Scan, Unreadable
from mpcs_bench.registry.plugin import PluginParams
from mpcs_paper.datasets.image_files import IMAGE_SUFFIXES

Box = tuple[int, int, int, int]

WIDTH, HEIGHT = 896, 768
# ytma10_010704_benign1_ccd: tissue-array spot, class and number, camera
STEM = re.compile(r"(?P<spot>ytma\d+_\d+)_(?P<label>benign|malignant)(?P<number>\d+)_ccd")


class UCSBParams(PluginParams):
    """How the images are cut into patches."""

    patch: int | None = Field(
        224, ge=1, le=min(WIDTH, HEIGHT), description="edge in pixels; null: whole images"
    )
    layout: Literal["shifted", "floor"] = Field(
        "shifted",
        description="768 pixels are no multiple of 224: `shifted` moves the last row (and "
        "column) inside, so that it overlaps, `floor` leaves the rest out",
    )


class UCSB(Dataset):
    """58 images of 896 x 768 pixels, 32 benign and 26 malignant, cut into patches.

    Group columns: `image` and `spot`, the tissue-array spot in the name's prefix. Every
    spot but ytma55_030603 (benign) holds images of both classes. No patients are known:
    `patient_id` is the image.
    """

    name = "ucsb"
    summary = "Breast cancer cells; 58 images in 10 tissue-array spots, benign and malignant"
    Params = UCSBParams
    params: UCSBParams
    classes = ("benign", "malignant")
    group_columns = ("image", "spot")
    default_group = "image"
    metric_levels = ("patch", "image")
    expected: ClassVar[dict[str, int]] = {
        "images": 58,
        "spots": 10,
        "benign": 32,
        "malignant": 26,
    }
    image_sizes = ((WIDTH, HEIGHT),)
    licence = "none stated (research use; credit the Center for Bio-Image Informatics, UCSB)"
    citation = (
        "Gelasca, E. D., Byun, J., Obara, B., Manjunath, B. S. (2008). Evaluation and Benchmark "
        "for Biological Image Segmentation. IEEE International Conference on Image Processing, "
        "1816-1819."
    )
    homepage = "https://bioimage.ucsb.edu/research/bio-segmentation"

    def scan(self, root: Path) -> Scan:
        """List the images in `root`, patch by patch; paths are relative to it.

        Patches are laid for the declared 896 x 768 pixels. Raises DataError where no file in
        `root` is an image of this data set.
        """
        boxes = patch_boxes(self.params.patch, self.params.layout)
        samples: list[Sample] = []
        rejected: list[Unreadable] = []
        seen: dict[str, str] = {}
        files = sorted(root.iterdir()) if root.is_dir() else []
        for file in files:
            if file.suffix.lower() not in IMAGE_SUFFIXES or not file.is_file():
                continue
            match = STEM.fullmatch(file.stem)
            if match is None:
                reason = "the name is not of the form ytma10_010704_benign1_ccd.tif"
                rejected.append(Unreadable(file.name, reason))
            elif file.suffix.lower() not in (".tif", ".tiff"):
                reason = f"UCSB images are TIFF, this is {file.suffix}"
                rejected.append(Unreadable(file.name, reason))
            elif file.stem in seen:
                reason = f"the same image name as {seen[file.stem]}"
                rejected.append(Unreadable(file.name, reason))
            else:
                seen[file.stem] = file.name
                samples += _patches(file, match["spot"], match["label"], boxes)
        if not samples:
            raise DataError(
                f"The root of data set 'ucsb' holds none of its images: {root}",
                hint="Expected TIFF files in it, such as ytma10_010704_benign1_ccd.tif.",
            )
        return Scan(samples, rejected)


def patch_boxes(patch: int | None, layout: Literal["shifted", "floor"]) -> list[Box | None]:
    """Return the boxes (x, y, width, height) of one image, row by row; [None]: the whole image."""
    if patch is None:
        return [None]
    columns, rows = _starts(WIDTH, patch, layout), _starts(HEIGHT, patch, layout)
    return [(x, y, patch, patch) for y in rows for x in columns]


def _starts(length: int, patch: int, layout: Literal["shifted", "floor"]) -> list[int]:
    starts = list(range(0, length - patch + 1, patch))
    if layout == "shifted" and starts[-1] + patch < length:
        starts.append(length - patch)
    return starts


def _patches(file: Path, spot: str, label: str, boxes: list[Box | None]) -> list[Sample]:
    image = file.stem
    return [
        Sample(
            sample_id=image if box is None else f"{image}/{number:02d}",
            path=file.name,
            label=label,
            subtype=label,
            patient_id=image,
            groups={"image": image, "spot": spot},
            image_id=image,
            patch_index=number,
            box=box,
        )
        for number, box in enumerate(boxes)
    ]
