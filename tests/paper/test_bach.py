"""BACH: 400 images in four folders, cut by their own size, held to their ground truth."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from mpcs_bench.data.verify import VerifyReport, verify
from mpcs_bench.errors import DataError
from mpcs_bench.registry import entry_for
from mpcs_bench.registry.suite import check
from mpcs_paper.datasets.bach import BACH, BACHParams

PHOTOS = Path("ICIAR2018_BACH_Challenge/Photos")
ONE_EACH = ("Normal/n001.tif", "Benign/b001.tif", "InSitu/is001.tif", "Invasive/iv001.tif")
SIZE = (64, 48)


def bach(**params: object) -> BACH:
    return BACH(BACHParams(**{"patch": 16, **params}))


def put(root: Path, *names: str, size: tuple[int, int] = SIZE, truth: str | None = None) -> Path:
    for name in names:
        file = root / PHOTOS / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(file)
    if truth is not None:
        (root / PHOTOS / "microscopy_ground_truth.csv").write_text(truth)
    return root


def test_the_class_is_the_folders(tmp_path: Path) -> None:
    scan = bach(patch=None).scan(put(tmp_path, *ONE_EACH))
    assert {sample.image_id: sample.label for sample in scan.samples} == {
        "n001": "normal",
        "b001": "benign",
        "is001": "in-situ",
        "iv001": "invasive",
    }
    assert BACH.classes == ("normal", "benign", "in-situ", "invasive")


def test_a_patch_knows_its_image_and_its_box(tmp_path: Path) -> None:
    sample = bach().scan(put(tmp_path, "InSitu/is007.tif")).samples[5]
    assert (sample.sample_id, sample.patch_index) == ("is007/05", 5)
    assert (sample.label, sample.box) == ("in-situ", (16, 16, 16, 16))
    assert sample.path == (PHOTOS / "InSitu/is007.tif").as_posix()
    assert (sample.patient_id, sample.groups) == ("is007", {"image": "is007"})


@pytest.mark.parametrize(("overlap", "patches"), [(0.0, 12), (0.5, 35)])
def test_the_overlap_decides_how_many_patches_an_image_gives(tmp_path, overlap, patches) -> None:
    root = put(tmp_path, "Normal/n001.tif", size=(2048, 1536))
    dataset = BACH(BACHParams(overlap=overlap))
    assert len(dataset.scan(root).samples) == dataset.patches_per_image == patches


@pytest.mark.parametrize(("layout", "patches"), [("shifted", 12), ("floor", 6)])
def test_the_layout_decides_about_the_rest(tmp_path, layout, patches) -> None:
    root = put(tmp_path, "Normal/n001.tif", size=(60, 40))
    assert len(bach(layout=layout).scan(root).samples) == patches


@pytest.mark.parametrize("inside", ["", "ICIAR2018_BACH_Challenge", PHOTOS.as_posix()])
def test_the_root_may_be_any_of_the_outer_folders(tmp_path: Path, inside: str) -> None:
    root = put(tmp_path, *ONE_EACH) / inside
    samples = bach(patch=None).scan(root).samples
    assert len(samples) == 4
    assert all((root / sample.path).is_file() for sample in samples)


@pytest.mark.parametrize("folder", ["", "gone"])
def test_a_root_without_the_folders_is_an_error(tmp_path: Path, folder: str) -> None:
    with pytest.raises(DataError, match="The root of data set 'bach'"):
        bach().scan(tmp_path / folder)


def test_folders_without_images_are_an_error(tmp_path: Path) -> None:
    (tmp_path / PHOTOS / "Normal").mkdir(parents=True)
    with pytest.raises(DataError, match="holds none of its images"):
        bach().scan(tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Normal/holiday.tif", "not of the form"),
        ("Normal/n01.tif", "not of the form"),
        ("Normal/n002.png", "TIFF"),
        ("Normal/n001.jpeg", "same image name as"),
        ("Normal/b002.tif", "the name belongs into folder Benign, the file lies in Normal"),
        ("n002.tif", "none of the folders"),
        ("Normal/more/n002.tif", "none of the folders"),
        ("Test/n002.tif", "none of the folders"),
    ],
)
def test_strays_are_rejected_with_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    scan = bach(patch=None).scan(put(tmp_path, "Normal/n001.tif", name))
    assert len(scan.samples) == 1
    (rejected,) = scan.rejected
    assert reason in rejected.reason


def test_an_image_smaller_than_a_patch_is_rejected(tmp_path: Path) -> None:
    put(tmp_path, "Normal/n001.tif")
    scan = bach().scan(put(tmp_path, "Benign/b001.tif", size=(64, 15)))
    assert {sample.image_id for sample in scan.samples} == {"n001"}
    assert [r.reason for r in scan.rejected] == ["64x15 pixels, smaller than a patch of 16x16"]


def test_a_file_that_the_ground_truth_contradicts_is_rejected(tmp_path: Path) -> None:
    truth = "n001.tif,Normal\r\nb001.tif,InSitu\r\n"
    scan = bach(patch=None).scan(put(tmp_path, *ONE_EACH, truth=truth))
    assert {sample.image_id for sample in scan.samples} == {"n001", "is001", "iv001"}
    assert [(r.path, r.reason) for r in scan.rejected] == [
        (
            (PHOTOS / "Benign/b001.tif").as_posix(),
            "microscopy_ground_truth.csv calls it InSitu, the file lies in Benign",
        )
    ]


@pytest.mark.parametrize(
    ("truth", "line", "message"),
    [
        ("n001.tif,Normal\n\nn002.tif,Odd\n", 3, "Not a line of BACH's ground truth"),
        ("n001.tif\n", 1, "Not a line of BACH's ground truth"),
        ("n001.tif,Normal\nn001.tif,Benign\n", 2, "n001 is Normal and Benign"),
    ],
)
def test_a_damaged_ground_truth_is_an_error_that_names_the_line(
    tmp_path: Path, truth: str, line: int, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        bach().scan(put(tmp_path, *ONE_EACH, truth=truth))
    assert caught.value.location is not None
    assert caught.value.location.line == line


@pytest.mark.parametrize("wrong", [{"patch": 0}, {"overlap": 0.95}, {"layout": "wild"}])
def test_a_cut_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BACHParams(**wrong)


@pytest.fixture(scope="module")
def report(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> VerifyReport:
    return verify(BACH(), shared_data / "bach", tmp_path_factory.mktemp("cache"), workers=2)


def test_the_real_images_have_their_classes_and_nine_patches_each(shared_data: Path) -> None:
    scan = BACH().scan(shared_data / "bach")
    labels = {sample.image_id: sample.label for sample in scan.samples}
    assert Counter(labels.values()) == dict.fromkeys(BACH.classes, 5)
    assert set(Counter(sample.image_id for sample in scan.samples).values()) == {9}
    assert scan.rejected == []


def test_what_the_cropped_sample_lacks_is_reported(report: VerifyReport) -> None:
    assert (report.counts["samples"], report.counts["images"]) == (180, 20)
    assert [(e.name, e.expected, e.found) for e in report.expectations] == [
        ("images", 400, 20),
        *((label, 100, 5) for label in BACH.classes),
    ]
    assert (report.sizes, report.undeclared_sizes) == ({"1536x1536": 20}, ("1536x1536",))
    assert (report.unreadable, report.rejected, report.identical) == ((), (), ())
    assert not report.ok


def test_the_real_images_keep_the_contract(shared_data: Path) -> None:
    results = check(entry_for(BACH), params={"overlap": 0.5}, root=shared_data / "bach")
    assert [result for result in results if not result.passed] == []
