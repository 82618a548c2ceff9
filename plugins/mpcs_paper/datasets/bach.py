"""BACH: breast cancer histology in four classes (Aresta et al. 2019; Section 4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mpcs_bench.errors import DataError, Location
from mpcs_bench.registry.dataset import Dataset, Sample, Scan
from mpcs_bench.registry.plugin import PluginParams
from mpcs_paper.datasets.image_files import image_files
from mpcs_paper.datasets.patches import Cut, refuse_empty, scan_patched

FOLDERS = {"Normal": "normal", "Benign": "benign", "InSitu": "in-situ", "Invasive": "invasive"}
CODES = {"n": "Normal", "b": "Benign", "is": "InSitu", "iv": "Invasive"}
STEM = re.compile(r"(?P<code>n|b|is|iv)\d{3}")
SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg")
GROUND_TRUTH = "microscopy_ground_truth.csv"
PHOTOS = Path("ICIAR2018_BACH_Challenge", "Photos")


class BACHParams(PluginParams):
    """How the images are cut into patches."""

    patch: int | None = Field(512, ge=1, description="edge in pixels; null: whole images")
    overlap: float = Field(
        0.0,
        ge=0.0,
        le=0.9,
        description="part of a patch's edge shared with its neighbour: 0 gives 12 patches of 512 "
        "in an image of 2048 x 1536 pixels, 0.5 gives 35",
    )
    layout: Literal["shifted", "floor"] = Field(
        "shifted",
        description="where the last patch does not reach the edge: `shifted` adds one that is "
        "moved inside, `floor` leaves the rest out",
    )


class BACH(Dataset):
    """400 microscopy images of 2048 x 1536 pixels, 100 of each class, cut into patches.

    `root` is the folder that holds `ICIAR2018_BACH_Challenge`, that folder itself, or its
    `Photos`. The class is the folder's; where `microscopy_ground_truth.csv` lies in `Photos`, it
    has to agree. No patients are known: `patient_id` is the image, and so is the one group column.
    A public copy holds JPEG images cropped to 1536 x 1536, numbered from 000; it is read as well,
    and `data verify` lists its size as not declared.
    """

    name = "bach"
    summary = "Breast histology; 400 images: normal, benign, in situ, invasive"
    Params = BACHParams
    params: BACHParams
    classes = tuple(FOLDERS.values())
    group_columns = ("image",)
    default_group = "image"
    metric_levels = ("patch", "image")
    expected: ClassVar[dict[str, int]] = {
        "images": 400,
        "normal": 100,
        "benign": 100,
        "in-situ": 100,
        "invasive": 100,
    }
    image_sizes = ((2048, 1536),)
    licence = "CC BY-NC-ND 4.0"
    citation = (
        "Aresta, G., Araújo, T., Kwok, S., et al. (2019). BACH: Grand Challenge on Breast Cancer "
        "Histology Images. Medical Image Analysis 56, 122-139."
    )
    homepage = "https://iciar2018-challenge.grand-challenge.org/"

    @property
    def patches_per_image(self) -> int:
        """Patches of an image of the declared size."""
        return len(self._cut().boxes(*self.image_sizes[0]))

    def scan(self, root: Path) -> Scan:
        """List the images under `root`, patch by patch; paths are relative to it.

        Patches are laid for the size in each image's header. A file outside the four folders, one
        whose class the name or the ground truth contradicts, and an image smaller than a patch
        are rejected with the reason. Raises DataError where there is no image that can be used,
        or the ground truth is damaged.
        """
        photos = find_photos(root)
        read = partial(_read_image, root, photos, read_ground_truth(photos / GROUND_TRUTH))
        scan = scan_patched(image_files(photos), read, root, self._cut())
        return refuse_empty(scan, self.name, root, _hint())

    def _cut(self) -> Cut:
        return Cut(self.params.patch, self.params.overlap, self.params.layout)


def find_photos(root: Path) -> Path:
    """Return the folder with Normal, Benign ...; raises DataError where there is none."""
    for photos in (root / PHOTOS, root / PHOTOS.name, root):
        if any((photos / folder).is_dir() for folder in FOLDERS):
            return photos
    wrong = "is not a folder" if not root.is_dir() else "holds no BACH photos"
    raise DataError(f"The root of data set 'bach' {wrong}: {root}", hint=_hint())


def read_ground_truth(file: Path) -> Mapping[str, str]:
    """Return image name without suffix -> class folder, from lines `n001.tif,Normal`.

    Empty where there is no such file. Raises DataError for a line that says nothing of the kind,
    or calls one image two things.
    """
    truth: dict[str, str] = {}
    if not file.is_file():
        return truth
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    for line, row in enumerate(text.splitlines(), start=1):
        if not row.strip():
            continue
        name, _, folder = (part.strip() for part in row.partition(","))
        stem = Path(name).stem
        if folder not in FOLDERS or not stem:
            raise DataError(
                f"Not a line of BACH's ground truth: {row!r}",
                hint=f"Expected `n001.tif,Normal`; the classes are {', '.join(FOLDERS)}.",
                location=Location(str(file), line),
            )
        if truth.setdefault(stem, folder) != folder:
            raise DataError(
                f"{stem} is {truth[stem]} and {folder} in BACH's ground truth.",
                hint="Take the file from the data set's archive again.",
                location=Location(str(file), line),
            )
    return truth


def _hint() -> str:
    return (
        f"Expected under it, in the layout of the published archive: {PHOTOS.as_posix()}/"
        "{Normal,Benign,InSitu,Invasive}, with images such as Normal/n001.tif."
    )


def _read_image(root: Path, photos: Path, truth: Mapping[str, str], file: Path) -> Sample | str:
    """Return the image that a file's name and folder describe, or why they describe none."""
    folder = file.parent.name
    if file.parent.parent != photos or folder not in FOLDERS:
        return f"it lies in none of the folders {', '.join(FOLDERS)}"
    match = STEM.fullmatch(file.stem)
    if match is None:
        return "the name is not of the form n001.tif, b001.tif, is001.tif or iv001.tif"
    if file.suffix.lower() not in SUFFIXES:
        return f"BACH images are TIFF (JPEG in a cropped copy), this is {file.suffix}"
    stated = truth.get(file.stem, folder)
    if stated != folder:
        return f"{GROUND_TRUTH} calls it {stated}, the file lies in {folder}"
    if CODES[match["code"]] != folder:
        return f"the name belongs into folder {CODES[match['code']]}, the file lies in {folder}"
    return Sample(
        sample_id=file.stem,
        path=file.relative_to(root).as_posix(),
        label=FOLDERS[folder],
        subtype=FOLDERS[folder],
        patient_id=file.stem,
        groups={"image": file.stem},
        image_id=file.stem,
    )
