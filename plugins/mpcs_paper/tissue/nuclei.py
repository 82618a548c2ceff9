"""Nuclei as arrays: position, size, shape and chromatin of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from mpcs_paper.tissue.noise import Points
from mpcs_paper.tissue.profile import Profile

EPITHELIAL, MYOEPITHELIAL, STROMAL, LYMPHOCYTE = range(4)
HARMONICS = (2, 3, 5)

Flags = npt.NDArray[np.bool_]
Kinds = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Nuclei:
    """n nuclei; lengths in micrometres, angles in radians, one row of every array each.

    `xy` [n, 2] centre; `semi` [n, 2] half axes; `angle` of the long axis; `depth`, optical
    density of haematoxylin at the centre; `vesicular` 0 (evenly dark) to 1 (pale with a rim);
    `kind`; `shape` [n, 3] amplitude and `phase` [n, 3] of outline harmonics 2, 3 and 5;
    `nucleoli` how many (0 to 3); `nucleolus` their radius.
    """

    xy: Points
    semi: Points
    angle: Points
    depth: Points
    vesicular: Points
    kind: Kinds
    shape: Points
    phase: Points
    nucleoli: Kinds
    nucleolus: Points

    def __len__(self) -> int:
        return len(self.xy)

    def take(self, keep: Flags) -> Nuclei:
        """Return the nuclei where `keep` [n] is true."""
        return Nuclei(*(getattr(self, part.name)[keep] for part in fields(self)))

    @property
    def area(self) -> Points:
        """Area of each in square micrometres."""
        area: Points = np.pi * self.semi[:, 0] * self.semi[:, 1]
        return area

    @property
    def mean_depth(self) -> Points:
        """Optical density of each, its pale inside counted."""
        depth: Points = self.depth * (1.0 - 0.4 * self.vesicular)
        return depth

    def outlines(self, vertices: int) -> Points:
        """Return outlines as polygons [n, vertices, 2] in world coordinates."""
        theta = np.arange(vertices) * (2 * np.pi / vertices)
        waves = np.cos(theta * np.array(HARMONICS)[:, None] + self.phase[:, :, None])
        radius = 1.0 + (self.shape[:, :, None] * waves).sum(axis=1)
        along = self.semi[:, :1] * radius * np.cos(theta)
        across = self.semi[:, 1:] * radius * np.sin(theta)
        cosine, sine = np.cos(self.angle)[:, None], np.sin(self.angle)[:, None]
        x = self.xy[:, :1] + along * cosine - across * sine
        y = self.xy[:, 1:] + along * sine + across * cosine
        return np.stack([x, y], axis=-1)


def join(parts: Sequence[Nuclei]) -> Nuclei:
    """Return all nuclei of `parts` in order."""
    return Nuclei(
        *(np.concatenate([getattr(p, part.name) for p in parts]) for part in fields(Nuclei))
    )


def epithelial(rng: np.random.Generator, profile: Profile, xy: Points, radial: Points) -> Nuclei:
    """Return epithelial nuclei at `xy` [n, 2], long axes near the direction `radial` [n]."""
    n = len(xy)
    radius = profile.nuclear_radius * np.exp(profile.size_spread * rng.standard_normal(n))
    aspect = 1.28 + 0.22 * np.abs(rng.standard_normal(n))
    depth = np.exp(profile.depth_spread * rng.standard_normal(n))
    vesicular = np.clip(profile.vesicular + 0.22 * rng.standard_normal(n), 0.0, 1.0)
    return Nuclei(
        xy=xy,
        semi=np.stack([radius * np.sqrt(aspect), radius / np.sqrt(aspect)], axis=1),
        angle=radial + profile.misorientation * rng.standard_normal(n),
        depth=depth,
        vesicular=vesicular,
        kind=np.full(n, EPITHELIAL, dtype=np.int8),
        shape=_shape(rng, n, profile.irregularity),
        phase=_phase(rng, n),
        nucleoli=np.minimum(rng.poisson(profile.nucleoli, n), 3).astype(np.int8),
        nucleolus=np.minimum(
            profile.nucleolus_radius * np.exp(0.25 * rng.standard_normal(n)), 0.4 * radius
        ),
    )


def slender(
    rng: np.random.Generator, xy: Points, along: Points, kind: int, *, length: float, width: float
) -> Nuclei:
    """Return spindle nuclei at `xy` [n, 2] lying near the direction `along` [n].

    `length` and `width` are the mean half axes.
    """
    n = len(xy)
    stretch = np.exp(0.28 * rng.standard_normal(n))
    girth = np.exp(0.22 * rng.standard_normal(n))
    return Nuclei(
        xy=xy,
        semi=np.stack([length * stretch, width * girth], axis=1),
        angle=along + 0.16 * rng.standard_normal(n),
        depth=np.exp(0.22 * rng.standard_normal(n)),
        vesicular=np.clip(0.15 + 0.25 * rng.standard_normal(n), 0.0, 1.0),
        kind=np.full(n, kind, dtype=np.int8),
        shape=_shape(rng, n, 0.06),
        phase=_phase(rng, n),
        nucleoli=np.zeros(n, dtype=np.int8),
        nucleolus=np.zeros(n),
    )


def lymphocytes(rng: np.random.Generator, xy: Points) -> Nuclei:
    """Return small, round, dark nuclei at `xy` [n, 2]."""
    n = len(xy)
    radius = 2.7 * np.exp(0.09 * rng.standard_normal(n))
    return Nuclei(
        xy=xy,
        semi=np.stack([radius * 1.05, radius / 1.05], axis=1),
        angle=rng.uniform(0, np.pi, n),
        depth=1.25 * np.exp(0.1 * rng.standard_normal(n)),
        vesicular=np.zeros(n),
        kind=np.full(n, LYMPHOCYTE, dtype=np.int8),
        shape=_shape(rng, n, 0.03),
        phase=_phase(rng, n),
        nucleoli=np.zeros(n, dtype=np.int8),
        nucleolus=np.zeros(n),
    )


def _shape(rng: np.random.Generator, n: int, irregularity: float) -> Points:
    amplitude = np.array([1.0, 0.8, 0.4]) * irregularity
    return np.abs(rng.standard_normal((n, len(HARMONICS)))) * amplitude


def _phase(rng: np.random.Generator, n: int) -> Points:
    return rng.uniform(0, 2 * np.pi, (n, len(HARMONICS)))
