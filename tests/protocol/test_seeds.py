"""Seeds by name: nobody's seed depends on who else drew one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.protocol.seeds import generator, seed

names = st.lists(
    st.text(st.characters(exclude_characters="\x1f", codec=None), max_size=6), max_size=4
)


def test_values_are_pinned():
    assert seed(0, "fold=2", "init") == 1404211132081957059
    assert generator(0, "fold=2", "init").integers(2**32) == 3392652811


@given(st.integers(0, 2**63 - 1), names)
def test_a_seed_fits_what_torch_and_the_database_take(root, parts):
    assert 0 <= seed(root, *parts) < 2**63


@given(st.integers(0, 9), names, st.integers(0, 9), names)
def test_seeds_differ_unless_root_and_names_agree(root, parts, other_root, other_parts):
    same = (root, parts) == (other_root, other_parts)
    assert (seed(root, *parts) == seed(other_root, *other_parts)) == same


def test_names_are_not_glued_together():
    assert seed(0, "ab", "c") != seed(0, "a", "bc")
    assert seed(1, "1") != seed(11)


def test_generators_of_one_name_draw_the_same_and_of_two_names_do_not():
    first, again, other = (generator(3, name).random(8) for name in ("a", "a", "b"))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
