"""What a sample's tissue is like: one latent atypia, and nuisances blind to the class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpcs_bench.protocol.seeds import generator
from mpcs_paper.tissue.diagnosis import Subject

ATYPIA_SPREAD_PATIENTS = 0.13
ATYPIA_SPREAD_SAMPLES = 0.07


@dataclass(frozen=True, slots=True)
class Profile:
    """Numbers that a layout is drawn from; lengths in micrometres, densities per mm2.

    The first block follows `atypia` (0 orderly, 1 wild) and so carries the class; the second
    varies from subject to subject and sample to sample, about what the diagnosis leans to.
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


def sample_profile(seed: int, subject: Subject, sample: int, separation: float) -> Profile:
    """Return the profile of one sample of one subject.

    A subject's atypia is normal about 0.5 + separation x its diagnosis's lean (in BreakHis's
    layout 0.5 - separation / 2 if benign, 0.5 + separation / 2 if malignant) with deviation
    `ATYPIA_SPREAD_PATIENTS`, a sample's about its subject's with `ATYPIA_SPREAD_SAMPLES`; both
    are held to [0, 1]. The draws do not depend on `separation`.
    """
    mine = generator(seed, subject.key, "profile").standard_normal(12)
    here = generator(seed, subject.key, f"sample={sample}", "profile").standard_normal(12)
    leans = subject.diagnosis
    atypia = 0.5 + leans.atypia * separation
    atypia += ATYPIA_SPREAD_PATIENTS * mine[0] + ATYPIA_SPREAD_SAMPLES * here[0]
    a = float(np.clip(atypia, 0.0, 1.0))
    disorder = float(np.clip(a + separation * leans.disorder, 0.0, 1.0))

    def mix(benign: float, malignant: float, amount: float = a) -> float:
        return benign + (malignant - benign) * amount

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
        rows=mix(1.5, 3.6) + separation * leans.rows,
        myoepithelium=float(np.clip(mix(1.1, -0.1, disorder), 0.0, 1.0)),
        lumen=float(np.clip(mix(1.05, 0.1, disorder), 0.0, 1.0)),
        outline_irregularity=mix(0.05, 0.17, disorder),
        infiltration=max(0.0, mix(-40.0, 340.0, disorder))
        * float(np.exp(leans.infiltration * separation)),
        gland_radius=mix(40.0, 32.0) * float(np.exp(vary(2, 0.18, 0.08, leans.gland_radius))),
        elongation=float(np.clip(1.45 + vary(3, 0.2, 0.1, leans.elongation), 1.05, 2.4)),
        epithelium=0.16 * float(np.exp(vary(4, 0.30, 0.25, leans.epithelium))),
        lobularity=float(np.clip(0.65 + vary(5, 0.2, 0.1, leans.lobularity), 0.0, 1.0)),
        looseness=vary(6, 0.45, 0.25, leans.looseness),
        cellularity=850.0 * float(np.exp(vary(7, 0.3, 0.15, leans.cellularity))),
        lymphocytes=130.0 * float(np.exp(vary(8, 0.8, 0.5))),
        fat=float(np.clip(0.25 + 0.35 * here[9], 0.0, 1.0)),
        secretion=float(np.clip(0.25 + 0.2 * mine[9], 0.0, 1.0)),
        vessels=22.0 * float(np.exp(vary(10, 0.3, 0.3))),
        congestion=float(np.clip(0.3 + vary(11, 0.25, 0.2), 0.0, 1.0)),
    )
