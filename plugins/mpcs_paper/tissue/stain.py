"""Haematoxylin and eosin, light and camera: how optical densities become colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpcs_bench.protocol.seeds import generator
from mpcs_paper.tissue.diagnosis import Subject
from mpcs_paper.tissue.noise import Points

# Optical density of red, green and blue per unit of dye; near Ruifrok and Johnston (2001), eosin
# a little redder, as BreakHis shows it.
HAEMATOXYLIN = (0.64, 0.70, 0.35)
EOSIN = (0.09, 0.74, 0.29)
WHITE = (0.905, 0.900, 0.905)


@dataclass(frozen=True, slots=True)
class Stain:
    """How one sample was stained and photographed.

    `dyes` [3, 2]: optical density of R, G, B per unit of haematoxylin and of eosin, amounts
    included; `white` [3]: light where there is no tissue, in [0, 1]; `focus`: blur in
    micrometres; `grain`: sensor noise in grey levels; `vignette`: loss of light in the corners;
    `tilt` [2]: change of light from edge to edge.
    """

    dyes: Points
    white: Points
    focus: float
    grain: float
    vignette: float
    tilt: Points


def sample_stain(seed: int, subject: Subject, sample: int, variation: float) -> Stain:
    """Draw the stain of one sample: mostly its subject's, a little its own.

    `variation` scales every deviation; 0 gives all subjects one stain.
    """
    mine = generator(seed, subject.key, "stain").standard_normal(16)
    here = generator(seed, subject.key, f"sample={sample}", "stain").standard_normal(16)
    draw: npt.NDArray[np.float64] = variation * (mine + 0.25 * here)
    haematoxylin = np.array(HAEMATOXYLIN) * np.exp(0.09 * draw[0:3])
    eosin = np.array(EOSIN) + np.array([0.05, 0.06, 0.07]) * draw[3:6]
    amounts = np.exp(np.array([0.17, 0.22]) * draw[6:8])
    dyes = np.stack([haematoxylin, np.maximum(eosin, 0.02)], axis=1) * amounts
    white = np.array(WHITE) * np.exp(0.045 * draw[8] + np.array([0.02, 0.015, 0.02]) * draw[9:12])
    return Stain(
        dyes=dyes,
        white=np.minimum(white, 1.0),
        focus=0.28 * float(np.exp(0.3 * draw[12])),
        grain=1.3,
        vignette=0.05 * float(np.exp(0.4 * draw[13])),
        tilt=0.02 * draw[14:16],
    )
