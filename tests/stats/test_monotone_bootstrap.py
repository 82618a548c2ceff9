"""Resampled intervals move and stretch with the values, and widen with the level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mpcs_bench.stats import (
    bootstrap_image_mean,
    bootstrap_patient_mean,
    bootstrap_ratio,
    bootstrap_stratified,
)

BOOTSTRAPS = {
    "patients": lambda d, **more: bootstrap_patient_mean(np.arange(d.size), d, **more),
    "images": lambda d, **more: bootstrap_image_mean(np.arange(d.size) // 2, d, **more),
    "ratio": lambda d, **more: bootstrap_ratio(d, np.ones(d.size), **more),
    "classes": lambda d, **more: bootstrap_stratified(np.arange(d.size) % 2, d, **more),
}
series = st.lists(st.integers(-20, 20), min_size=6, max_size=12).map(
    lambda d: np.array(d[: len(d) // 2 * 2], dtype=np.float64)  # clusters of two, all alike
)
quick = settings(max_examples=15, deadline=None)


@pytest.mark.parametrize("bootstrap", BOOTSTRAPS.values(), ids=BOOTSTRAPS)
@quick
@given(d=series, more=st.integers(1, 20), factor=st.integers(2, 5))
def test_resampled_intervals_move_and_stretch_with_the_values(bootstrap, d, more, factor):
    one = bootstrap(d, draws=199)
    assume(one.bca is not None)
    moved, stretched = bootstrap(d + more, draws=199), bootstrap(factor * d, draws=199)
    for kind in ("percentile", "bca"):
        low, high, _ = getattr(one, kind)
        assert getattr(moved, kind)[:2] == pytest.approx((low + more, high + more), abs=1e-6)
        assert getattr(stretched, kind)[:2] == pytest.approx((factor * low, factor * high))
    assert stretched.standard_error == pytest.approx(factor * one.standard_error)


@pytest.mark.parametrize("bootstrap", BOOTSTRAPS.values(), ids=BOOTSTRAPS)
@quick
@given(d=series)
def test_a_higher_level_of_resampling_is_never_narrower(bootstrap, d):
    narrow, wide = (bootstrap(d, draws=199, level=level) for level in (0.8, 0.95))
    for kind in ("percentile", "bca"):
        inner, outer = getattr(narrow, kind), getattr(wide, kind)
        assert inner is None or (outer.low <= inner.low and inner.high <= outer.high)
