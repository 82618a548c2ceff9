"""Synthetic H&E tissue in UCSB's layout: images of tissue-array spots, benign and malignant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mpcs_paper.datasets.drawn import DrawnDataset, DrawnParams
from mpcs_paper.datasets.ucsb import UCSB, UCSBParams

if TYPE_CHECKING:
    from mpcs_paper.tissue.specimen import Specimen, TissueSettings

SENSOR = UCSB.image_sizes[0]
MAGNIFICATION = 400


class SyntheticUCSBParams(DrawnParams):
    """What decides every pixel of the data set, and how it is cut into patches."""

    benign: int = Field(32, ge=1, le=10_000, description="benign images, dealt over all spots")
    malignant: int = Field(
        26, ge=1, le=10_000, description="malignant images, dealt over all spots but the last"
    )
    spots: int = Field(10, ge=2, le=1000, description="tissue-array spots, each of one stain")
    width: int = Field(448, ge=32, le=SENSOR[0], description="pixels")
    height: int = Field(384, ge=27, le=SENSOR[1], description="pixels")
    pitch: float = Field(
        0.25,
        ge=0.1,
        le=0.6,
        description="micrometres per pixel at width 896 (none is published; 0.25 gives nuclei "
        "the size that they have in UCSB's pictures)",
    )
    patch: int | None = Field(112, ge=1, description="edge in pixels; null: whole images")
    layout: Literal["shifted", "floor"] = Field(
        "shifted", description="what happens with a rest: an overlapping patch, or none"
    )

    @model_validator(mode="after")
    def _every_spot_has_its_classes(self) -> Self:
        if self.benign < self.spots or self.malignant < self.spots - 1:
            raise ValueError(
                f"{self.spots} spots need as many benign images and {self.spots - 1} malignant "
                f"ones at least, not {self.benign} and {self.malignant}"
            )
        return self


class SyntheticUCSB(DrawnDataset):
    """Drawn tissue in the names of UCSB; images of one spot share its stain and its habits.

    As in UCSB every spot but one holds both classes. Malignant differs from benign as in
    `synthetic`.
    """

    name = "synthetic-ucsb"
    summary = "Drawn H&E tissue in UCSB's layout: benign and malignant images of shared spots"
    Params = SyntheticUCSBParams
    params: SyntheticUCSBParams
    reading_params: ClassVar[frozenset[str]] = frozenset(UCSBParams.model_fields)
    classes = UCSB.classes
    group_columns = UCSB.group_columns
    default_group = UCSB.default_group
    metric_levels = UCSB.metric_levels

    def real(self) -> UCSB:
        """Return the plugin whose names these pictures have."""
        return UCSB(UCSBParams(patch=self.params.patch, layout=self.params.layout))

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
        """Return one specimen an image; a larger data set holds the images of a smaller one."""
        from mpcs_paper.tissue.diagnosis import UCSB as DIAGNOSES
        from mpcs_paper.tissue.diagnosis import Donor
        from mpcs_paper.tissue.specimen import Specimen

        found = []
        for label in self.classes:
            for spot, number in self._deal(label):
                # A spot's images are its samples: benign have odd numbers, malignant even ones.
                sample = 2 * number - (label == "benign")
                path = f"{_spot_name(spot)}_{label}{number}_ccd.tif"
                donor = Donor(f"spot={spot}", DIAGNOSES[label])
                found.append(Specimen(donor, sample, {MAGNIFICATION: path}))
        return found

    def _deal(self, label: str) -> Iterator[tuple[int, int]]:
        """Yield spot (from 0) and number in it (from 1) of each image of a class."""
        benign = label == "benign"
        spots = self.params.spots if benign else self.params.spots - 1
        for image in range(self.params.benign if benign else self.params.malignant):
            yield image % spots, image // spots + 1


def _spot_name(spot: int) -> str:
    """Return a name like UCSB's (`ytma10_010704`) that none of its spots has."""
    return f"ytma{100 + spot}_{1 + spot % 12:02d}{1 + spot % 28:02d}24"
