"""One sample from name to pictures: laid out once, photographed at all four magnifications."""

from __future__ import annotations

from dataclasses import dataclass

from mpcs_bench.protocol.seeds import generator
from mpcs_paper.tissue.cohort import Patient
from mpcs_paper.tissue.layout import lay_out
from mpcs_paper.tissue.optics import fields_of_view
from mpcs_paper.tissue.render import Picture, draw, photograph
from mpcs_paper.tissue.stain import sample_stain


@dataclass(frozen=True, slots=True)
class TissueSettings:
    """What decides a sample's pixels, besides the patient and the sample's number.

    `width` x `height` pixels at every magnification; `separation` 0 to 1 between the classes'
    mean atypia; `stain_variation` scales how stains differ (1: about as in BreakHis);
    `pitch_40x` micrometres per pixel at 40X on the full sensor of 700 x 460.
    """

    seed: int
    width: int
    height: int
    separation: float
    stain_variation: float
    pitch_40x: float


def draw_sample(settings: TissueSettings, patient: Patient, sample: int) -> dict[int, Picture]:
    """Return the pictures of sample number `sample` (from 1): magnification -> uint8 BGR image.

    The same arguments give the same bytes, in any order and in any process.
    """
    layout = lay_out(
        settings.seed,
        patient,
        sample,
        separation=settings.separation,
        pitch_40x=settings.pitch_40x,
    )
    stain = sample_stain(settings.seed, patient, sample, settings.stain_variation)
    pictures = {}
    for view in fields_of_view(settings.width, settings.height, settings.pitch_40x):
        names = (patient.key, f"sample={sample}", f"sensor={view.magnification}")
        sensor = generator(settings.seed, *names)
        pictures[view.magnification] = photograph(draw(layout, view), stain, sensor)
    return pictures
