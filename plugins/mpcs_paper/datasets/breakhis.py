"""BreakHis: breast tumour histopathology at four magnifications (Spanhol et al. 2016)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mpcs_bench.errors import DataError, Location
from mpcs_bench.registry.dataset import Dataset, KnownDefect, Sample, Scan, Unreadable
from mpcs_bench.registry.plugin import PluginParams
from mpcs_paper.datasets.image_files import image_files

Side = Literal["train", "test"]

LABELS = {"B": "benign", "M": "malignant"}
SUBTYPE_FOLDERS = {
    "A": "adenosis",
    "F": "fibroadenoma",
    "PT": "phyllodes_tumor",
    "TA": "tubular_adenoma",
    "DC": "ductal_carcinoma",
    "LC": "lobular_carcinoma",
    "MC": "mucinous_carcinoma",
    "PC": "papillary_carcinoma",
}
MALIGNANT = frozenset({"DC", "LC", "MC", "PC"})
# SOB_M_DC-14-13412-100-003: biopsy, class, tumour type, year, slide, magnification, image
STEM = re.compile(
    r"SOB_(?P<class>[BM])_(?P<subtype>[A-Z]+)-(?P<year>\d{2})-(?P<slide>\d+[A-Z]*)"
    r"-(?P<magnification>40|100|200|400)-(?P<sequence>\d+)"
)
LAYOUT = (
    "BreaKHis_v1/histology_slides/breast/benign/SOB/adenosis/SOB_B_A_14-22549AB/40X/"
    "SOB_B_A-14-22549AB-40-001.png"
)
FOLD_FILES = {number: f"dsfold{number}.txt" for number in range(1, 6)}


class BreakHisParams(PluginParams):
    """Where the published folds are, if not beside the images."""

    folds: str | None = Field(
        None, description="folder with dsfold1.txt to dsfold5.txt; null: `folds` near the root"
    )


class BreakHis(Dataset):
    """7,909 images of 82 patient folders, benign and malignant, at 40X, 100X, 200X and 400X.

    `root` is the folder that holds `BreaKHis_v1`, or `BreaKHis_v1` itself. `patient_id` is the
    name of the patient folder (`M_DC_14-13412`). Group columns, from fine to coarse: `patient`
    (the folder), `patient_number` (`14-13412`), `case` (the number without trailing letters:
    `14-22549AB` and `14-22549CD` are slides of one case).
    """

    name = "breakhis"
    summary = "Breast tumours at 40X to 400X; 7,909 images, 82 patients, benign and malignant"
    Params = BreakHisParams
    params: BreakHisParams
    classes = ("benign", "malignant")
    magnifications = (40, 100, 200, 400)
    group_columns = ("patient", "patient_number", "case")
    default_group = "case"
    metric_levels = ("image", "patient")
    expected: ClassVar[dict[str, int]] = {
        "images": 7909,
        "patients": 82,
        "patient_numbers": 81,
        "cases": 70,
        "complete_sets": 1558,
        "40X/benign": 625,
        "40X/malignant": 1370,
        "100X/benign": 644,
        "100X/malignant": 1437,
        "200X/benign": 623,
        "200X/malignant": 1390,
        "400X/benign": 588,
        "400X/malignant": 1232,
    }
    known_defects = (
        KnownDefect(
            defect_id="breakhis-13412-two-tumour-types",
            rule="group-overlap",
            group_column="patient_number",
            groups=("14-13412",),
            note="Number 14-13412 stands under ductal and under lobular carcinoma.",
        ),
        KnownDefect(
            defect_id="breakhis-13412-identical-pixels",
            rule="identical-pixels",
            group_column="patient_number",
            groups=("14-13412",),
            note="Images of 14-13412 stand, pixel for pixel, under both tumour types.",
        ),
    )
    image_sizes = ((700, 460), (700, 456))
    licence = "CC BY 4.0"
    citation = (
        "Spanhol, F. A., Oliveira, L. S., Petitjean, C., Heutte, L. (2016). A Dataset for Breast "
        "Cancer Histopathological Image Classification. IEEE Transactions on Biomedical "
        "Engineering 63(7), 1455-1462."
    )
    homepage = (
        "https://web.inf.ufpr.br/vri/databases/breast-cancer-histopathological-database-breakhis/"
    )

    def scan(self, root: Path) -> Scan:
        """List the images under `root`; paths are relative to it.

        An image file whose name does not follow the data set, or contradicts its folders, is
        rejected with the reason. Raises DataError where there is no BreakHis tree.
        """
        samples: list[Sample] = []
        rejected: list[Unreadable] = []
        seen: dict[str, str] = {}
        for file in image_files(find_tree(root)):
            path = file.relative_to(root).as_posix()
            found = _read_name(file, path)
            if isinstance(found, Sample) and found.sample_id in seen:
                found = f"the same image name as {seen[found.sample_id]}"
            if isinstance(found, str):
                rejected.append(Unreadable(path, found))
            else:
                seen[found.sample_id] = path
                samples.append(found)
        return Scan(samples, rejected)

    def official_folds(self, root: Path) -> dict[int, dict[str, Side]]:
        """Return the five published folds: fold 1 to 5 -> sample_id -> train or test.

        Reads `dsfold1.txt` to `dsfold5.txt` from the parameter `folds`, or from a folder `folds`
        in `root`, beside it, or beside the tree. Raises DataError where they are missing or a
        line is damaged.
        """
        folder = self._fold_folder(root)
        return {number: _read_fold(folder / name, number) for number, name in FOLD_FILES.items()}

    def _fold_folder(self, root: Path) -> Path:
        if self.params.folds is not None:
            candidates = [Path(self.params.folds).expanduser()]
        else:
            near = [root, root.parent, root / "BreaKHis_v1"]
            candidates = [place / "folds" for place in near]
        for folder in candidates:
            if all((folder / name).is_file() for name in FOLD_FILES.values()):
                return folder
        looked = ", ".join(str(folder) for folder in candidates)
        raise DataError(
            f"The official folds of BreakHis (dsfold1.txt to dsfold5.txt) are not in: {looked}",
            hint="Put them into a folder `folds` under the data set's root, or name their folder "
            "with the parameter `folds`.",
        )


def find_tree(root: Path) -> Path:
    """Return the folder with `benign` and `malignant`; raises DataError where there is none."""
    inside = [
        Path("BreaKHis_v1/histology_slides/breast"),
        Path("histology_slides/breast"),
        Path("breast"),
    ]
    for relative in inside:
        tree = root / relative
        if any((tree / label).is_dir() for label in LABELS.values()):
            return tree
    wrong = "is not a folder" if not root.is_dir() else "holds no BreakHis tree"
    raise DataError(
        f"The root of data set 'breakhis' {wrong}: {root}",
        hint=f"Expected under it, in the layout of the published archive: {LAYOUT}",
    )


def _read_name(file: Path, path: str) -> Sample | str:
    """Return the sample that the file's name and folders describe, or why they describe none."""
    if file.name.startswith("."):
        return "a hidden file, not an image of the data set"
    if file.suffix.lower() != ".png":
        return f"BreakHis images are PNG, this is {file.suffix}"
    match = STEM.fullmatch(file.stem)
    if match is None:
        return "the name is not of the form SOB_M_DC-14-13412-100-003.png"
    code, subtype, magnification = match["class"], match["subtype"], match["magnification"]
    number = f"{match['year']}-{match['slide']}"
    patient_id = f"{code}_{subtype}_{number}"
    contradiction = _contradiction(file, code, subtype, patient_id, magnification)
    if contradiction is not None:
        return contradiction
    return Sample(
        sample_id=file.stem,
        path=path,
        label=LABELS[code],
        subtype=subtype,
        patient_id=patient_id,
        groups={
            "patient": patient_id,
            "patient_number": number,
            "case": number.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        },
        image_id=file.stem,
        magnification=int(magnification),
        sequence=match["sequence"],
    )


