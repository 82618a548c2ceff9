"""Fields of view: nested exactly, whatever the number of pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_paper.tissue.optics import MAGNIFICATIONS, FieldOfView, World, fields_of_view

coordinate = st.floats(-700, 700, allow_nan=False)


@given(pitch=st.floats(0.4, 3.0), width=st.integers(32, 700), height=st.integers(21, 460))
def test_each_field_is_the_40x_field_shrunk_by_its_magnification(
    pitch: float, width: int, height: int
) -> None:
    fields = fields_of_view(width, height, pitch)
    assert [field.magnification for field in fields] == list(MAGNIFICATIONS)
    for field in fields:
        assert field.extent[0] == pytest.approx(fields[0].extent[0] * 40 / field.magnification)
        assert field.extent[1] == pytest.approx(fields[0].extent[1] * 40 / field.magnification)


def test_at_the_published_pitch_the_fields_are_as_wide_as_breakhis_states() -> None:
    widths = [field.extent[0] for field in fields_of_view(700, 460, 0.5)]
    assert widths == pytest.approx([700 * pitch for pitch in (0.5, 0.2, 0.1, 0.05)])


@given(x=coordinate, y=coordinate, magnification=st.sampled_from(MAGNIFICATIONS))
def test_a_point_lies_at_the_same_place_in_a_picture_of_fewer_pixels(
    x: float, y: float, magnification: int
) -> None:
    full = FieldOfView(magnification, 700, 460, 2.0)
    small = FieldOfView(magnification, 175, 115, 2.0)
    point = np.array([x, y])
    # Pixel centres are whole numbers, so edges lie at halves.
    in_full = (full.pixels(point) + 0.5) / [700, 460]
    in_small = (small.pixels(point) + 0.5) / [175, 115]
    assert in_small == pytest.approx(in_full, abs=1e-9)


@pytest.mark.parametrize("field", fields_of_view(175, 115, 2.0), ids=lambda f: f.magnification)
def test_a_coarse_world_field_is_resampled_at_the_pixels_own_world_positions(
    field: FieldOfView,
) -> None:
    world = World((1400.0, 920.0))
    x, y = world.axes()
    plane = (x + 2 * y).astype(np.float32)
    fine_x, fine_y = field.axes()
    # OpenCV's cubic kernel bends a straight slope by up to 1/20 of a cell along either axis.
    expected = fine_x + 2 * fine_y
    assert field.resample(world, plane) == pytest.approx(expected, abs=3 * world.pitch / 20)


def test_grid_cells_hold_their_own_centres() -> None:
    world = World((1400.0, 920.0))
    x, y = world.axes()
    row, column = world.cells(np.array([[x[0, 7], y[3, 0]], [-1e6, 1e6]]))
    assert (row[0], column[0]) == (3, 7)
    assert (row[1], column[1]) == (world.shape[0] - 1, 0)
