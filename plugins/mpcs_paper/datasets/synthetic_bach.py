"""Synthetic H&E tissue in BACH's layout: four classes, one picture a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mpcs_paper.datasets.bach import BACH, CODES, FOLDERS, GROUND_TRUTH, PHOTOS, BACHParams
from mpcs_paper.datasets.drawn import DrawnDataset, DrawnParams

if TYPE_CHECKING:
    from mpcs_paper.tissue.specimen import Specimen, TissueSettings

SENSOR = BACH.image_sizes[0]
MAGNIFICATION = 200


class SyntheticBACHParams(DrawnParams):
    """What decides every pixel of the data set, and how it is cut into patches."""

    images: int = Field(25, ge=1, le=999, description="images of each class; BACH has 100")
    width: int = Field(512, ge=32, le=SENSOR[0], description="pixels")
    height: int = Field(384, ge=24, le=SENSOR[1], description="pixels")
    pitch: float = Field(
        0.42, ge=0.1, le=0.6, description="micrometres per pixel at width 2048; published: 0.42"
    )
    patch: int | None = Field(128, ge=1, description="edge in pixels; null: whole images")
    overlap: float = Field(
        0.0, ge=0.0, le=0.9, description="part of a patch's edge shared with its neighbour"
    )
    layout: Literal["shifted", "floor"] = Field(
        "shifted", description="what happens with a rest: an overlapping patch, or none"
    )


class SyntheticBACH(DrawnDataset):
    """Drawn tissue in the names and folders of BACH; every image has a stain of its own.

    Normal has few and orderly glands, benign more and larger ones; in situ, atypical cells fill
    ducts whose outline holds; invasive, they stand in nests and files, and glands are lost.
    """

    name = "synthetic-bach"
    summary = "Drawn H&E tissue in BACH's layout: normal, benign, in situ, invasive"
    Params = SyntheticBACHParams
    params: SyntheticBACHParams
    reading_params: ClassVar[frozenset[str]] = frozenset(BACHParams.model_fields)
    classes = BACH.classes
    group_columns = BACH.group_columns
    default_group = BACH.default_group
    metric_levels = BACH.metric_levels

    def real(self) -> BACH:
        """Return the plugin whose names and folders these pictures have."""
        params = self.params
        return BACH(BACHParams(patch=params.patch, overlap=params.overlap, layout=params.layout))

    def settings(self) -> TissueSettings:
        """Return what decides the pixels of each image."""
        from mpcs_paper.tissue.specimen import TissueSettings

        params = self.params
        return TissueSettings(
            seed=params.seed,
            width=params.width,
            height=params.height,
            separation=params.separation,
            stain_variation=params.stain_variation,
            pitch_40x=params.pitch * MAGNIFICATION / 40,
            sensor=SENSOR,
            magnifications=(MAGNIFICATION,),
        )

    def specimens(self) -> list[Specimen]:
        """Return one specimen an image: a larger data set begins each class like a smaller one."""
        from mpcs_paper.tissue.diagnosis import BACH as DIAGNOSES
        from mpcs_paper.tissue.diagnosis import Donor
        from mpcs_paper.tissue.specimen import Specimen

        return [
            Specimen(
                Donor(f"image={stem}", DIAGNOSES[FOLDERS[folder]]),
                1,
                {MAGNIFICATION: (PHOTOS / folder / f"{stem}.tif").as_posix()},
            )
            for stem, folder in self._images()
        ]

    def texts(self) -> dict[str, str]:
        """Return the ground truth as BACH ships it, `n001.tif,Normal` line by line."""
        lines = [f"{stem}.tif,{folder}\n" for stem, folder in self._images()]
        return {(PHOTOS / GROUND_TRUTH).as_posix(): "".join(lines)}

    def _images(self) -> list[tuple[str, str]]:
        numbers = range(1, self.params.images + 1)
        return [(f"{code}{n:03d}", folder) for code, folder in CODES.items() for n in numbers]
