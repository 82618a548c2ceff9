"""Layouts: what stands where, and in what the classes differ."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import cv2
import numpy as np
import pytest

from mpcs_paper.tissue.cohort import Patient, cohort
from mpcs_paper.tissue.layout import Layout, lay_out
from mpcs_paper.tissue.nuclei import EPITHELIAL, STROMAL
from mpcs_paper.tissue.profile import sample_profile
from mpcs_paper.tissue.uptake import nuclear_density

PATIENTS = cohort(0, 16, 2.0, 0.5)
BENIGN = [patient for patient in PATIENTS if not patient.malignant]
MALIGNANT = [patient for patient in PATIENTS if patient.malignant]


def laid_out(patient: Patient, *, separation: float = 0.6, sample: int = 1) -> Layout:
    return lay_out(0, patient, sample, separation=separation, pitch_40x=2.0)


@pytest.fixture(scope="module")
def benign() -> list[Layout]:
    return [laid_out(patient) for patient in BENIGN]


@pytest.fixture(scope="module")
def malignant() -> list[Layout]:
    return [laid_out(patient) for patient in MALIGNANT]


def same(left: Any, right: Any) -> bool:
    return all(
        np.array_equal(getattr(left, part.name), getattr(right, part.name)) for part in fields(left)
    )


def test_the_same_names_give_the_same_layout() -> None:
    one, other = laid_out(BENIGN[0]), laid_out(BENIGN[0])
    assert same(one.nuclei, other.nuclei)
    assert same(one.ground, other.ground)


def test_samples_of_one_patient_are_different_tissue() -> None:
    one, other = laid_out(BENIGN[0], sample=1), laid_out(BENIGN[0], sample=2)
    assert not np.array_equal(one.ground.across, other.ground.across)


def test_no_nucleus_stands_in_a_lumen(benign: list[Layout]) -> None:
    lumens = 0
    for layout in benign:
        for gland in layout.glands:
            if gland.lumen is None:
                continue
            lumens += 1
            outline = gland.lumen.astype(np.float32)
            near = np.abs(layout.nuclei.xy - gland.centre).max(axis=1) < gland.reach
            inside = [
                cv2.pointPolygonTest(outline, (float(x), float(y)), False) > 0
                for x, y in layout.nuclei.xy[near]
            ]
            assert not any(inside)
    assert lumens > 50


def test_glands_lie_in_the_middle_so_that_400x_shows_epithelium(
    benign: list[Layout], malignant: list[Layout]
) -> None:
    for layout in benign + malignant:
        nearest = min(np.hypot(*gland.centre) - gland.reach for gland in layout.glands)
        assert nearest < 70.0


def test_spindle_nuclei_lie_along_the_fibres(benign: list[Layout]) -> None:
    layout = benign[0]
    # The first nuclei are those of the stroma; vessels' linings follow their vessel instead.
    stromal = layout.nuclei.take(layout.nuclei.kind == STROMAL)
    fibres = layout.ground.angle[layout.world.cells(stromal.xy)]
    # Directions are the same turned by half a circle.
    agreement = np.cos(2 * (stromal.angle - fibres)).mean()
    assert agreement > 0.75


def epithelial_radius(layout: Layout) -> np.ndarray:
    nuclei = layout.nuclei.take(layout.nuclei.kind == EPITHELIAL)
    radius: np.ndarray = np.sqrt(nuclei.semi.prod(axis=1))
    return radius


def mean_radius(layout: Layout) -> float:
    return float(epithelial_radius(layout).mean())


def pleomorphism(layout: Layout) -> float:
    radius = epithelial_radius(layout)
    return float(radius.std() / radius.mean())


def nucleoli_per_nucleus(layout: Layout) -> float:
    return float(layout.nuclei.nucleoli[layout.nuclei.kind == EPITHELIAL].mean())


def solid_fraction(layout: Layout) -> float:
    return float(np.mean([gland.lumen is None for gland in layout.glands]))


def irregularity(layout: Layout) -> float:
    return float(layout.nuclei.shape[layout.nuclei.kind == EPITHELIAL].mean())


FEATURES = [mean_radius, pleomorphism, nucleoli_per_nucleus, solid_fraction, irregularity]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.__name__)
def test_malignant_tissue_has_more_of_each_feature_of_atypia(
    feature: Any, benign: list[Layout], malignant: list[Layout]
) -> None:
    low = np.array([feature(layout) for layout in benign])
    high = np.array([feature(layout) for layout in malignant])
    spread = np.sqrt((low.var() + high.var()) / 2)
    assert (high.mean() - low.mean()) / spread > 1.5


def test_at_no_separation_class_and_tumour_type_change_nothing() -> None:
    patient = MALIGNANT[0]
    twin = replace(patient, malignant=False, subtype="PT")
    assert sample_profile(0, patient, 1, 0.0) == sample_profile(0, twin, 1, 0.0)


def test_the_classes_drift_apart_evenly_as_separation_grows() -> None:
    def gap(separation: float) -> float:
        def mean(patients: list[Patient]) -> float:
            return float(
                np.mean(
                    [sample_profile(0, p, s, separation).atypia for p in patients for s in (1, 2)]
                )
            )

        return mean(MALIGNANT) - mean(BENIGN)

    gaps = np.array([gap(separation) for separation in (0.0, 0.1, 0.2, 0.3, 0.4)])
    assert np.diff(gaps) == pytest.approx(0.1, abs=0.02)


def test_uptake_brings_the_classes_to_nearly_the_same_contrast(
    benign: list[Layout], malignant: list[Layout]
) -> None:
    def contrast(layouts: list[Layout], stained: bool) -> float:
        values = [
            nuclear_density(layout.nuclei, layout.world).std()
            * (layout.uptake.cells if stained else 1.0)
            for layout in layouts
        ]
        return float(np.mean(values))

    before = contrast(malignant, stained=False) / contrast(benign, stained=False)
    after = contrast(malignant, stained=True) / contrast(benign, stained=True)
    assert before > 1.3
    assert after < 1.2
