"""The contract suite of data sets: a sound one passes, a fault fails its own check."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from mpcs_bench.errors import PluginError
from mpcs_bench.registry import Dataset, Sample, Scan, entry_for
from mpcs_bench.registry.suite import check


class Sound(Dataset):
    name = "sound"
    classes = ("benign", "malignant")
    magnifications = (40, 100)
    group_columns = ("patient", "case")
    default_group = "case"
    generated = True

    def generate(self, root, workers, progress=None):
        for label in self.classes:
            (root / label).mkdir()
            for magnification in self.magnifications:
                image = np.full((12, 16, 3), magnification, np.uint8)
                assert cv2.imwrite(str(root / label / f"p1-{magnification}.png"), image)

    def scan(self, root: Path) -> Scan:
        return Scan([self.sample(path, root) for path in sorted(root.glob("*/*.png"))])

    def sample(self, path, root):
        patient, magnification = path.stem.split("-")
        name = path.relative_to(root).as_posix()
        return Sample(
            sample_id=name,
            path=name,
            label=path.parent.name,
            subtype=path.parent.name,
            patient_id=patient,
            groups={"patient": patient, "case": patient},
            image_id=name,
            magnification=int(magnification),
            box=(0, 0, 16, 12),
        )


def changed(**fields):
    """Return a data set whose samples differ from sound ones in these fields."""

    class Changed(Sound):
        def sample(self, path, root):
            return dataclasses.replace(super().sample(path, root), **fields)

    return Changed


class Empty(Sound):
    def scan(self, root):
        return Scan([])


class Shuffled(Sound):
    def scan(self, root):
        samples = super().scan(root).samples
        return Scan([dataclasses.replace(s, sequence=str(random.random())) for s in samples])


class CannotGenerate(Sound):
    def generate(self, root, workers, progress=None):
        raise OSError("disk full")


class FromFolder(Sound):
    generated = False


def failures(cls, **options):
    return {r.name: r.message for r in check(entry_for(cls), **options) if not r.passed}


def test_a_sound_generated_data_set_passes_every_check_without_a_root():
    assert failures(Sound) == {}


@pytest.mark.parametrize(
    ("cls", "name", "message"),
    [
        (CannotGenerate, "generates", "disk full"),
        (Empty, "scan", "finds no sample"),
        (Shuffled, "stable scan", "a second scan differs"),
        (changed(sample_id="one"), "sample ids", "used twice, the first is 'one'"),
        (changed(label="unsure"), "labels", "['unsure']"),
        (changed(magnification=200), "magnifications", "['200']"),
        (changed(groups={"patient": "p1"}), "groups", "not one for each"),
        (changed(groups={"patient": "p1", "case": ""}), "groups", "not one for each"),
        (changed(path="benign/p9.png"), "paths", "no file, the first is benign/p9.png"),
        (changed(box=(1, 0, 16, 12)), "patches", "leaves its image of 16x12"),
        (changed(box=(-1, 0, 4, 4)), "patches", "starts outside"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_fails_exactly_the_check_that_is_meant(cls, name, message):
    found = failures(cls)

    assert list(found) == [name]
    assert message in found[name]


def test_a_data_set_read_from_a_folder_needs_that_folder(tmp_path):
    with pytest.raises(PluginError, match="none was given") as caught:
        check(entry_for(FromFolder))
    assert "--root" in caught.value.hint

    Sound().generate(tmp_path, workers=1)
    assert failures(FromFolder, root=tmp_path) == {}
