"""Glands and nests: where they lie, their outlines, their lumens, and the nuclei that line them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpcs_paper.tissue.noise import Points
from mpcs_paper.tissue.nuclei import MYOEPITHELIAL, Flags, Nuclei, epithelial, join, slender
from mpcs_paper.tissue.optics import World
from mpcs_paper.tissue.profile import Profile

VERTICES = 96
SMALLEST_LUMEN = 4.0


@dataclass(frozen=True, slots=True)
class Gland:
    """One gland or nest: polygons [vertices, 2] in micrometres, both around `centre`.

    `reach` is the greatest distance of the outline from the centre; `lumen` is None in a solid
    nest; `secretion` is the optical density of what fills it.
    """

    centre: Points
    outline: Points
    reach: float
    lumen: Points | None
    secretion: float

    @property
    def filling(self) -> Points:
        """Outline of what fills the lumen: smoother than the lumen, and shrunk away from it."""
        if self.lumen is None:
            raise ValueError("a solid nest has nothing to fill")
        spread = np.hanning(21)[:, None] / np.hanning(21).sum()
        offset = np.concatenate([self.lumen[-10:], self.lumen, self.lumen[:10]]) - self.centre
        smooth = [np.convolve(offset[:, axis], spread[:, 0], mode="valid") for axis in (0, 1)]
        filling: Points = self.centre + 0.86 * np.stack(smooth, axis=1)
        return filling


def place_glands(rng: np.random.Generator, profile: Profile, world: World) -> list[Gland]:
    """Lay out the glands of one sample, in lobules, without overlap; one stands near the centre."""
    centres, radii = _scatter(rng, profile, world)
    centres = _push_apart(centres, radii * np.sqrt(profile.elongation))
    return [
        _gland(rng, profile, centre, radius) for centre, radius in zip(centres, radii, strict=True)
    ]


def _scatter(rng: np.random.Generator, profile: Profile, world: World) -> tuple[Points, Points]:
    """Draw centres [n, 2] and radii [n] until the epithelium has its share of the area."""
    width, height = world.field[0] + world.margin, world.field[1] + world.margin
    wanted = profile.epithelium * width * height
    centres, radii = [], []
    covered = 0.0
    first = True
    while covered < wanted:
        half = np.array([width, height]) / 2
        middle = rng.uniform(-half, half)
        size = 1 + int(rng.geometric(1.0 / (1.0 + 9.0 * profile.lobularity)))
        if first:
            middle = rng.normal(0.0, 25.0, 2)
            first = False
        spread = 1.15 * profile.gland_radius * np.sqrt(size)
        for place in range(size):
            offset = rng.normal(0.0, spread, 2) if place else np.zeros(2)
            radius = profile.gland_radius * float(np.exp(0.42 * rng.standard_normal()))
            centres.append(middle + offset)
            radii.append(radius)
            covered += _wall_area(profile, radius)
            if covered >= wanted:
                break
    return np.array(centres), np.array(radii)


def _wall_area(profile: Profile, radius: float) -> float:
    inner = max(0.0, radius - _wall(profile)) * np.sqrt(profile.lumen)
    return float(np.pi * (radius**2 - inner**2))


def _wall(profile: Profile) -> float:
    return 5.0 + 2.1 * profile.nuclear_radius * profile.rows


def _push_apart(centres: Points, radii: Points, steps: int = 14) -> Points:
    """Move overlapping circles away from each other; a dense lobule stays nearly packed."""
    gap = 3.0
    for _ in range(steps):
        delta = centres[:, None, :] - centres[None, :, :]
        distance = np.hypot(delta[..., 0], delta[..., 1]) + 1e-3
        overlap = np.maximum(0.0, radii[:, None] + radii[None, :] + gap - distance)
        np.fill_diagonal(overlap, 0.0)
        push = (delta / distance[..., None]) * (0.5 * overlap)[..., None]
        centres = centres + push.sum(axis=1) * 0.7
    return centres


def _gland(rng: np.random.Generator, profile: Profile, centre: Points, radius: float) -> Gland:
    theta: Points = np.arange(VERTICES, dtype=np.float64) * (2 * np.pi / VERTICES)
    aspect = max(1.0, profile.elongation * float(np.exp(0.22 * rng.standard_normal())))
    ellipse = 1.0 / np.sqrt((np.cos(theta) ** 2) / aspect + (np.sin(theta) ** 2) * aspect)
    orders = np.arange(2, 8)
    amplitude = profile.outline_irregularity * rng.standard_normal(6) / np.sqrt(orders - 1)
    phase = rng.uniform(0, 2 * np.pi, 6)
    wobble = (amplitude[:, None] * np.cos(orders[:, None] * theta + phase[:, None])).sum(axis=0)
    polar = radius * ellipse * np.exp(wobble)
    turn = rng.uniform(0, 2 * np.pi)
    direction = np.stack([np.cos(theta + turn), np.sin(theta + turn)], axis=1)
    wall = _wall(profile) * float(np.exp(0.15 * rng.standard_normal()))
    lumen = None
    has_lumen = rng.random() < profile.lumen
    ragged = _ragged(rng, theta)
    secretion = 0.45 * rng.random() if rng.random() < profile.secretion else 0.0
    if has_lumen:
        inner = np.maximum(polar - wall * np.minimum(1.6, polar / radius), 0.0)
        inner = np.minimum(inner, 1.5 * np.median(inner) + 1.0) * ragged
        if np.median(inner) > SMALLEST_LUMEN:
            lumen = centre + np.maximum(inner, 1.0)[:, None] * direction
    outline = centre + polar[:, None] * direction
    return Gland(centre, outline, float(polar.max()), lumen, float(secretion))


def _ragged(rng: np.random.Generator, theta: Points) -> Points:
    """Return a factor on the lumen's radius, uneven on the scale of single cells."""
    orders = np.array([3, 5, 8, 11, 17])
    phase = rng.uniform(0, 2 * np.pi, len(orders))
    amplitude = 0.12 / (2.0 + orders) ** 0.7 * rng.standard_normal(len(orders))
    wave: Points = np.exp(
        (amplitude[:, None] * np.cos(orders[:, None] * theta + phase[:, None])).sum(axis=0)
    )
    return wave


