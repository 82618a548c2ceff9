"""How an epoch is cut: nothing is dropped, and no batch has a single item."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.stages.batches import epoch_batches, steps_per_epoch


@given(items=st.integers(1, 200), size=st.integers(2, 250))
def test_every_item_comes_once_and_in_order(items: int, size: int) -> None:
    order = np.random.default_rng(0).permutation(items)
    np.testing.assert_array_equal(np.concatenate(epoch_batches(order, size)), order)


@given(items=st.integers(2, 200), size=st.integers(2, 250))
def test_no_batch_has_a_single_item_and_only_the_last_may_differ(items: int, size: int) -> None:
    lengths = [len(batch) for batch in epoch_batches(np.arange(items), size)]
    assert all(length == min(size, items) for length in lengths[:-1])
    assert 2 <= lengths[-1] <= size + 1


@given(items=st.integers(1, 200), size=st.integers(2, 250))
def test_the_number_of_steps_is_the_number_of_batches(items: int, size: int) -> None:
    assert steps_per_epoch(items, size) == len(epoch_batches(np.arange(items), size))


@pytest.mark.parametrize(
    ("items", "size", "expected"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (3, 2, [3]), (5, 8, [5]), (934, 1024, [934]), (1, 4, [1])],
)
def test_worked_examples(items: int, size: int, expected: list[int]) -> None:
    assert [len(batch) for batch in epoch_batches(np.arange(items), size)] == expected


def test_no_items_are_no_batch() -> None:
    assert epoch_batches(np.arange(0), 4) == []