def _contradiction(
    file: Path, code: str, subtype: str, patient_id: str, magnification: str
) -> str | None:
    """Return how the parts of the name contradict each other or the folders, if they do."""
    if subtype not in SUBTYPE_FOLDERS:
        return f"unknown tumour type '{subtype}' in the name"
    if (subtype in MALIGNANT) != (code == "M"):
        return f"the name calls tumour type {subtype} {LABELS[code]}"
    wanted = [
        ("magnification folder", f"{magnification}X"),
        ("patient folder", f"SOB_{patient_id}"),
        ("tumour type folder", SUBTYPE_FOLDERS[subtype]),
        ("biopsy folder", "SOB"),
        ("class folder", LABELS[code]),
    ]
    for (what, expected), parent in zip(wanted, file.parents, strict=False):
        if parent.name != expected:
            return f"the name belongs into {what} {expected}, the file lies in {parent.name}"
    return None


def _read_fold(file: Path, number: int) -> dict[str, Side]:
    """Read lines `name|magnification|fold|train or test` of one fold."""
    sides: dict[str, Side] = {}
    for line, text in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not text.strip():
            continue
        fields = [field.strip() for field in text.split("|")]
        where = Location(str(file), line)
        if len(fields) != 4 or fields[3] not in ("train", "test") or fields[2] != str(number):
            raise DataError(
                f"Not a line of fold {number}: {text!r}",
                hint="Expected `name.png|magnification|fold|train or test`.",
                location=where,
            )
        sample_id = Path(fields[0]).stem
        if sample_id in sides:
            raise DataError(f"{fields[0]} is listed twice in fold {number}.", location=where)
        sides[sample_id] = "train" if fields[3] == "train" else "test"
    return sides