def line_gland(rng: np.random.Generator, profile: Profile, gland: Gland) -> list[Nuclei]:
    """Return the nuclei of one gland, in rows from the outline inwards, none in the lumen."""
    size = profile.nuclear_radius
    normal = _inward(gland.outline)
    parts = []
    if profile.myoepithelium > 0:
        xy, inward = _along(rng, gland.outline + 1.3 * normal, 11.0, 0.25)
        keep = rng.random(len(xy)) < profile.myoepithelium * 0.8
        parts.append(
            slender(rng, xy[keep], inward[keep] + np.pi / 2, MYOEPITHELIAL, length=3.6, width=1.25)
        )
    step = 2.0 * size * profile.spacing
    depth = 1.0 + 1.25 * size + 2.2 * profile.myoepithelium
    rim, inward = _along(rng, gland.outline + depth * normal, step, profile.jitter)
    # Behind the row at the outline, cells stand as closely packed and as orderly as `jitter` lets.
    inner = _packed(rng, gland, step * 1.04, depth + 0.8 * step)
    towards = np.arctan2(*(gland.centre - inner).T[::-1])
    xy, radial = np.concatenate([rim, inner]), np.concatenate([inward, towards])
    # Even an orderly packing is no crystal.
    loose = np.where(np.arange(len(xy)) < len(rim), profile.jitter, max(0.24, profile.jitter))
    xy = xy + (0.3 + loose * size)[:, None] * rng.standard_normal(xy.shape)
    keep = _outside_lumen(xy, gland, 0.95 * size) & _inside(xy, gland.centre, gland.outline, -1.0)
    parts.append(epithelial(rng, profile, xy[keep], radial[keep]))
    return parts


def _packed(rng: np.random.Generator, gland: Gland, step: float, depth: float) -> Points:
    """Return a hexagonal packing [n, 2] of the gland's inside, `depth` micrometres and deeper."""
    reach = gland.reach
    across = np.arange(-reach, reach, step * 0.87)
    along = np.arange(-reach, reach, step)
    grid = np.stack(np.meshgrid(along, across), axis=-1)
    grid[1::2, :, 0] += step / 2
    turn = rng.uniform(0, np.pi)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    xy = grid.reshape(-1, 2) @ rotation + gland.centre
    inside: Points = xy[_inside(xy, gland.centre, gland.outline, -depth)]
    return inside


def line_glands(rng: np.random.Generator, profile: Profile, glands: list[Gland]) -> Nuclei:
    """Return the nuclei of all glands; none stands in the lumen of any."""
    parts = [epithelial(rng, profile, np.zeros((0, 2)), np.zeros(0))]
    for gland in glands:
        parts.extend(line_gland(rng, profile, gland))
    nuclei = join(parts)
    keep = np.ones(len(nuclei), dtype=bool)
    for gland in glands:
        if gland.lumen is not None:
            offset = nuclei.xy - gland.centre
            near = np.flatnonzero(np.abs(offset).max(axis=1) < gland.reach)
            margin = 0.6 * nuclei.semi[near, 1]
            keep[near] &= ~_inside(nuclei.xy[near], gland.centre, gland.lumen, margin)
    return nuclei.take(keep)


def _inward(outline: Points) -> Points:
    """Return unit normals [vertices, 2] of a closed counter-clockwise polygon, pointing in."""
    tangent = np.roll(outline, -1, axis=0) - np.roll(outline, 1, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    unit: Points = normal / (np.hypot(normal[:, 0], normal[:, 1])[:, None] + 1e-9)
    return unit


def _along(
    rng: np.random.Generator, ring: Points, spacing: float, jitter: float
) -> tuple[Points, Points]:
    """Spread points along a closed polygon: positions [n, 2] and inward directions [n]."""
    closed = np.vstack([ring, ring[:1]])
    steps = np.hypot(*np.diff(closed, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    count = max(3, int(length[-1] / spacing))
    where = (np.arange(count) + rng.random() + jitter * rng.standard_normal(count)) / count
    where = (where % 1.0) * length[-1]
    xy = np.stack([np.interp(where, length, closed[:, axis]) for axis in (0, 1)], axis=1)
    normal = _inward(ring)
    closed_normal = np.vstack([normal, normal[:1]])
    nx, ny = (np.interp(where, length, closed_normal[:, axis]) for axis in (0, 1))
    return xy, np.arctan2(ny, nx)


def _inside(xy: Points, centre: Points, outline: Points, margin: float | Points) -> Flags:
    """Say which points lie inside a star-shaped polygon widened by `margin` micrometres."""
    edge = outline - centre
    angle = np.arctan2(edge[:, 1], edge[:, 0])
    order = np.argsort(angle)
    radius = np.hypot(edge[:, 0], edge[:, 1])[order]
    offset = xy - centre
    limit = np.interp(
        np.arctan2(offset[:, 1], offset[:, 0]), angle[order], radius, period=2 * np.pi
    )
    inside: Flags = np.hypot(offset[:, 0], offset[:, 1]) < limit + margin
    return inside


def _outside_lumen(xy: Points, gland: Gland, margin: float) -> Flags:
    if gland.lumen is None:
        return np.ones(len(xy), dtype=bool)
    return ~_inside(xy, gland.centre, gland.lumen, margin)
