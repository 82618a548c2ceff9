"""Pictures: fields that truly nest, stains that vary, colours that do not tell the class."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mpcs_bench.protocol.seeds import generator
from mpcs_paper.tissue.cohort import Patient, cohort
from mpcs_paper.tissue.layout import lay_out
from mpcs_paper.tissue.noise import Image
from mpcs_paper.tissue.optics import MAGNIFICATIONS, FieldOfView
from mpcs_paper.tissue.render import Picture, draw, photograph
from mpcs_paper.tissue.specimen import TissueSettings, draw_sample
from mpcs_paper.tissue.stain import sample_stain

SETTINGS = TissueSettings(
    seed=0, width=280, height=184, separation=0.6, stain_variation=1.0, pitch_40x=2.0
)
PATIENTS = cohort(0, 30, 2.0, 0.6)

Pictures = dict[int, Picture]


@pytest.fixture(scope="module")
def samples() -> list[Pictures]:
    return [draw_sample(SETTINGS, patient, 1) for patient in PATIENTS[:6]]


def likeness(wide: Picture, narrow: Picture, ratio: float) -> float:
    """Correlate the centre of a wide field with a narrower field shrunk to the same pixels."""
    height, width = wide.shape[0] * ratio, wide.shape[1] * ratio
    size = (round(width), round(height))
    seen = cv2.getRectSubPix(wide, size, ((wide.shape[1] - 1) / 2, (wide.shape[0] - 1) / 2))
    shrunk = cv2.resize(narrow, size, interpolation=cv2.INTER_AREA)
    return float(np.corrcoef(seen[..., 1].ravel(), shrunk[..., 1].ravel())[0, 1])


@pytest.mark.parametrize(("wide", "narrow"), [(40, 100), (100, 200), (200, 400), (40, 200)])
def test_the_centre_of_a_field_is_the_field_at_higher_magnification(
    wide: int, narrow: int, samples: list[Pictures]
) -> None:
    for place, own in enumerate(samples):
        stranger = samples[(place + 1) % len(samples)]
        same = likeness(own[wide], own[narrow], wide / narrow)
        other = likeness(own[wide], stranger[narrow], wide / narrow)
        assert same > 0.8
        assert same > other + 0.5


def test_a_smaller_picture_shows_the_same_field() -> None:
    small = draw_sample(replace(SETTINGS, width=140, height=92), PATIENTS[0], 1)
    large = draw_sample(SETTINGS, PATIENTS[0], 1)
    for magnification in MAGNIFICATIONS:
        assert likeness(small[magnification], large[magnification], 1.0) > 0.9


def test_pictures_are_as_large_as_asked_for(samples: list[Pictures]) -> None:
    assert {picture.shape for own in samples for picture in own.values()} == {(184, 280, 3)}


def test_a_sample_is_drawn_the_same_at_any_time(samples: list[Pictures]) -> None:
    draw_sample(SETTINGS, PATIENTS[4], 2)
    again = draw_sample(SETTINGS, PATIENTS[1], 1)
    for magnification in MAGNIFICATIONS:
        assert np.array_equal(again[magnification], samples[1][magnification])


def test_another_seed_gives_other_tissue(samples: list[Pictures]) -> None:
    other = draw_sample(replace(SETTINGS, seed=1), PATIENTS[0], 1)
    assert not np.array_equal(other[40], samples[0][40])


def test_the_average_stain_makes_pictures_as_light_as_breakhis() -> None:
    """BreakHis at 100X has mean RGB 201, 174, 197; its images spread by 17, 20 and 16."""
    settings = replace(SETTINGS, width=140, height=92, stain_variation=0.0)
    drawn = [draw_sample(settings, patient, 1)[100] for patient in PATIENTS[:10]]
    colour = np.mean([picture[..., ::-1].reshape(-1, 3).mean(axis=0) for picture in drawn], axis=0)
    assert colour == pytest.approx([201, 174, 197], abs=15)


def mean_colours(stain_variation: float) -> np.ndarray:
    settings = replace(SETTINGS, width=70, height=46, stain_variation=stain_variation)
    drawn = [draw_sample(settings, patient, 1)[40] for patient in PATIENTS[:8]]
    return np.array([picture.reshape(-1, 3).mean(axis=0) for picture in drawn])


def test_stain_variation_spreads_the_patients_colours() -> None:
    assert mean_colours(1.0).std(axis=0).mean() > 2 * mean_colours(0.0).std(axis=0).mean()


def haematoxylin(patient: Patient, separation: float) -> Image:
    layout = lay_out(0, patient, 1, separation=separation, pitch_40x=2.0)
    return draw(layout, FieldOfView(400, 280, 184, 2.0)).haematoxylin


def test_stained_pieces_are_larger_in_malignant_tissue_at_400x() -> None:
    """Measured on the dye that reaches the picture, not on the layout that it was drawn from."""

    def typical_piece(malignant: bool) -> float:
        areas = []
        for patient in [p for p in PATIENTS if p.malignant == malignant][:8]:
            stained = (haematoxylin(patient, 1.0) > 0.35).astype(np.uint8)
            _, _, pieces, _ = cv2.connectedComponentsWithStats(stained)
            area = pieces[1:, cv2.CC_STAT_AREA]
            areas.extend(area[area > 20].tolist())
        return float(np.percentile(areas, 75))

    assert typical_piece(malignant=True) > 1.3 * typical_piece(malignant=False)


def colour(patient: Patient, magnification: int) -> list[float]:
    layout = lay_out(0, patient, 1, separation=0.6, pitch_40x=2.0)
    canvas = draw(layout, FieldOfView(magnification, 70, 46, 2.0))
    picture = photograph(canvas, sample_stain(0, patient, 1, 1.0), generator(0, patient.key))
    pixels = picture.reshape(-1, 3)
    return [*pixels.mean(axis=0), *pixels.std(axis=0)]


@pytest.mark.parametrize("magnification", [40, 400])
def test_colour_alone_does_not_give_the_class_away(magnification: int) -> None:
    """A ridge classifier on mean and deviation of RGB, patients held out; 0.5 is chance.

    It is the floor that a network has to beat: near 0.6 with more samples than here.
    """
    patients = cohort(0, 60, 1.0, 0.5)
    labels = np.array([patient.malignant for patient in patients])
    guesses = cross_val_predict(
        make_pipeline(StandardScaler(), RidgeClassifier()),
        np.array([colour(patient, magnification) for patient in patients]),
        labels,
        cv=StratifiedKFold(10),
    )
    assert np.mean(guesses == labels) <= 0.75
