"""The order of the rows decides nothing: for every public function that takes rows."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mpcs_bench.stats as statistics
from mpcs_bench.stats import (
    bayesian_correlated_t,
    bootstrap_image_mean,
    bootstrap_patient_mean,
    bootstrap_ratio,
    bootstrap_stratified,
    cliffs_delta,
    corrected_resampled_t,
    equivalence_to_published,
    friedman_nemenyi,
    gap_to_published,
    holm,
    mcnemar,
    mean_of_columns,
    naive_paired_t,
    over_folds,
    paired_effect,
    paired_equivalence,
    patient_sign_flip,
    pooled,
    sign_flip,
    wilcoxon_signed_rank,
)

NAMES = ("a", "b", "c")
RANKED = ("first", "second", "third", "fourth")

# One table serves all: scores of four methods, whose each row is, and n_test/n_train of its split.
OF_TABLE = {
    "bayesian_correlated_t": lambda t: bayesian_correlated_t(t.d, t.ratio, rope=0.02),
    "bootstrap_image_mean": lambda t: bootstrap_image_mean(t.name, t.d, draws=99),
    "bootstrap_patient_mean": lambda t: bootstrap_patient_mean(t.name, t.d, draws=99),
    "bootstrap_ratio": lambda t: bootstrap_ratio(t.score[:, 0], t.count, draws=99),
    "bootstrap_stratified": lambda t: bootstrap_stratified(t.name, t.d, draws=99),
    "cliffs_delta": lambda t: cliffs_delta(t.score[:, 0], t.score[:, 1]),
    "corrected_resampled_t": lambda t: corrected_resampled_t(t.d, t.ratio),
    "equivalence_to_published": lambda t: equivalence_to_published(
        t.score[:, 0], 0.5, 0.1, 5, margin=0.1
    ),
    "friedman_nemenyi": lambda t: friedman_nemenyi(t.score, RANKED),
    "gap_to_published": lambda t: gap_to_published(t.score[:, 0], 0.5, 0.1, 5),
    "mcnemar": lambda t: mcnemar(t.score[:, 0] > 0.5, t.score[:, 1] > 0.5, clusters=t.name),
    "mean_of_columns": lambda t: mean_of_columns([over_folds(row) for row in t.score]),
    "naive_paired_t": lambda t: naive_paired_t(t.d),
    "over_folds": lambda t: over_folds(t.score[:, 0]),
    "paired_effect": lambda t: paired_effect(t.d),
    "paired_equivalence": lambda t: paired_equivalence(t.d, t.ratio, margin=0.1),
    "patient_sign_flip": lambda t: patient_sign_flip(t.name, t.d),
    "pooled": lambda t: pooled(t.score[:, 0], t.count),
    "sign_flip": lambda t: sign_flip(t.d),
    "wilcoxon_signed_rank": lambda t: wilcoxon_signed_rank(t.d),
}
WITHOUT_ROWS = {
    "corrected_t_power",
    "mcnemar_of_counts",
    "minimum_detectable_effect",
    "proportion_intervals",
    "smallest_attainable_p",
}


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows: four scores, whose they are, how many items they are over, and the split's ratio."""

    score: np.ndarray
    name: np.ndarray
    count: np.ndarray
    ratio: list[float]

    @property
    def d(self) -> np.ndarray:
        return self.score[:, 0] - self.score[:, 1]

    def taken(self, order: list[int]) -> Table:
        ratio = [self.ratio[i] for i in order]
        return Table(self.score[order], self.name[order], self.count[order], ratio)


def drawn(generator: np.random.Generator, size: int) -> Table:
    """Draw scores in hundredths, so that ties and zeros are among them; each name twice or more."""
    names = np.array(NAMES * 2 + NAMES * size)[: max(size, 6)]
    return Table(
        generator.integers(40, 60, (names.size, 4)) / 100,
        names,
        generator.integers(1, 30, names.size),
        list(generator.integers(20, 40, names.size) / 100),
    )


tables = st.builds(
    lambda seed, size: drawn(np.random.default_rng(seed), size),
    st.integers(0, 2**32 - 1),
    st.integers(6, 12),
)


def equal(one: object, other: object) -> bool:
    """Say whether two records hold the same, numbers up to rounding."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    if dataclasses.is_dataclass(one) and type(one) is type(other):
        return all(equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


def fields(record: object) -> tuple[dataclasses.Field, ...]:
    return dataclasses.fields(record)  # type: ignore[arg-type]


def test_every_public_function_is_held_to_it_or_takes_no_rows():
    functions = {name for name in statistics.__all__ if name.islower()}
    assert functions == set(OF_TABLE) | WITHOUT_ROWS | {"holm"}


@pytest.mark.parametrize("name", OF_TABLE)
@settings(max_examples=15, deadline=None)
@given(table=tables, random=st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(name, table, random):
    order = random.sample(range(table.name.size), table.name.size)
    one, other = OF_TABLE[name](table), OF_TABLE[name](table.taken(order))
    assert equal(one, other), (one, other)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_an_adjusted_p_goes_with_its_test(p, random):
    order = random.sample(range(len(p)), len(p))
    adjusted = holm(p)
    assert holm([p[i] for i in order]) == tuple(adjusted[i] for i in order)


@settings(max_examples=15, deadline=None)
@given(table=tables, random=st.randoms(use_true_random=False))
def test_order_of_the_methods_does_not_matter_to_their_ranks(table, random):
    order = random.sample(range(4), 4)
    one = friedman_nemenyi(table.score, RANKED)
    other = friedman_nemenyi(table.score[:, order], [RANKED[i] for i in order])
    assert equal(one, other)


@pytest.mark.parametrize("test", [sign_flip, lambda d: patient_sign_flip(range(len(d)), d)])
def test_drawn_patterns_do_not_hang_on_the_order_or_direction_of_rows(test):
    """Beyond 16 values patterns are drawn: from a seed, for the values in order."""
    generator = np.random.default_rng(3)
    d = generator.normal(0.3, 1, 40)
    expected = test(d).p
    assert 0.001 < expected < 0.5
    assert test(generator.permutation(d)).p == expected
    assert test(-d).p == expected
