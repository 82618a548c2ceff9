"""The data set plugin `synthetic`: files, names, parameters, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import pytest
from pydantic import ValidationError

from mpcs_bench.errors import DataError
from mpcs_paper.datasets.breakhis import BreakHis
from mpcs_paper.datasets.synthetic import Synthetic, SyntheticParams

TINY = {"patients": 4, "samples": 1.5, "width": 56, "height": 37}


def synthetic(**changes: Any) -> Synthetic:
    return Synthetic(SyntheticParams(**{**TINY, **changes}))


def digests(root: Path) -> dict[str, str]:
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def images(root: Path) -> dict[str, str]:
    return {name: digest for name, digest in digests(root).items() if name.endswith(".png")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "root"
    synthetic().generate(root, workers=1)
    return root


def test_the_same_parameters_give_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    synthetic().generate(tmp_path / "again", workers=1)
    assert digests(tmp_path / "again") == digests(drawn)


def test_the_bytes_do_not_depend_on_the_number_of_workers(drawn: Path, tmp_path: Path) -> None:
    synthetic().generate(tmp_path / "two", workers=2)
    assert digests(tmp_path / "two") == digests(drawn)


def test_adding_a_patient_changes_no_other_patients_images(drawn: Path, tmp_path: Path) -> None:
    synthetic(patients=5).generate(tmp_path / "five", workers=1)
    larger = images(tmp_path / "five")
    assert images(drawn).items() < larger.items()


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"separation": 0.2}, {"stain_variation": 0.5}, {"pitch": 0.49}]
)
def test_every_parameter_of_the_tissue_changes_the_images(
    change: dict[str, Any], drawn: Path, tmp_path: Path
) -> None:
    synthetic(**change).generate(tmp_path / "other", workers=1)
    assert not set(images(tmp_path / "other").values()) & set(images(drawn).values())


def test_breakhis_reads_the_tree_without_a_complaint(drawn: Path) -> None:
    scan = BreakHis().scan(drawn)
    assert scan.rejected == []
    assert len(scan.samples) == len(images(drawn)) > 0


def test_every_sample_has_all_four_magnifications_under_one_sequence_number(drawn: Path) -> None:
    sets = Counter((s.patient_id, s.sequence) for s in synthetic().scan(drawn).samples)
    assert set(sets.values()) == {4}


def test_samples_carry_breakhis_group_columns_and_both_classes(drawn: Path) -> None:
    samples = synthetic().scan(drawn).samples
    assert {tuple(sample.groups) for sample in samples} == {("patient", "patient_number", "case")}
    assert {sample.label for sample in samples} == {"benign", "malignant"}
    assert {sample.groups["patient"] for sample in samples} == {s.patient_id for s in samples}


def test_images_have_the_size_asked_for(drawn: Path) -> None:
    for name in images(drawn):
        image = cv2.imread(str(drawn / name))
        assert image is not None
        assert image.shape == (37, 56, 3)


def test_the_parameters_are_recorded_beside_the_images(drawn: Path) -> None:
    note = json.loads((drawn / "synthetic.json").read_text(encoding="utf-8"))
    assert SyntheticParams(**note["params"]) == synthetic().params


@pytest.mark.parametrize(
    "wrong",
    [
        {"patients": 1},
        {"samples": 0.5},
        {"malignant_fraction": 1.0},
        {"width": 701},
        {"height": 461},
        {"separation": 1.5},
        {"separation": -0.1},
        {"stain_variation": -1.0},
        {"pitch": 0.0},
        {"seed": -1},
        {"colour": "blue"},
    ],
)
def test_parameters_out_of_range_are_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SyntheticParams(**wrong)


def test_a_folder_with_anything_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        synthetic().generate(tmp_path, workers=1)
    assert [file.name for file in tmp_path.iterdir()] == ["precious.txt"]


def test_a_file_is_refused_as_root(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("mine")
    with pytest.raises(DataError, match="not a folder"):
        synthetic().generate(tmp_path / "root", workers=1)


def test_an_empty_folder_is_a_fine_root(tmp_path: Path, drawn: Path) -> None:
    (tmp_path / "root").mkdir()
    synthetic().generate(tmp_path / "root", workers=1)
    assert digests(tmp_path / "root") == digests(drawn)


def test_progress_counts_images_up_to_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    synthetic().generate(tmp_path / "root", 1, lambda done, total: seen.append((done, total)))
    total = len(images(tmp_path / "root"))
    assert [done for done, _ in seen] == list(range(4, total + 1, 4))
    assert {of for _, of in seen} == {total}


def test_an_error_on_the_way_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthetic().generate(tmp_path / "root", 1, stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_killed_run_leaves_no_root_that_looks_complete(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from mpcs_paper.datasets.synthetic import Synthetic, SyntheticParams\n"
        "Synthetic(SyntheticParams(patients=500, width=56, height=37)).generate("
        "Path(sys.argv[1]), workers=1)\n"
    )
    root = tmp_path / "root"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program, str(root)], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not any(tmp_path.rglob("*.png")) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert any(tmp_path.rglob("*.png"))
    assert not root.exists()
    with pytest.raises(DataError, match="no finished synthetic data set"):
        synthetic().scan(root)


def test_data_drawn_with_other_parameters_are_not_taken_for_these(drawn: Path) -> None:
    with pytest.raises(DataError, match=r"separation is 0\.6, asked for 0\.3"):
        synthetic(separation=0.3).scan(drawn)


def test_a_damaged_note_is_named(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "synthetic.json").write_text("{")
    with pytest.raises(DataError, match=r"synthetic\.json"):
        synthetic().scan(tmp_path)


def test_there_are_no_official_folds(drawn: Path) -> None:
    with pytest.raises(DataError, match="no official folds"):
        synthetic().official_folds(drawn)
