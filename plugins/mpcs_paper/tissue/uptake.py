"""How much haematoxylin a sample takes up, so that colour does not give the class away.

Atypical tissue has more nuclei, larger and denser: stained alike it would be darker and more
mottled, and mean and deviation of the colours would tell the class. So the nuclei of every sample
are stained towards the same contrast (as a technician differentiates a slide until it looks right),
and the ground between them makes up the same mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpcs_paper.tissue.nuclei import Nuclei
from mpcs_paper.tissue.optics import World

# Deviation, over blocks this wide (micrometres), of the density that nuclei give; and its mean.
BLOCK = 32.0
CONTRAST = 0.12
# 1 would make the contrast equal at 40X, where most of the world is seen, but leave atypical
# nuclei visibly paler at 400X; this evens out what colour tells over the four magnifications.
EVENING = 0.7
MEAN_DENSITY = 0.11
GROUND = 0.045
PALEST_GROUND, DARKEST_GROUND = 0.0, 0.12
WEAKEST, STRONGEST = 0.5, 1.8


@dataclass(frozen=True, slots=True)
class Uptake:
    """`cells`: factor on the haematoxylin of nuclei and cytoplasm; `ground`: stroma's density."""

    cells: float
    ground: float


def take_up(nuclei: Nuclei, world: World) -> Uptake:
    """Return the uptake that gives the 40X field about its usual contrast and mean density."""
    density = nuclear_density(nuclei, world)
    wanted = (CONTRAST / max(float(density.std()), 1e-3)) ** EVENING
    cells = float(np.clip(wanted, WEAKEST, STRONGEST))
    ground = GROUND + MEAN_DENSITY - cells * float(density.mean())
    return Uptake(cells, float(np.clip(ground, PALEST_GROUND, DARKEST_GROUND)))


def nuclear_density(nuclei: Nuclei, world: World) -> np.ndarray:
    """Return the mean density of unscaled nuclear dye in each block of the 40X field."""
    width, height = world.field
    blocks = (max(2, round(height / BLOCK)), max(2, round(width / BLOCK)))
    dye, _, _ = np.histogram2d(
        nuclei.xy[:, 1],
        nuclei.xy[:, 0],
        bins=blocks,
        range=((-height / 2, height / 2), (-width / 2, width / 2)),
        weights=nuclei.area * nuclei.mean_depth,
    )
    density: np.ndarray = dye * (blocks[0] * blocks[1] / (width * height))
    return density
