"""The UCSB Breast Cancer Cell data set: 58 H&E images, benign and malignant (Section 4.1.3)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mpcs_bench.registry.dataset import Dataset, Sample, Scan
from mpcs_bench.registry.plugin import PluginParams
from mpcs_paper.datasets.image_files import IMAGE_SUFFIXES
from mpcs_paper.datasets.patches import Cut, refuse_empty, scan_patched

# ytma10_010704_benign1_ccd: tissue-array spot, class and number, camera
STEM = re.compile(r"(?P<spot>ytma\d+_\d+)_(?P<label>benign|malignant)(?P<number>\d+)_ccd")


class UCSBParams(PluginParams):
    """How the images are cut into patches."""

    patch: int | None = Field(224, ge=1, description="edge in pixels; null: whole images")
    layout: Literal["shifted", "floor"] = Field(
        "shifted",
        description="768 pixels are no multiple of 224: `shifted` moves the last row (and "
        "column) inside, so that it overlaps, `floor` leaves the rest out",
    )


class UCSB(Dataset):
    """58 images of 896 x 768 pixels, 32 benign and 26 malignant, cut into patches.

    Patches of 224: 16 an image, 12 with `layout: floor`. Group columns: `image` and `spot`, the
    tissue-array spot in the name's prefix. Every spot but ytma55_030603 (benign) holds images of
    both classes. No patients are known: `patient_id` is the image.
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
    image_sizes = ((896, 768),)
    licence = "none stated (research use; credit the Center for Bio-Image Informatics, UCSB)"
    citation = (
        "Gelasca, E. D., Byun, J., Obara, B., Manjunath, B. S. (2008). Evaluation and Benchmark "
        "for Biological Image Segmentation. IEEE International Conference on Image Processing, "
        "1816-1819."
    )
    homepage = "https://bioimage.ucsb.edu/research/bio-segmentation"

    @property
    def patches_per_image(self) -> int:
        """Patches of an image of the declared size."""
        return len(self._cut().boxes(*self.image_sizes[0]))

    def scan(self, root: Path) -> Scan:
        """List the images in `root`, patch by patch; paths are relative to it.

        Patches are laid for the size in each image's header; an image smaller than a patch is
        rejected. Raises DataError where `root` holds no image that can be used.
        """
        files = sorted(root.iterdir()) if root.is_dir() else []
        images = [f for f in files if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file()]
        hint = "Expected TIFF files in it, such as ytma10_010704_benign1_ccd.tif."
        return refuse_empty(
            scan_patched(images, _read_name, root, self._cut()), self.name, root, hint
        )

    def _cut(self) -> Cut:
        return Cut(self.params.patch, layout=self.params.layout)


def _read_name(file: Path) -> Sample | str:
    """Return the image that the file's name describes, or why it describes none."""
    match = STEM.fullmatch(file.stem)
    if match is None:
        return "the name is not of the form ytma10_010704_benign1_ccd.tif"
    if file.suffix.lower() not in (".tif", ".tiff"):
        return f"UCSB images are TIFF, this is {file.suffix}"
    return Sample(
        sample_id=file.stem,
        path=file.name,
        label=match["label"],
        subtype=match["label"],
        patient_id=file.stem,
        groups={"image": file.stem, "spot": match["spot"]},
        image_id=file.stem,
    )
