"""What is drawn for a view: which operations, how far, and for which views alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mpcs_bench.data.augmentation import LUMA, ViewDraw, draw_views, evaluation_views
from mpcs_bench.data.counter import sample_codes
from mpcs_bench.protocol.transform import Transform

CODES = sample_codes([f"s{i}" for i in range(400)])
SOURCE = (70, 46)
OPERATIONS: dict[str, dict[str, Any]] = {
    "flip": {},
    "rotation": {},
    "affine": {"translate": 0.2, "zoom": (0.5, 2.0)},
    "colour": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.1},
    "crop": {},
}


def transform(input_size: tuple[int, int] = (32, 32), **settings: Any) -> Transform:
    return Transform.model_validate({"input_size": input_size} | settings)


def draw(settings: Transform, view: int = 0, **changes: Any) -> ViewDraw:
    point = {"seed": 5, "epoch": 2, "samples": CODES, "source": SOURCE} | changes
    return draw_views(settings, view=view, **point)


def equal(first: ViewDraw, second: ViewDraw) -> np.ndarray:
    """Say for each of n samples whether both draws are the same."""
    n = len(first.affine)
    parts = [
        np.hstack([d.affine.reshape(n, 6), d.matrix.reshape(n, 9), d.contrast[:, None]])
        for d in (first, second)
    ]
    return (parts[0] == parts[1]).all(axis=1)


def places(settings: ViewDraw, points: np.ndarray) -> np.ndarray:
    """Return where output points [k, 2] come from in the source, [n, k, 2]."""
    homogeneous = np.hstack([points, np.ones((len(points), 1))])
    return homogeneous @ settings.affine.transpose(0, 2, 1)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_shared_operation_is_drawn_alike_for_all_views(name: str) -> None:
    settings = transform(framing="crop", **{name: OPERATIONS[name] | {"views": "shared"}})
    # framing crop draws a window too: here only the operation looked at may be shared
    settings = settings if name == "crop" else settings.model_copy(update={"framing": "squash"})
    assert equal(draw(settings, view=0), draw(settings, view=1)).all()
    assert equal(draw(settings, view=0), draw(settings, view=2)).all()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_independent_operation_is_drawn_anew_for_each_view(name: str) -> None:
    framing = "crop" if name == "crop" else "squash"
    settings = transform(framing=framing, **{name: OPERATIONS[name] | {"views": "independent"}})
    # two flips agree by chance in a quarter of the samples, a window in few, the rest never
    assert equal(draw(settings, view=0), draw(settings, view=1)).mean() < 0.35


def test_sharing_is_said_operation_by_operation() -> None:
    settings = transform(rotation={"views": "shared"}, colour={"hue": 0.2, "views": "independent"})
    first, second = draw(settings, view=0), draw(settings, view=1)
    np.testing.assert_array_equal(first.affine, second.affine)
    assert (first.matrix != second.matrix).any(axis=(1, 2)).all()


@given(order=st.permutations(range(30)))
def test_draws_do_not_depend_on_batch_order_or_company(order: list[int]) -> None:
    settings = transform(framing="crop", **OPERATIONS)
    some = draw(settings, samples=CODES[order])
    everyone = draw(settings)
    picked = ViewDraw(
        everyone.affine[order], everyone.matrix[order], everyone.contrast[order], everyone.output
    )
    assert equal(some, picked).all()


def test_adding_an_operation_changes_no_draw_of_another() -> None:
    alone = draw(transform(colour=OPERATIONS["colour"]))
    among_others = draw(transform(**OPERATIONS))
    np.testing.assert_array_equal(alone.matrix, among_others.matrix)
    np.testing.assert_array_equal(alone.contrast, among_others.contrast)


@pytest.mark.parametrize("change", [{"seed": 6}, {"epoch": 3}], ids=str)
def test_seed_and_epoch_change_the_draws(change: dict[str, int]) -> None:
    settings = transform(rotation={}, colour=OPERATIONS["colour"])
    assert not equal(draw(settings), draw(settings, **change)).any()


@pytest.mark.parametrize("name", ["rotation", "affine", "colour"])
def test_an_operation_happens_as_often_as_its_p_says(name: str) -> None:
    settings = transform(**{name: OPERATIONS[name] | {"p": 0.3}})
    untouched = equal(draw(settings), draw(transform()))
    assert stats.binomtest(int((~untouched).sum()), len(CODES), 0.3).pvalue > 0.01


@pytest.mark.parametrize(
    "off",
    [
        {"flip": {"horizontal": 0.0, "vertical": 0.0}},
        *({name: OPERATIONS[name] | {"p": 0.0}} for name in ("rotation", "affine", "colour")),
        {"rotation": {"degrees": 0.0}},
        {"affine": {}},
        {"colour": {}},
    ],
    ids=str,
)
def test_an_operation_that_is_off_does_exactly_nothing(off: dict[str, Any]) -> None:
    plain, with_it = draw(transform()), draw(transform(**off))
    np.testing.assert_array_equal(with_it.affine, plain.affine)
    np.testing.assert_allclose(with_it.matrix, plain.matrix, atol=1e-15)
    np.testing.assert_array_equal(with_it.contrast, plain.contrast)


@pytest.mark.parametrize("framing", ["squash", "crop"])
def test_nothing_drawn_at_the_images_own_size_is_the_identity(framing: str) -> None:
    made = draw(transform(SOURCE, framing=framing))
    np.testing.assert_array_equal(made.affine, np.tile([[1.0, 0, 0], [0, 1, 0]], (400, 1, 1)))
    np.testing.assert_array_equal(made.matrix, np.tile(np.eye(3), (400, 1, 1)))
    np.testing.assert_array_equal(made.contrast, np.ones(400))


def test_a_squash_maps_the_edges_of_the_output_to_the_edges_of_the_image() -> None:
    made = draw(transform((32, 20)))
    edges = places(made, np.array([[-0.5, -0.5], [31.5, 19.5]]))
    np.testing.assert_allclose(edges[0], [[-0.5, -0.5], [69.5, 45.5]], atol=1e-12)


def test_a_flip_with_certainty_mirrors_both_axes() -> None:
    made = draw(transform(SOURCE, flip={"horizontal": 1.0, "vertical": 1.0}))
    corner = places(made, np.array([[0.0, 0.0]]))
    np.testing.assert_array_equal(corner, np.tile([[69.0, 45.0]], (400, 1, 1)))


def test_flips_of_both_axes_are_drawn_apart() -> None:
    made = draw(transform(SOURCE, flip={"horizontal": 0.5, "vertical": 0.5}))
    signs = np.sign(made.affine[:, [0, 1], [0, 1]])
    counts = np.unique(signs, axis=0, return_counts=True)[1]
    assert len(counts) == 4
    assert stats.chisquare(counts).pvalue > 0.01


def test_a_rotation_turns_the_undistorted_image_about_its_centre_before_the_squash() -> None:
    made = draw(transform((32, 32), rotation={"degrees": 180}))
    centre = places(made, np.array([[15.5, 15.5]]))
    np.testing.assert_allclose(centre, np.tile([[34.5, 22.5]], (400, 1, 1)), atol=1e-9)
    # the squash stretches the output's axes, and the turn after it keeps them square
    columns = made.affine[:, :, :2]
    lengths = np.linalg.norm(columns, axis=1)
    np.testing.assert_allclose(lengths, np.tile([70 / 32, 46 / 32], (400, 1)), atol=1e-12)
    np.testing.assert_allclose((columns[:, :, 0] * columns[:, :, 1]).sum(axis=1), 0, atol=1e-12)


def test_angles_are_uniform_within_the_degrees_given() -> None:
    made = draw(transform(rotation={"degrees": 30}))
    angles = np.degrees(np.arctan2(made.affine[:, 1, 0], made.affine[:, 0, 0]))
    assert stats.kstest(angles, "uniform", args=(-30, 60)).pvalue > 0.01


def test_zoom_is_log_uniform_and_above_one_magnifies() -> None:
    made = draw(transform(SOURCE, affine={"zoom": (0.5, 2.0)}))
    zoom = 1 / made.affine[:, 0, 0]
    assert stats.kstest(np.log2(zoom), "uniform", args=(-1, 2)).pvalue > 0.01
    larger = draw(transform(SOURCE, affine={"zoom": (2.0, 2.0)}))
    edges = places(larger, np.array([[-0.5, -0.5], [69.5, 45.5]]))
    np.testing.assert_allclose(edges[0], [[17, 11], [52, 34]], atol=1e-12)


def test_a_shift_is_uniform_up_to_its_fraction_of_width_and_height() -> None:
    made = draw(transform(SOURCE, affine={"translate": 0.1}))
    for axis, size in enumerate(SOURCE):
        shift = made.affine[:, axis, 2]
        assert stats.kstest(shift, "uniform", args=(-0.1 * size, 0.2 * size)).pvalue > 0.01


def test_crop_windows_lie_on_whole_pixels_within_the_image_and_reach_every_place() -> None:
    made = draw(
        transform((64, 40), framing="crop"), samples=sample_codes(list(map(str, range(4000))))
    )
    np.testing.assert_array_equal(made.affine[:, :, :2], np.tile(np.eye(2), (4000, 1, 1)))
    for axis, places_to_be in enumerate((7, 7)):
        corner = made.affine[:, axis, 2]
        np.testing.assert_array_equal(corner, np.round(corner))
        counts = np.bincount(corner.astype(int), minlength=places_to_be)
        assert len(counts) == places_to_be
        assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("output", [(69, 45), (70, 46), (71, 47), (200, 10)])
def test_a_window_stands_on_whole_pixels_at_any_size(output: tuple[int, int]) -> None:
    made = draw(transform(output, framing="crop"))
    np.testing.assert_array_equal(made.affine[:, :, 2], np.round(made.affine[:, :, 2]))


def test_a_window_larger_than_the_image_stands_around_its_middle() -> None:
    made = draw(transform((100, 101), framing="crop"))
    np.testing.assert_array_equal(made.affine[:, :, 2], np.tile([-15.0, -28.0], (400, 1)))


def test_a_cropped_view_is_turned_and_mirrored_about_the_middle_of_its_window() -> None:
    plain = draw(transform(framing="crop"))
    turned = draw(transform(framing="crop", rotation={}, flip={}))
    middle = np.array([[15.5, 15.5]])
    np.testing.assert_allclose(places(turned, middle), places(plain, middle), atol=1e-9)


def test_the_whole_image_as_a_box_changes_nothing() -> None:
    settings = transform(framing="crop", **OPERATIONS)
    whole = np.tile([0.0, 0.0, 1.0, 1.0], (400, 1))
    np.testing.assert_allclose(
        draw(settings, boxes=whole).affine, draw(settings).affine, atol=1e-12
    )


def test_a_box_is_what_a_squash_sees() -> None:
    box = np.tile([0.5, 0.25, 0.25, 0.5], (400, 1))
    made = draw(transform((32, 20)), boxes=box)
    edges = places(made, np.array([[-0.5, -0.5], [31.5, 19.5]]))
    expected = [[35 - 0.5, 11.5 - 0.5], [52.5 - 0.5, 34.5 - 0.5]]
    np.testing.assert_allclose(edges[0], expected, atol=1e-12)


def test_every_sample_has_its_own_box() -> None:
    boxes = np.tile([0.0, 0.0, 1.0, 1.0], (400, 1))
    boxes[7] = [0.5, 0.5, 0.5, 0.5]
    whole, boxed = draw(transform()), draw(transform(), boxes=boxes)
    assert np.flatnonzero(~equal(whole, boxed)).tolist() == [7]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("brightness", lambda d: d.matrix[:, 0, 0]),
        ("contrast", lambda d: d.contrast),
        # a saturation s leaves s of the difference between red and green
        ("saturation", lambda d: d.matrix[:, 0, 0] - d.matrix[:, 1, 0]),
    ],
)
def test_a_factor_is_uniform_about_one(name: str, read: Any) -> None:
    factor = read(draw(transform(colour={name: 0.3})))
    assert stats.kstest(factor, "uniform", args=(0.7, 0.6)).pvalue > 0.01


def test_saturation_and_hue_leave_grey_and_luma_alone() -> None:
    made = draw(transform(colour={"saturation": 0.5, "hue": 0.5}))
    np.testing.assert_allclose(made.matrix @ np.ones(3), np.ones((400, 3)), atol=1e-12)
    np.testing.assert_allclose(LUMA @ made.matrix, np.tile(LUMA, (400, 1)), atol=1e-12)


def test_hue_turns_are_uniform_within_their_share_of_a_circle() -> None:
    to_yiq = np.array(
        [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
    )
    chroma = to_yiq @ draw(transform(colour={"hue": 0.25})).matrix @ np.linalg.inv(to_yiq)
    turns = np.arctan2(chroma[:, 2, 1], chroma[:, 1, 1]) / (2 * np.pi)
    assert stats.kstest(turns, "uniform", args=(-0.25, 0.5)).pvalue > 0.01


@pytest.mark.parametrize(
    ("framing", "output", "expected"),
    [
        ("squash", (32, 32), [[70 / 32, 0, 0.59375], [0, 46 / 32, 0.21875]]),
        ("centre-crop", (32, 32), [[1, 0, 19], [0, 1, 7]]),
        ("centre-crop", (33, 33), [[1, 0, 19], [0, 1, 7]]),
        ("whole", SOURCE, [[1, 0, 0], [0, 1, 0]]),
    ],
)
def test_testing_shows_the_same_view_every_time(
    framing: str, output: tuple[int, int], expected: list[list[float]]
) -> None:
    made = evaluation_views(
        transform((output if framing != "whole" else (32, 32)), test_framing=framing, **OPERATIONS),
        3,
        SOURCE,
    )
    assert made.output == output
    np.testing.assert_allclose(made.affine, np.tile(expected, (3, 1, 1)), atol=1e-12)
    np.testing.assert_array_equal(made.matrix, np.tile(np.eye(3), (3, 1, 1)))
    np.testing.assert_array_equal(made.contrast, np.ones(3))
