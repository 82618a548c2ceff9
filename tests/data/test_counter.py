"""Random numbers by counter: uniform, and a function of what they are for and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mpcs_bench.data.counter import mix, permutation, sample_codes, uniform

CODES = sample_codes([f"SOB_M_DC-14-{i}-100-001" for i in range(500)])
POINT: dict[str, Any] = {"seed": 3, "epoch": 7, "view": 1, "operation": "rotation", "count": 4}

seeds = st.integers(0, 2**63 - 1)


def draw(codes: np.ndarray = CODES, **changes: Any) -> np.ndarray:
    point = POINT | changes
    return uniform(point.pop("seed"), point.pop("epoch"), codes, **point)


def test_numbers_lie_in_the_half_open_unit_interval() -> None:
    numbers = draw(count=200)
    assert numbers.shape == (500, 200)
    assert numbers.min() >= 0
    assert numbers.max() < 1


@pytest.mark.parametrize("axis", ["samples", "counters", "epochs", "operations", "seeds"])
def test_numbers_are_uniform_along_every_axis(axis: str) -> None:
    numbers = {
        "samples": lambda: draw(sample_codes([f"s{i}" for i in range(5000)]), count=1),
        "counters": lambda: draw(CODES[:1], count=5000),
        "epochs": lambda: np.array([draw(CODES[:5], epoch=i, count=1) for i in range(1000)]),
        "operations": lambda: np.array(
            [draw(CODES[:5], operation=f"o{i}", count=1) for i in range(1000)]
        ),
        "seeds": lambda: np.array([draw(CODES[:5], seed=i, count=1) for i in range(1000)]),
    }[axis]()
    assert stats.kstest(numbers.ravel(), "uniform").pvalue > 0.01
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert stats.chisquare(counts).pvalue > 0.01


def test_neighbouring_numbers_are_not_correlated() -> None:
    numbers = draw(count=100)
    along_counters = np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]
    along_samples = np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())[0, 1]
    assert abs(along_counters) < 0.02
    assert abs(along_samples) < 0.02


def test_neighbouring_inputs_of_the_hash_differ_in_half_of_their_bits() -> None:
    hashes = mix(np.arange(2000, dtype=np.uint64))
    flipped = np.unpackbits((hashes[:-1] ^ hashes[1:]).view(np.uint8)).mean()
    assert abs(flipped - 0.5) < 0.01


@pytest.mark.parametrize(
    "change", [{"seed": 4}, {"epoch": 8}, {"view": 0}, {"operation": "flip"}], ids=str
)
def test_seed_epoch_view_and_operation_each_change_every_number(change: dict[str, Any]) -> None:
    assert not np.isin(draw(**change), draw()).any()


@given(seed=seeds, order=st.permutations(range(40)))
def test_a_samples_numbers_do_not_depend_on_batch_order(seed: int, order: list[int]) -> None:
    codes = CODES[:40]
    np.testing.assert_array_equal(draw(codes[order], seed=seed), draw(codes, seed=seed)[order])


@given(start=st.integers(0, 499), size=st.integers(0, 50))
def test_a_samples_numbers_do_not_depend_on_its_company(start: int, size: int) -> None:
    chosen = slice(start, start + size)
    np.testing.assert_array_equal(draw(CODES[chosen]), draw()[chosen])


def test_drawing_more_numbers_keeps_the_first_ones() -> None:
    np.testing.assert_array_equal(draw(count=9)[:, :4], draw(count=4))


def test_a_samples_code_is_of_its_name_and_not_of_its_place() -> None:
    names = [f"s{i}" for i in range(100)]
    np.testing.assert_array_equal(sample_codes(names[::-1]), sample_codes(names)[::-1])
    assert len(np.unique(sample_codes(names))) == 100


def test_numbers_stay_the_same_from_version_to_version() -> None:
    numbers = uniform(1, 2, sample_codes(["a"]), view=0, operation="flip", count=2)
    np.testing.assert_array_equal(numbers, [[0.3931766337526915, 0.0060286877577753195]])


@given(seed=seeds, n=st.integers(0, 60))
def test_an_order_is_a_permutation(seed: int, n: int) -> None:
    order = permutation(seed, 0, CODES[:n], "order")
    assert sorted(order.tolist()) == list(range(n))


@given(shuffled=st.permutations(range(40)))
def test_an_order_depends_on_the_samples_and_not_on_their_rows(shuffled: list[int]) -> None:
    codes = CODES[:40]
    first = codes[permutation(1, 2, codes, "order")]
    again = codes[shuffled][permutation(1, 2, codes[shuffled], "order")]
    np.testing.assert_array_equal(first, again)


def test_every_epoch_has_another_order() -> None:
    orders = {tuple(permutation(1, epoch, CODES, "order").tolist()) for epoch in range(20)}
    assert len(orders) == 20


def test_every_sample_comes_first_equally_often() -> None:
    codes = CODES[:6]
    first = [int(permutation(1, epoch, codes, "order")[0]) for epoch in range(3000)]
    assert stats.chisquare(np.bincount(first, minlength=6)).pvalue > 0.01
