"""Small blood vessels: slits along the fibres, lined by flat nuclei, holding a few red cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpcs_paper.tissue.noise import Points
from mpcs_paper.tissue.nuclei import STROMAL, Flags, Nuclei, slender
from mpcs_paper.tissue.optics import World
from mpcs_paper.tissue.profile import Profile
from mpcs_paper.tissue.stroma import Ground

VERTICES = 28
RED_CELL_RADIUS = 3.1
CLEARANCE = 20.0
WALL_NUCLEI = 3


@dataclass(frozen=True, slots=True)
class Vessels:
    """n vessels in micrometres.

    `lumens` [n, vertices, 2]; `red_cells` [m, 2] centres, `owner` [m] the vessel of each;
    `lining`, `WALL_NUCLEI` nuclei per vessel in the vessels' order.
    """

    lumens: Points
    red_cells: Points
    owner: npt.NDArray[np.intp]
    lining: Nuclei

    @property
    def centres(self) -> Points:
        """Middle of each vessel, [n, 2]."""
        middle: Points = self.lumens.mean(axis=1)
        return middle

    def take(self, keep: Flags) -> Vessels:
        """Return the vessels where `keep` [n] is true, with all that is theirs."""
        cells = keep[self.owner]
        return Vessels(
            self.lumens[keep],
            self.red_cells[cells],
            (np.cumsum(keep) - 1)[self.owner[cells]],
            self.lining.take(np.repeat(keep, WALL_NUCLEI)),
        )


def place_vessels(
    rng: np.random.Generator, profile: Profile, world: World, ground: Ground
) -> Vessels:
    """Lay out the vessels of one sample in the stroma, clear of glands and of tears."""
    half = -np.array(world.corner)
    middle = rng.uniform(-half, half, (rng.poisson(profile.vessels * world.area), 2))
    cell = world.cells(middle)
    middle = middle[(ground.distance[cell] > CLEARANCE) & (ground.void[cell] < -0.15)]
    n = len(middle)
    girth = 4.5 * np.exp(0.3 * rng.standard_normal(n))
    length = girth * (1.3 + rng.gamma(2.0, 0.7, n))
    semi = np.stack([length, girth], axis=1)
    angle = ground.angle[world.cells(middle)].astype(np.float64)
    theta = np.arange(VERTICES) * (2 * np.pi / VERTICES)
    bend = 0.12 * rng.standard_normal((n, 1)) * np.cos(2 * theta)
    bend = 1.0 + bend + 0.05 * rng.standard_normal((n, 1)) * np.cos(3 * theta)
    circle = np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    lumens = middle[:, None] + _turn(semi[:, None] * circle * bend[..., None], angle)
    counts = rng.poisson(np.clip(profile.congestion * length * girth / 14.0, 0.0, 40.0))
    owner = np.repeat(np.arange(n), counts)
    room = np.maximum(semi[owner] - RED_CELL_RADIUS, 0.5)
    red_cells = (
        middle[owner] + _turn((room * _in_circle(rng, len(owner)))[:, None], angle[owner])[:, 0]
    )
    return Vessels(lumens, red_cells, owner, _line(rng, lumens))


def _turn(local: Points, angle: Points) -> Points:
    """Rotate points [n, k, 2] about the origin by `angle` [n]."""
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = local[..., 0], local[..., 1]
    return np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=-1)


def _in_circle(rng: np.random.Generator, n: int) -> Points:
    radius = 0.8 * np.sqrt(rng.random(n))
    turn = rng.uniform(0, 2 * np.pi, n)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)


def _line(rng: np.random.Generator, lumens: Points) -> Nuclei:
    """Return flat nuclei on the walls, lying along them."""
    n = len(lumens)
    vertex = rng.integers(0, VERTICES, (n, WALL_NUCLEI))
    row = np.arange(n)[:, None]
    here = lumens[row, vertex].reshape(-1, 2)
    ahead = (lumens[row, (vertex + 1) % VERTICES] - lumens[row, vertex - 1]).reshape(-1, 2)
    return slender(rng, here, np.arctan2(ahead[:, 1], ahead[:, 0]), STROMAL, length=4.0, width=1.1)
