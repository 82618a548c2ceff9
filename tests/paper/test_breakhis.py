"""BreakHis: names, folders, groups and published folds are read as they are published."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mpcs_bench.errors import DataError
from mpcs_paper.datasets.breakhis import BreakHis, BreakHisParams

BREAST = Path("BreaKHis_v1/histology_slides/breast")
DUCTAL = BREAST / "malignant/SOB/ductal_carcinoma/SOB_M_DC_14-13412"
ADENOSIS = BREAST / "benign/SOB/adenosis/SOB_B_A_14-22549AB"


def put(root: Path, *places: Path | str) -> Path:
    for place in places:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(b"never opened")
    return root


def test_a_sample_says_what_its_name_and_folders_say(tmp_path):
    root = put(tmp_path, ADENOSIS / "40X/SOB_B_A-14-22549AB-40-001.png")
    (sample,) = BreakHis().scan(root).samples
    assert sample.sample_id == sample.image_id == "SOB_B_A-14-22549AB-40-001"
    assert (sample.label, sample.subtype, sample.patient_id) == ("benign", "A", "B_A_14-22549AB")
    assert (sample.magnification, sample.sequence, sample.box) == (40, "001", None)
    assert sample.groups == {
        "patient": "B_A_14-22549AB",
        "patient_number": "14-22549AB",
        "case": "14-22549",
    }
    assert root / sample.path == root / ADENOSIS / "40X/SOB_B_A-14-22549AB-40-001.png"


@pytest.mark.parametrize("root", [".", "BreaKHis_v1", "BreaKHis_v1/histology_slides"])
def test_the_root_may_be_any_folder_down_to_the_one_above_breast(tmp_path, root):
    put(tmp_path, DUCTAL / "100X/SOB_M_DC-14-13412-100-003.png")
    scan = BreakHis().scan(tmp_path / root)
    assert [s.sample_id for s in scan.samples] == ["SOB_M_DC-14-13412-100-003"]


REJECTED = {
    DUCTAL / "100X/._SOB_M_DC-14-13412-100-003.png": "hidden",
    DUCTAL / "100X/copy of SOB_M_DC-14-13412-100-003.png": "not of the form",
    DUCTAL / "100X/SOB_M_DC-14-13412-100-003.jpg": "PNG",
    DUCTAL / "100X/SOB_M_DC-14-13412-200-003.png": "magnification folder 200X",
    DUCTAL / "100X/SOB_M_DC-14-13413-100-003.png": "patient folder SOB_M_DC_14-13413",
    DUCTAL / "100X/SOB_M_XX-14-13412-100-003.png": "unknown tumour type",
    DUCTAL / "100X/SOB_B_DC-14-13412-100-003.png": "calls tumour type DC benign",
    BREAST / "malignant/SOB/lobular_carcinoma/SOB_M_DC_14-13412/100X"
    "/SOB_M_DC-14-13412-100-003.png": "tumour type folder ductal_carcinoma",
    BREAST / "benign/SOB/ductal_carcinoma/SOB_M_DC_14-13412/100X"
    "/SOB_M_DC-14-13412-100-003.png": "class folder malignant",
}


@pytest.mark.parametrize(("place", "reason"), REJECTED.items(), ids=REJECTED.values())
def test_a_file_that_contradicts_its_place_is_rejected_with_the_reason(tmp_path, place, reason):
    put(tmp_path, ADENOSIS / "40X/SOB_B_A-14-22549AB-40-001.png", place)
    scan = BreakHis().scan(tmp_path)
    assert len(scan.samples) == 1
    (rejected,) = scan.rejected
    assert reason in rejected.reason
    assert rejected.path == place.as_posix()


def test_the_same_image_name_twice_is_rejected_the_second_time(tmp_path):
    name = "SOB_B_A-14-22549AB-40-001"
    put(tmp_path, ADENOSIS / f"40X/{name}.png", ADENOSIS / f"40X/{name}.PNG")
    scan = BreakHis().scan(tmp_path)
    assert len(scan.samples) == 1
    assert "same image name" in scan.rejected[0].reason


def test_files_that_are_no_images_are_ignored(tmp_path):
    put(tmp_path, ADENOSIS / "40X/SOB_B_A-14-22549AB-40-001.png", ADENOSIS / "40X/Thumbs.db")
    assert BreakHis().scan(tmp_path).rejected == []


def test_a_folder_that_links_to_its_parent_is_walked_once(tmp_path):
    put(tmp_path, ADENOSIS / "40X/SOB_B_A-14-22549AB-40-001.png")
    (tmp_path / ADENOSIS / "loop").symlink_to(tmp_path / BREAST, target_is_directory=True)
    scan = BreakHis().scan(tmp_path)
    assert (len(scan.samples), scan.rejected) == (1, [])


@pytest.mark.parametrize(("folder", "wrong"), [("", "holds no BreakHis"), ("gone", "not a folder")])
def test_a_root_without_the_tree_says_what_layout_is_expected(tmp_path, folder, wrong):
    with pytest.raises(DataError, match=wrong) as caught:
        BreakHis().scan(tmp_path / folder)
    assert "histology_slides/breast/benign/SOB/adenosis" in str(caught.value.hint)


def test_all_published_names_are_placed(breakhis_tree):
    scan = BreakHis().scan(breakhis_tree)
    assert (len(scan.samples), scan.rejected) == (7909, [])
    assert len({s.patient_id for s in scan.samples}) == 82
    assert len({s.groups["patient_number"] for s in scan.samples}) == 81
    assert len({s.groups["case"] for s in scan.samples}) == 70


class TestOfficialFolds:
    def test_every_fold_puts_every_image_on_one_side(self, breakhis_tree):
        ids = {s.sample_id for s in BreakHis().scan(breakhis_tree).samples}
        folds = BreakHis().official_folds(breakhis_tree)
        assert set(folds) == {1, 2, 3, 4, 5}
        assert all(set(sides) == ids for sides in folds.values())
        tests = [sum(side == "test" for side in sides.values()) for sides in folds.values()]
        assert tests == [2904, 2403, 2577, 2698, 3083]

    def test_they_are_found_beside_the_root(self, breakhis_tree):
        inside = BreakHis().official_folds(breakhis_tree / "BreaKHis_v1")
        assert inside == BreakHis().official_folds(breakhis_tree)

    def test_their_folder_can_be_named(self, breakhis_tree, tmp_path):
        params = BreakHisParams(folds=str(breakhis_tree / "folds"))
        assert len(BreakHis(params).official_folds(tmp_path)) == 5

    def test_without_the_files_the_error_says_where_they_were_sought(self, tmp_path):
        with pytest.raises(DataError, match=str(tmp_path / "folds")):
            BreakHis().official_folds(tmp_path)

    @pytest.mark.parametrize(
        "line", ["SOB_B_A-1.png|40|2", "a.png|40|2|train", "a.png|40|3|validation"]
    )
    def test_a_damaged_line_is_located(self, breakhis_tree, tmp_path, line):
        folds = shutil.copytree(breakhis_tree / "folds", tmp_path / "folds")
        with (folds / "dsfold3.txt").open("a") as file:
            file.write(line + "\n")
        with pytest.raises(DataError, match="fold 3") as caught:
            BreakHis().official_folds(tmp_path)
        assert caught.value.location.line == 7910

    def test_a_name_listed_twice_is_an_error(self, breakhis_tree, tmp_path):
        folds = shutil.copytree(breakhis_tree / "folds", tmp_path / "folds")
        text = (folds / "dsfold1.txt").read_text()
        (folds / "dsfold1.txt").write_text(text + text.splitlines()[0] + "\n")
        with pytest.raises(DataError, match="listed twice in fold 1"):
            BreakHis().official_folds(tmp_path)
