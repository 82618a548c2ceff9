"""One sample's tissue, laid out once in micrometres and shared by its four magnifications."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpcs_bench.protocol.seeds import generator
from mpcs_paper.tissue.diagnosis import Subject
from mpcs_paper.tissue.glands import Gland, line_glands, place_glands
from mpcs_paper.tissue.noise import Image, Points, sample_texture
from mpcs_paper.tissue.nuclei import Nuclei, join
from mpcs_paper.tissue.optics import MAGNIFICATIONS, SENSOR, FieldOfView, World, extent
from mpcs_paper.tissue.profile import Profile, sample_profile
from mpcs_paper.tissue.stroma import Ground, clear_of, lay_ground, place_fat, populate
from mpcs_paper.tissue.uptake import Uptake, take_up
from mpcs_paper.tissue.vessels import Vessels, place_vessels


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that stands in one sample's world, before any light falls on it.

    `fat` [n, vertices, 2] in micrometres; `uptake` says how much dye the cells hold;
    `texture_origin` [layers, 2] is where the sample reads the noise textures, in noise cells.
    """

    world: World
    profile: Profile
    glands: list[Gland]
    fat: Points
    vessels: Vessels
    ground: Ground
    nuclei: Nuclei
    uptake: Uptake
    texture_origin: Points

    def texture(self, view: FieldOfView, layer: int, size: float) -> Image:
        """Return noise of unit variance with features of `size` micrometres, at every pixel."""
        x, y = view.axes()
        shape = (view.height, view.width)
        origin = self.texture_origin[layer]
        return sample_texture(
            layer,
            np.broadcast_to(x * np.float32(1 / size) + np.float32(origin[0]), shape),
            np.broadcast_to(y * np.float32(1 / size) + np.float32(origin[1]), shape),
        )


def lay_out(
    seed: int,
    subject: Subject,
    sample: int,
    *,
    separation: float,
    pitch_40x: float,
    sensor: tuple[int, int] = SENSOR,
    widest: int = MAGNIFICATIONS[0],
) -> Layout:
    """Lay out sample number `sample` (from 1) of `subject`.

    The world is what `sensor` sees at the magnification `widest`, and a margin. Each kind of
    object draws from a generator of its own name, so that none shifts another.
    """

    def rng(name: str) -> np.random.Generator:
        return generator(seed, subject.key, f"sample={sample}", name)

    world = World(extent(sensor, pitch_40x, widest))
    profile = sample_profile(seed, subject, sample, separation)
    glands = place_glands(rng("glands"), profile, world)
    ground = lay_ground(rng("ground"), profile, world, glands)
    fat = place_fat(rng("fat"), profile, world, ground)
    vessels = place_vessels(rng("vessels"), profile, world, ground)
    vessels = vessels.take(clear_of(fat, vessels.centres))
    lining = line_glands(rng("lining"), profile, glands)
    stroma = populate(rng("stroma"), profile, world, ground)
    stroma = stroma.take(clear_of(fat, stroma.xy) & clear_of(vessels.lumens, stroma.xy))
    nuclei = join([stroma, vessels.lining, lining])
    return Layout(
        world=world,
        profile=profile,
        glands=glands,
        fat=fat,
        vessels=vessels,
        ground=ground,
        nuclei=nuclei,
        uptake=take_up(nuclei, world),
        texture_origin=rng("texture").uniform(0.0, 1000.0, (8, 2)),
    )
