"""Synthetic H&E tissue in BreakHis's layout: a data set for whoever has none, free to share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from mpcs_paper.datasets.breakhis import LABELS, SUBTYPE_FOLDERS, BreakHis
from mpcs_paper.datasets.drawn import DrawnDataset, DrawnParams

if TYPE_CHECKING:
    from mpcs_paper.tissue.cohort import Patient
    from mpcs_paper.tissue.specimen import Specimen, TissueSettings


class SyntheticParams(DrawnParams):
    """What decides every pixel of the data set."""

    patients: int = Field(80, ge=2, le=10_000, description="patients, each of one class")
    samples: float = Field(
        5.0, ge=1, le=50, description="mean tissue samples per patient; the number varies"
    )
    malignant_fraction: float = Field(
        0.6, ge=0.1, le=0.9, description="part of the patients that is malignant"
    )
    width: int = Field(350, ge=32, le=700, description="pixels")
    height: int = Field(230, ge=21, le=460, description="pixels")
    pitch: float = Field(
        2.0,
        ge=0.4,
        le=3.0,
        description="micrometres per pixel at 40X and width 700. 2.0 gives nuclei and red cells "
        "the size that they have in BreakHis's pictures; the published 0.49 gives fields a "
        "quarter as wide",
    )


class Synthetic(DrawnDataset):
    """Drawn tissue: nested fields at 40X, 100X, 200X and 400X around one centre per sample.

    Malignant differs from benign in nuclear size, pleomorphism, chromatin and nucleoli, and in
    the disorder of glands; patients' stains differ much more than the classes' colours. Names,
    folders and group columns are those of BreakHis.
    """

    name = "synthetic"
    summary = "Drawn H&E tissue at 40X to 400X in BreakHis's layout; any number of patients"
    Params = SyntheticParams
    params: SyntheticParams
    classes = BreakHis.classes
    magnifications = BreakHis.magnifications
    group_columns = BreakHis.group_columns
    default_group = BreakHis.default_group
    metric_levels = BreakHis.metric_levels

    def real(self) -> BreakHis:
        """Return the plugin whose names and folders these pictures have."""
        return BreakHis()

    def settings(self) -> TissueSettings:
        """Return what decides the pixels of each sample."""
        from mpcs_paper.tissue.specimen import TissueSettings

        params = self.params
        return TissueSettings(
            seed=params.seed,
            width=params.width,
            height=params.height,
            separation=params.separation,
            stain_variation=params.stain_variation,
            pitch_40x=params.pitch,
        )

    def specimens(self) -> list[Specimen]:
        """Return every sample of every patient."""
        from mpcs_paper.tissue.cohort import cohort
        from mpcs_paper.tissue.specimen import Specimen

        params = self.params
        patients = cohort(params.seed, params.patients, params.samples, params.malignant_fraction)
        return [
            Specimen(
                patient,
                sample,
                {power: _image_path(patient, power, sample) for power in self.magnifications},
            )
            for patient in patients
            for sample in range(1, patient.samples + 1)
        ]


def _image_path(patient: Patient, magnification: int, sample: int) -> str:
    """Return where BreakHis would keep an image, relative to the root."""
    label = "M" if patient.malignant else "B"
    name = f"SOB_{label}_{patient.subtype}-{patient.number}-{magnification}-{sample:03d}.png"
    folder = Path("BreaKHis_v1", "histology_slides", "breast", LABELS[label], "SOB")
    folder = folder / SUBTYPE_FOLDERS[patient.subtype] / f"SOB_{patient.patient_id}"
    return (folder / f"{magnification}X" / name).as_posix()
