"""Means and deviations of whole counts: what is real passes, what cannot be is found."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations_with_replacement, product
from statistics import mean, pstdev, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcs_bench.report.audit import audit_publication
from mpcs_bench.report.audit.exact import exact, half_even, half_up, truncated
from mpcs_bench.report.audit.grids import SearchTooLargeError, Span, fold_values, neighbours
from mpcs_bench.report.audit.grim import occurs
from mpcs_bench.report.audit.grimmer import solutions


@st.composite
def counts(draw, most: int = 90, fewest: int = 1):
    """Draw the sizes of some folds, which differ by one, and how many are right in each."""
    least = draw(st.integers(fewest, most))
    sizes = draw(st.lists(st.integers(least, least + 1), min_size=2, max_size=5))
    return [(draw(st.integers(0, n)), n) for n in sizes]


def values(folds) -> list[Fraction]:
    return [Fraction(right, n) for right, n in folds]


@given(counts(), st.integers(0, 3), st.sampled_from([half_up, half_even]))
@settings(deadline=None)
def test_every_mean_of_real_counts_passes(folds, decimals, way):
    sizes = [n for _, n in folds]
    true = 100 * sum(values(folds), Fraction(0)) / len(folds)
    printed = exact(float(way(true, decimals)), decimals)

    assert occurs(sizes, printed, 100)


@given(counts(most=25), st.integers(1, 3))
@settings(deadline=None)
def test_every_mean_that_was_cut_off_passes_as_such(folds, decimals):
    true = 100 * sum(values(folds), Fraction(0)) / len(folds)
    printed = exact(float(truncated(true, decimals)), decimals)

    assert occurs([n for _, n in folds], printed, 100, cut=True)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 1000))
@settings(deadline=None)
def test_the_nearest_means_are_those_of_all_counts(sizes, thousandths):
    target = Fraction(thousandths, 1000)
    every = {
        sum((Fraction(k, n) for k, n in zip(right, sizes, strict=True)), Fraction(0)) / len(sizes)
        for right in product(*(range(n + 1) for n in sizes))
    }

    near = neighbours(sizes, target)

    assert near.below == max((m for m in every if m <= target), default=None)
    assert near.above == min((m for m in every if m >= target), default=None)


@given(
    st.lists(st.integers(1, 7), min_size=2, max_size=4),
    st.integers(0, 100),
    st.integers(0, 30),
    st.integers(0, 40),
)
@settings(deadline=None)
def test_the_search_finds_every_multiset_of_fold_values_once(sizes, low, width, squares):
    span = Span(Fraction(low, 100), Fraction(low + width, 100))
    bound = Fraction(squares, 40)
    groups = [
        list(combinations_with_replacement([Fraction(k, n) for k in range(n + 1)], times))
        for n, times in sorted(Counter(sizes).items(), reverse=True)
    ]
    every = []
    for chosen in product(*groups):
        shares = [share for group in chosen for share in group]
        centre = sum(shares, Fraction(0)) / len(shares)
        spread = sum(((share - centre) ** 2 for share in shares), Fraction(0))
        if centre in span and spread <= bound:
            every.append((centre, spread))

    found = [(one.mean, one.squares) for one in fold_values(sizes, span, bound)]

    assert sorted(found) == sorted(every)


@given(counts(most=16), st.sampled_from([1, 0]))
@settings(deadline=None, max_examples=40)
def test_every_deviation_of_real_counts_passes(folds, ddof):
    sizes = [n for _, n in folds]
    shares = [100 * value for value in values(folds)]
    centre = sum(shares, Fraction(0)) / len(shares)
    deviation = (stdev if ddof else pstdev)([float(share) for share in shares])
    mean_, sd = exact(float(half_up(centre, 2)), 2), exact(round(deviation, 2), 2)

    found = solutions([sizes], mean_, sd, 100)

    assert (found.with_n_minus_1 if ddof else found.with_n) > 0


def test_solutions_are_counted():
    folds = [(12, 12, 12, 11, 11)]  # 98.18: one mistake, in a fold of 11
    assert solutions(folds, exact(98.18, 2), exact(4.07, 2), 100).with_n_minus_1 == 1
    assert solutions(folds, exact(98.18, 2), exact(3.64, 2), 100).with_n == 1
    # 8 of 10 in two folds: 8 and 8, or 7 and 9, ...
    spread = [stdev([8 - d, 8 + d]) * 10 for d in range(3)]
    assert [
        solutions([(10, 10)], exact(80.0, 1), exact(round(sd, 1), 1), 100).with_n_minus_1
        for sd in spread
    ] == [1, 1, 1]
    assert not solutions([(10, 10)], exact(80.0, 1), exact(5.0, 1), 100)


def test_a_search_without_end_is_given_up():
    with pytest.raises(SearchTooLargeError):
        neighbours((397, 401, 409, 419, 421), Fraction(1, 2))
    with pytest.raises(SearchTooLargeError):
        list(fold_values([400] * 5, Span(Fraction(1, 2), Fraction(51, 100)), Fraction(1)))


CELL = {"row": "ours", "column": "a"}


def test_a_mean_that_cannot_occur_is_found_and_vanishes(found, sizes):
    def severities(printed: str) -> list[tuple[str, str]]:
        cells = [CELL | {"printed": printed}]
        return [(f.severity, f.recomputed) for f in found("grim", cells, items=sizes([80] * 5))]

    assert severities("90.50") == []
    assert severities("90.55") == [("error", "90.5000 or 90.7500")]
    assert severities("90.50") == []


def test_truncation_and_shares_of_all_items_are_told(found, sizes):
    def severities(printed: str) -> list[str]:
        cells = [CELL | {"printed": printed}]
        return [f.severity for f in found("grim", cells, items=sizes([12, 12, 12, 11, 11]))]

    assert severities("98.33") == []  # 59/60
    assert severities("96.66") == ["truncation"]  # 58/60
    assert severities("98.28") == ["notice"]  # 57 of all 58
    assert severities("98.14") == ["error"]


def test_any_of_several_sizes_will_do(found, sizes):
    cells = [CELL | {"printed": "98.46"}]  # 64/65

    assert found("grim", cells, items=sizes([12, 12, 12, 11, 11])) != []
    assert found("grim", cells, items=sizes([12, 12, 12, 11, 11], [13, 12, 11, 11, 11])) == []


def test_unknown_items_and_literature_are_skipped_with_the_reason(publish, sizes):
    cells = [
        CELL | {"printed": "90.55", "literature": "false"},
        CELL | {"printed": "0.9", "column": "f1", "metric": "f1", "unit": "fraction"},
        {"row": "theirs", "column": "a", "printed": "90.55", "literature": "true"}
        | {"citation": "7"},
        {"row": "theirs", "column": "f1", "printed": "-", "metric": "f1", "unit": "fraction"},
    ]
    unknown = [
        {"dataset": "tissue", "metrics": ["image_accuracy"], "basis": "unknown"}
        | {"reason": "Nobody says."}
    ]

    audit = audit_publication(publish(cells, items=unknown, references={"7": "B."}), ["grim"])

    assert audit.findings == ()
    assert {one.reason for one in audit.skipped} == {
        "Nobody says.",
        "paper.yaml declares no test items for it",
        "values quoted from other works: their test items are not declared",
    }


@pytest.mark.parametrize(
    ("printed", "severities"),
    [
        ("80.0±7.1", []),  # 7.5 and 8.5 of 10 are none, 7 and 9 give 14.1; 8 and 8 give 0
        ("80.0±14.1", []),
        ("80.0±5.0", ["error"]),
    ],
)
def test_a_deviation_is_searched_among_all_counts(found, sizes, printed, severities):
    cells = [CELL | {"printed": printed}]
    size = [20, 20] if printed == "80.0±7.1" else [10, 10]

    assert [f.severity for f in found("grimmer", cells, items=sizes(size))] == severities


def test_a_deviation_that_is_only_cut_off_is_truncation(found, sizes):
    shares = [100 * right / 80 for right in (33, 39, 42, 42, 44)]
    printed = f"{mean(shares):.2f}±{int(100 * pstdev(shares)) / 100:.2f}"

    (finding,) = found("grimmer", [CELL | {"printed": printed}], items=sizes([80] * 5))

    assert (finding.severity, printed) == ("truncation", "50.00±4.80")


def test_the_nearest_deviations_are_told(found, sizes):
    cells = [CELL | {"printed": "98.18±1.80"}]

    (finding,) = found("grimmer", cells, items=sizes([12, 12, 12, 11, 11]))

    assert (finding.severity, finding.recomputed) == ("error", "±4.07 (n - 1)")
