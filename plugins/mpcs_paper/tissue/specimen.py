"""One sample from name to pictures: laid out once, photographed at all its magnifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mpcs_bench.protocol.seeds import generator
from mpcs_paper.tissue.diagnosis import Subject
from mpcs_paper.tissue.layout import lay_out
from mpcs_paper.tissue.optics import MAGNIFICATIONS, SENSOR, fields_of_view
from mpcs_paper.tissue.render import Picture, draw, photograph
from mpcs_paper.tissue.stain import sample_stain


@dataclass(frozen=True, slots=True)
class TissueSettings:
    """What decides a sample's pixels, besides the subject and the sample's number.

    `width` x `height` pixels at every magnification; `separation` 0 to 1 between the classes'
    mean atypia; `stain_variation` scales how stains differ (1: about as in BreakHis);
    `pitch_40x` micrometres per pixel at 40X on the full `sensor` (pixels); `magnifications` in
    ascending order.
    """

    seed: int
    width: int
    height: int
    separation: float
    stain_variation: float
    pitch_40x: float
    sensor: tuple[int, int] = SENSOR
    magnifications: tuple[int, ...] = MAGNIFICATIONS


@dataclass(frozen=True, slots=True)
class Specimen:
    """Sample number `sample` (from 1) of a subject, and where its pictures go.

    `paths` is magnification -> file relative to the root; its suffix is .png or .tif.
    """

    subject: Subject
    sample: int
    paths: Mapping[int, str]


def draw_sample(settings: TissueSettings, subject: Subject, sample: int) -> dict[int, Picture]:
    """Return the pictures of sample number `sample` (from 1): magnification -> uint8 BGR image.

    The same arguments give the same bytes, in any order and in any process.
    """
    layout = lay_out(
        settings.seed,
        subject,
        sample,
        separation=settings.separation,
        pitch_40x=settings.pitch_40x,
        sensor=settings.sensor,
        widest=settings.magnifications[0],
    )
    stain = sample_stain(settings.seed, subject, sample, settings.stain_variation)
    pictures = {}
    for view in fields_of_view(
        settings.width,
        settings.height,
        settings.pitch_40x,
        sensor=settings.sensor,
        magnifications=settings.magnifications,
    ):
        names = (subject.key, f"sample={sample}", f"sensor={view.magnification}")
        sensor = generator(settings.seed, *names)
        pictures[view.magnification] = photograph(draw(layout, view), stain, sensor)
    return pictures
