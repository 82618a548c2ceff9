"""What a sample's tissue is like: one latent atypia, and nuisances blind to the class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpcs_bench.protocol.seeds import generator
from mpcs_paper.tissue.cohort import Patient

ATYPIA_SPREAD_PATIENTS = 0.13
ATYPIA_SPREAD_SAMPLES = 0.07


@dataclass(frozen=True, slots=True)
class Profile:
    """Numbers that a layout is drawn from; lengths in micrometres, densities per mm2.

    The first block follows `atypia` (0 orderly, 1 wild) and so carries the class; the second
    varies from patient to patient and sample to sample whatever the class.
    """

    atypia: float
    nuclear_radius: float
    size_spread: float
    irregularity: float
    depth_spread: float
    vesicular: float
    nucleoli: float
    nucleolus_radius: float
    chromatin: float
    spacing: float
    jitter: float
    misorientation: float
    rows: float
    myoepithelium: float
    lumen: float
    outline_irregularity: float
    infiltration: float

    gland_radius: float
    elongation: float
    epithelium: float
    lobularity: float
    looseness: float
    cellularity: float
    lymphocytes: float
    fat: float
    secretion: float
    vessels: float
    congestion: float


@dataclass(frozen=True, slots=True)
class Habit:
    """How a tumour type leans; every lean is scaled by the class separation."""

    gland_radius: float = 0.0
    elongation: float = 0.0
    lobularity: float = 0.0
    looseness: float = 0.0
    cellularity: float = 0.0
    infiltration: float = 0.0


HABITS = {
    "A": Habit(gland_radius=-0.25, lobularity=0.5),
    "F": Habit(elongation=0.35, looseness=0.3),
    "PT": Habit(gland_radius=0.2, elongation=0.4, cellularity=0.4),
    "TA": Habit(gland_radius=-0.1, elongation=-0.15, lobularity=0.3),
    "DC": Habit(),
    "LC": Habit(gland_radius=-0.25, infiltration=1.0),
    "MC": Habit(looseness=0.4, cellularity=-0.3),
    "PC": Habit(gland_radius=0.2, elongation=0.4),
}


def sample_profile(seed: int, patient: Patient, sample: int, separation: float) -> Profile:
    """Return the profile of one sample of one patient.

    A patient's atypia is normal about 0.5 - separation / 2 (benign) or 0.5 + separation / 2
    (malignant) with deviation `ATYPIA_SPREAD_PATIENTS`, a sample's about its patient's with
    `ATYPIA_SPREAD_SAMPLES`; both are held to [0, 1]. The draws do not depend on `separation`.
    """
    mine = generator(seed, patient.key, "profile").standard_normal(12)
    here = generator(seed, patient.key, f"sample={sample}", "profile").standard_normal(12)
    side = 0.5 if patient.malignant else -0.5
    atypia = 0.5 + side * separation
    atypia += ATYPIA_SPREAD_PATIENTS * mine[0] + ATYPIA_SPREAD_SAMPLES * here[0]
    a = float(np.clip(atypia, 0.0, 1.0))
    habit = HABITS[patient.subtype]

    def mix(benign: float, malignant: float) -> float:
        return benign + (malignant - benign) * a

    def vary(column: int, patients: float, samples: float, lean: float = 0.0) -> float:
        return float(patients * mine[column] + samples * here[column] + separation * lean)

    return Profile(
        atypia=a,
        nuclear_radius=mix(3.1, 4.5) * float(np.exp(vary(1, 0.05, 0.02))),
        size_spread=mix(0.08, 0.30),
        irregularity=mix(0.03, 0.13),
        depth_spread=mix(0.10, 0.28),
        vesicular=mix(0.25, 0.65),
        nucleoli=mix(0.15, 1.5),
        nucleolus_radius=mix(0.45, 1.1),
        chromatin=mix(0.20, 0.42),
        spacing=mix(1.22, 1.10),
        jitter=mix(0.08, 0.36),
        misorientation=mix(0.15, 1.1),
        rows=mix(1.5, 3.6),
        myoepithelium=float(np.clip(mix(1.1, -0.1), 0.0, 1.0)),
        lumen=float(np.clip(mix(1.05, 0.1), 0.0, 1.0)),
        outline_irregularity=mix(0.05, 0.17),
        infiltration=max(0.0, mix(-40.0, 340.0)) * float(np.exp(habit.infiltration * separation)),
        gland_radius=mix(40.0, 32.0) * float(np.exp(vary(2, 0.18, 0.08, habit.gland_radius))),
        elongation=float(np.clip(1.45 + vary(3, 0.2, 0.1, habit.elongation), 1.05, 2.4)),
        epithelium=0.16 * float(np.exp(vary(4, 0.30, 0.25))),
        lobularity=float(np.clip(0.65 + vary(5, 0.2, 0.1, habit.lobularity), 0.0, 1.0)),
        looseness=vary(6, 0.45, 0.25, habit.looseness),
        cellularity=850.0 * float(np.exp(vary(7, 0.3, 0.15, habit.cellularity))),
        lymphocytes=130.0 * float(np.exp(vary(8, 0.8, 0.5))),
        fat=float(np.clip(0.25 + 0.35 * here[9], 0.0, 1.0)),
        secretion=float(np.clip(0.25 + 0.2 * mine[9], 0.0, 1.0)),
        vessels=22.0 * float(np.exp(vary(10, 0.3, 0.3))),
        congestion=float(np.clip(0.3 + vary(11, 0.25, 0.2), 0.0, 1.0)),
    )
