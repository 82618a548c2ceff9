"""Connective tissue: the run of its fibres, gaps, fat, and the nuclei that lie in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mpcs_paper.tissue.glands import Gland
from mpcs_paper.tissue.noise import Image, Points, smooth_field
from mpcs_paper.tissue.nuclei import STROMAL, Flags, Nuclei, epithelial, join, lymphocytes, slender
from mpcs_paper.tissue.optics import SUBPIXEL_BITS, World
from mpcs_paper.tissue.profile import Profile

FAT_RADIUS = 26.0
# Lumens are bright, and atypia closes them.  Where they cover less than the usual share of the
# field the stroma is looser, so that brightness does not give the class away.
USUAL_LUMENS = 0.07
LOOSENESS_PER_LUMENS = 6.0


@dataclass(frozen=True, slots=True)
class Ground:
    """Coarse world fields that the stroma is drawn from, each [rows, columns] of the world grid.

    Fibres run along lines of equal `across`; `along` measures the way on them (both micrometres).
    `angle` is the fibres' direction in radians, `looseness` is 0 on average and higher where
    gaps are wider, `void` is positive where the tissue is torn, `distance` is micrometres to the
    nearest gland, 0 inside, `thickness` the section's, 1 on average.
    """

    along: Image
    across: Image
    angle: Image
    looseness: Image
    void: Image
    distance: Image
    thickness: Image


def lay_ground(
    rng: np.random.Generator, profile: Profile, world: World, glands: list[Gland]
) -> Ground:
    """Draw the fibre field of one sample; near glands it bends to run around them."""
    x, y = world.axes()
    shape, pitch = world.shape, world.pitch

    def field(wavelength: float) -> Image:
        return smooth_field(rng, shape, pitch, wavelength)

    heading = rng.uniform(0, np.pi)
    cosine, sine = np.float32(np.cos(heading)), np.float32(np.sin(heading))
    along = x * cosine + y * sine + 60 * field(220.0) + 8 * field(70.0)
    across = y * cosine - x * sine + 48 * field(230.0) + 13 * field(80.0) + 4.0 * field(30.0)
    distance = _distance(world, glands)
    across += np.float32(45.0) * np.exp(distance * np.float32(-1.0 / 28.0))
    slope_y, slope_x = np.gradient(across)
    angle = np.arctan2(slope_x, -slope_y).astype(np.float32)
    missing = USUAL_LUMENS - _lumen_share(world, glands)
    looseness = (
        profile.looseness
        + LOOSENESS_PER_LUMENS * missing
        + 0.55 * field(260.0)
        + 0.35 * field(90.0)
    )
    looseness += 0.5 * np.exp(distance * np.float32(-1.0 / 14.0))
    torn = 1.55 + 0.45 * rng.standard_normal()
    void = 0.75 * field(330.0) + 0.35 * field(90.0) + 0.12 * field(30.0) - np.float32(torn)
    thickness = np.exp(0.12 * field(300.0) + 0.05 * field(45.0)).astype(np.float32)
    return Ground(along, across, angle, looseness, void, distance, thickness)


def _distance(world: World, glands: list[Gland]) -> Image:
    outside = np.full(world.shape, 255, dtype=np.uint8)
    polygons = [world.fixed(gland.outline) for gland in glands]
    for polygon in polygons:
        cv2.fillPoly(outside, [polygon], 0, cv2.LINE_8, SUBPIXEL_BITS)
    distance: Image = cv2.distanceTransform(outside, cv2.DIST_L2, 5)
    return distance * np.float32(world.pitch)


def _lumen_share(world: World, glands: list[Gland]) -> float:
    """Return the part of the field that lumens cover (a lumen at the edge counts by its middle)."""
    half = np.array(world.field) / 2
    covered = sum(
        cv2.contourArea((gland.lumen - gland.centre).astype(np.float32))
        for gland in glands
        if gland.lumen is not None and bool((np.abs(gland.centre) < half).all())
    )
    return float(covered) / (world.field[0] * world.field[1])


def place_fat(rng: np.random.Generator, profile: Profile, world: World, ground: Ground) -> Points:
    """Return fat cells as polygons [n, vertices, 2], packed side by side, clear of glands."""
    region = smooth_field(rng, world.shape, world.pitch, 240.0)
    rows = np.arange(world.corner[1], -world.corner[1], FAT_RADIUS * 1.75)
    columns = np.arange(world.corner[0], -world.corner[0], FAT_RADIUS * 2.0)
    xy = np.stack(np.meshgrid(columns, rows), axis=-1)
    xy[1::2, :, 0] += FAT_RADIUS
    xy = xy.reshape(-1, 2) + rng.normal(0.0, 0.12 * FAT_RADIUS, (xy.size // 2, 2))
    theta = np.arange(24) * (2 * np.pi / 24)
    wobble = 0.05 * rng.standard_normal((len(xy), 24))
    phase = rng.uniform(0, 2 * np.pi, (len(xy), 1))
    radius = FAT_RADIUS * (
        0.96 + 0.03 * np.cos(6 * theta + np.pi / 6) + 0.08 * np.cos(2 * theta + phase)
    )
    radius = radius + FAT_RADIUS * 0.2 * wobble
    row, column = world.cells(xy)
    keep = region[row, column] > 2.3 - 2.2 * profile.fat
    keep &= ground.distance[row, column] > FAT_RADIUS * 0.8
    circle = np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    cells: Points = (xy[:, None, :] + radius[:, :, None] * circle)[keep]
    return cells


def populate(rng: np.random.Generator, profile: Profile, world: World, ground: Ground) -> Nuclei:
    """Return the nuclei of the stroma: spindles along the fibres, lymphocytes, strayed cells."""
    half = -np.array(world.corner)

    def scatter(density: float) -> Points:
        return rng.uniform(-half, half, (rng.poisson(density * world.area), 2))

    xy = scatter(1.3 * profile.cellularity)
    crowd = smooth_field(rng, world.shape, world.pitch, 120.0)
    xy = xy[rng.random(len(xy)) < np.clip(0.77 + 0.3 * crowd[world.cells(xy)], 0.0, 1.0)]
    parts = [
        slender(
            rng,
            xy,
            ground.angle[world.cells(xy)].astype(np.float64),
            STROMAL,
            length=6.0,
            width=1.5,
        )
    ]
    parts.append(lymphocytes(rng, _clusters(rng, scatter(profile.lymphocytes / 5), 5, 22.0)))
    parts.append(_files(rng, profile, world, ground, scatter(profile.infiltration / 4)))
    nuclei = join(parts)
    return nuclei.take(_in_stroma(world, ground, nuclei.xy))


def _clusters(rng: np.random.Generator, middles: Points, mean: float, spread: float) -> Points:
    counts = rng.poisson(mean, len(middles))
    centres = np.repeat(middles, counts, axis=0)
    return centres + rng.normal(0.0, spread, centres.shape)


def _files(
    rng: np.random.Generator, profile: Profile, world: World, ground: Ground, starts: Points
) -> Nuclei:
    """Return strayed epithelial cells, in single file along the fibres."""
    counts = 1 + rng.poisson(3.0, len(starts))
    angle = np.repeat(ground.angle[world.cells(starts)].astype(np.float64), counts)
    place = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.zeros(0)
    step = 2.3 * profile.nuclear_radius
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (place * step)[:, None]
    xy = np.repeat(starts, counts, axis=0) + way + rng.normal(0.0, 1.6, (len(angle), 2))
    return epithelial(rng, profile, xy, angle)


def _in_stroma(world: World, ground: Ground, xy: Points) -> Flags:
    cell = world.cells(xy)
    stroma: Flags = (ground.distance[cell] > 3.0) & (ground.void[cell] < -0.05)
    return stroma


def clear_of(polygons: Points, xy: Points) -> Flags:
    """Say which points [n, 2] lie outside all of the roundish polygons [m, vertices, 2]."""
    clear = np.ones(len(xy), dtype=bool)
    if not len(polygons) or not len(xy):
        return clear
    middle = polygons.mean(axis=1)
    reach = np.hypot(*(polygons - middle[:, None]).transpose(2, 0, 1))
    offset = xy[:, None] - middle[None]
    near, polygon = np.nonzero(np.hypot(offset[..., 0], offset[..., 1]) < reach.max(axis=1))
    for point, which in zip(near.tolist(), polygon.tolist(), strict=True):
        if clear[point]:
            outline = polygons[which].astype(np.float32)
            clear[point] = cv2.pointPolygonTest(outline, tuple(xy[point].tolist()), False) < 0
    return clear
