"""Which runs a claim is judged by: how they are paired, what they lack, what weakens them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpcs_bench.report.model import Unit
from mpcs_bench.report.verdicts.cells import SELECTED, UNHELD
from mpcs_bench.report.verdicts.claims import Judged, claim_verdicts

HIGHER = "higher"
ABOVE = [2.0, 2.1, 1.9, 2.2, 1.8]


@pytest.fixture
def changed():
    """A table with fields of one row's values changed."""

    def change(table, row, **fields):
        cells = tuple(
            replace(cell, ours=replace(cell.ours, **fields))
            if cell.published.row == row and cell.ours
            else cell
            for cell in table.cells
        )
        return Judged(replace(table, cells=cells), "paper", ())

    return change


def test_seeds_that_only_one_side_has_are_left_out(study, claim, pair, trained, changed):
    """Seed 1 of the subject is 40 points above its seed 0: it has nothing to be held to."""
    own = study(claim("outperforms"))
    table = own.table(pair(50, [0.1, -0.1, 0.2, -0.2, 0.05]))
    units = {
        Unit(place.split_seed, place.fold, seed): value + 0.4 * seed
        for cell in table.cells
        if cell.ours and cell.published.row == "new"
        for place, value in cell.ours.units.items()
        for seed in (0, 1)
    }
    judged = changed(table, "new", units=units, runs=10, planned_runs=10)
    [found] = claim_verdicts([judged], own.publication, trained(HIGHER))

    assert found.findings[0].difference == pytest.approx(0.01)
    assert found.word != "holds"
    assert "5 runs without a partner left out" in found.warnings


def test_sides_without_a_common_seed_are_not_paired(study, claim, pair, trained, changed):
    own = study(claim("outperforms"))
    table = own.table(pair(85, ABOVE))
    other = {Unit(47, fold, 1): 0.9 for fold in range(5)}
    [found] = claim_verdicts([changed(table, "new", units=other)], own.publication, trained(HIGHER))

    assert found.word == "undecided"
    assert "no fold and seed has a value on both sides" in found.why


@pytest.mark.parametrize(
    ("lacking", "reason"),
    [
        ({"planned": 10}, "5 of 10 planned folds with a value"),
        ({"runs": 5, "planned_runs": 15}, "5 of 15 planned runs with a value"),
    ],
)
def test_runs_that_lack_a_value_make_a_claim_not_comparable(
    study, claim, pair, trained, lacking, reason
):
    found = study(claim("outperforms")).claim(pair(85, ABOVE), trained(HIGHER), **lacking)

    assert (found.word, found.reasons) == ("not comparable", (reason,))


@pytest.mark.parametrize(
    ("marked", "warning"),
    [
        ({"selected_on_test": True}, SELECTED),
        ({"unheld": ("exp-2",)}, UNHELD),
    ],
)
def test_what_weakens_its_values_weakens_a_claim(study, claim, pair, trained, marked, warning):
    found = study(claim("outperforms")).claim(pair(85, ABOVE), trained(HIGHER), **marked)

    assert found.word == "holds"
    assert found.warnings == (warning,)


def test_a_margin_that_was_set_after_the_run_is_told_where_it_was_used(study, claim, pair, trained):
    note = "p: margin set after the run: widened from 3 to 20 points"
    options = {"late": (note,), "margins": (3.0,)}
    equal = study(claim("equality")).claim(pair(85, ABOVE), trained(HIGHER), **options)

    assert note in equal.warnings


def test_a_comparison_that_uses_no_margin_says_nothing_of_it(study, claim, pair, trained):
    options = {"late": ("margin set after the run",), "margins": (3.0, 20.0)}
    above = study(claim("outperforms")).claim(pair(85, ABOVE), trained(HIGHER), **options)

    assert above.warnings == ()


@pytest.mark.parametrize(
    ("ours", "why"),
    [
        ({"ratios": {}}, "n_test/n_train is unknown"),
        ({"splits": {}}, "nothing says that both sides were split alike"),
    ],
)
def test_what_cannot_be_paired_is_undecided_and_says_why(study, claim, pair, trained, ours, why):
    found = study(claim("outperforms")).claim(pair(85, ABOVE), trained(HIGHER), **ours)

    assert found.word == "undecided"
    assert why in found.why


def test_folds_that_were_split_otherwise_are_not_paired(study, claim, pair, trained, changed):
    own = study(claim("outperforms"))
    table = own.table(pair(85, ABOVE))
    otherwise = {(47, fold): frozenset({"x"}) for fold in range(5)}
    judged = changed(table, "new", splits=otherwise)
    [found] = claim_verdicts([judged], own.publication, trained(HIGHER))

    assert found.word == "undecided"
    assert "split alike" in found.why


def test_differences_without_variance_and_single_folds_are_not_tested(study, claim, pair, trained):
    own = study(claim("outperforms"))
    equal = own.claim(pair(85, [1.0] * 5), trained(HIGHER))
    single = own.claim({("plain", "40x"): [85.0], ("new", "40x"): [90.0]}, trained(HIGHER))

    assert (equal.word, single.word) == ("undecided", "out of reach with this design")
    assert "no variance" in equal.why


def test_runs_of_two_scales_are_judged_apart(study, claim, pair, trained):
    own = study(claim("outperforms"))
    values = pair(85, ABOVE)
    paper = Judged(own.table(values), "At the paper's scale", ())
    smoke = Judged(own.table(values, scale="smoke"), "Scale smoke", ("scale smoke",))
    found = claim_verdicts([paper, smoke], own.publication, trained(HIGHER))

    assert [(verdict.runs, verdict.word) for verdict in found] == [
        ("At the paper's scale", "holds"),
        ("Scale smoke", "not comparable"),
    ]
