"""Each verdict on a claim of each kind, reached by construction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpcs_bench.report.paper.model import Departure
from mpcs_bench.report.verdicts.claims import Judged, claim_verdicts
from mpcs_bench.stats import corrected_resampled_t, holm

HIGHER, LOWER = "higher", "lower"


def claim(kind, *, rows="new", baseline="plain", columns="40x", more=""):
    """Return a claims file with one claim."""
    held = f"    baseline: [{{table: table-1, rows: [{baseline}], columns: [{columns}]}}]\n"
    return (
        f"claims:\n  - id: one\n    kind: {kind}\n    section: '5'\n    place: on Table 1\n"
        f"    quote: it is so\n    subject: [{{table: table-1, rows: [{rows}], "
        f"columns: [{columns}]}}]\n{held if baseline else ''}    paired_by: [column]\n{more}"
    )


def pair(plain, differences, column="40x", row="new", scale=1):
    """Return values of the baseline, and of a row that differs from it by so many points a fold."""
    own = [plain + step for step in (-2, -1, 0, 1, 2)]
    shifted = [one + by for one, by in zip(own, differences, strict=True)]
    return {
        ("plain", column): [v / scale for v in own],
        (row, column): [v / scale for v in shifted],
    }


ABOVE = [2.0, 2.1, 1.9, 2.2, 1.8]
"""Two points above in every fold: p is far below 0.05."""
BELOW = [-d for d in ABOVE]
UNSURE = [1.5, -0.8, 1.2, -0.6, 0.9]
"""Detectable are about 2 points: less than a claim of more, more than a claim of less."""


@pytest.mark.parametrize("kind", ["outperforms", "ordering"])
@pytest.mark.parametrize(
    ("differences", "asked", "verdict"),
    [
        (ABOVE, HIGHER, "holds"),
        (ABOVE, LOWER, "undecided"),
        (ABOVE, "not shown", "undecided"),
        (ABOVE, "out of reach", "out of reach with this design"),
        (ABOVE, "not asked", "undecided"),
        (BELOW, HIGHER, "does not hold"),
        ([5.0, -5.0, 4.0, -4.0, 0.5], HIGHER, "out of reach with this design"),
    ],
)
def test_a_comparison_holds_only_where_both_questions_say_so(
    study, trained, kind, differences, asked, verdict
):
    found = study(claim(kind)).claim(pair(85, differences), trained(asked))

    assert found.word == verdict
    assert (found.runs, found.scale, found.protocols) == (
        "Scale paper",
        "paper",
        ("p-exp-2", "p-exp-1"),
    )


def test_a_difference_in_reach_that_is_not_shown_is_undecided(study, trained):
    own = study(claim("outperforms"), printed={("new", "40x"): "95.0±0.5"})
    found = own.claim(pair(85, UNSURE), trained(HIGHER))

    assert found.word == "undecided"
    assert found.why.endswith("not shown")


def test_without_trained_models_one_of_two_questions_was_asked(study):
    found = study(claim("outperforms")).claim(pair(85, ABOVE))

    assert found.word == "undecided"
    assert "one of the two questions was asked" in found.why
    assert found.findings[0].one_question


def test_the_numbers_are_those_of_the_corrected_test_in_points(study, trained):
    found = study(claim("outperforms")).claim(pair(85, ABOVE), trained(HIGHER))
    expected = corrected_resampled_t(ABOVE, 0.25)

    assert found.decisive.difference == pytest.approx(2.0)
    assert found.decisive.p == pytest.approx(expected.p)
    assert (found.decisive.low, found.decisive.high) == pytest.approx(expected.interval[:2])
    assert found.decisive.n == 5


@pytest.mark.parametrize(
    ("claimed", "differences", "verdict"),
    [
        ("{value: 2.0, plus_minus: 0.1, unit: percent}", ABOVE, "holds"),
        ("{value: 0.02, unit: fraction}", ABOVE, "holds"),
        ("{value: 4.0, unit: percent}", ABOVE, "does not hold"),
        ("{value: 1.0, unit: percent}", ABOVE, "does not hold"),
        ("{value: 2.0, unit: percent}", BELOW, "does not hold"),
        ("{value: 0.5, unit: percent}", UNSURE, "out of reach with this design"),
        ("{value: 2.2, unit: percent}", UNSURE, "undecided"),
    ],
)
def test_an_improvement_holds_where_the_interval_meets_what_is_claimed_and_not_zero(
    study, trained, claimed, differences, verdict
):
    own = study(claim("improvement", more=f"    claimed: {claimed}\n"))

    assert own.claim(pair(85, differences), trained(HIGHER)).word == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.5, 2.5, "holds"), (2.1, 8.0, "holds"), (3.5, 8.0, "does not hold")],
)
def test_a_range_is_held_to_the_interval(study, trained, low, high, verdict):
    more = f"    claimed: {{low: {low}, high: {high}, unit: percent}}\n"
    own = study(claim("improvement-range", more=more))

    assert own.claim(pair(85, ABOVE), trained(HIGHER)).word == verdict


@pytest.mark.parametrize(
    ("differences", "printed", "verdict"),
    [
        (ABOVE, "87.0±0.5", "holds"),
        (BELOW, "87.0±0.5", "does not hold"),
        (UNSURE, "95.0±0.5", "does not hold"),
        (UNSURE, "85.5±0.5", "out of reach with this design"),
    ],
)
def test_significance_is_never_missed_where_it_was_out_of_reach(
    study, trained, differences, printed, verdict
):
    own = study(
        claim("significance", more="    claimed: {p: 0.05}\n"), printed={("new", "40x"): printed}
    )

    assert own.claim(pair(85, differences), trained(HIGHER)).word == verdict


def test_significance_is_held_to_the_level_that_is_claimed(study, trained):
    more = "    claimed: {{p: {p}}}\n"
    differences = [1.4, 0.6, 1.2, 0.5, 1.3]
    p = corrected_resampled_t(differences, 0.25).p
    assert 0.01 < p < 0.05
    values = pair(85, differences)

    strict = study(claim("significance", more=more.format(p=0.01)))
    assert strict.claim(values, trained(HIGHER)).word == "does not hold"


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        (ABOVE, "holds"),
        ([-0.5, -0.4, -0.6, -0.3, -0.7], "holds"),
        ([-8.0, -8.1, -7.9, -8.2, -7.8], "does not hold"),
        ([-3.2, -1.8, -2.9, -1.6, -2.8], "undecided"),
        ([5.0, -5.0, 4.0, -4.0, 0.5], "out of reach with this design"),
    ],
)
def test_equality_is_not_falling_below_by_the_margin(study, differences, verdict):
    found = study(claim("equality")).claim(pair(85, differences))

    assert found.word == verdict
    assert found.decisive.margin == 3.0


@pytest.mark.parametrize(
    ("ours", "sd", "verdict"),
    [
        (87.5, 0.5, "holds"),
        (95.0, 0.5, "does not hold"),
        (90.0, 0.5, "undecided"),
        (87.0, 6.0, "out of reach with this design"),
    ],
)
def test_a_value_is_held_to_what_is_claimed(study, folds_of, ours, sd, verdict):
    more = "    claimed: {value: 87.0, unit: percent}\n"
    own = study(claim("value", baseline="", more=more))

    assert own.claim({("new", "40x"): folds_of(ours, sd)}).word == verdict


def test_a_fraction_that_is_claimed_in_percent_is_the_same_value(study, folds_of):
    more = "    claimed: {value: 82.0, unit: percent}\n"
    own = study(claim("value", baseline="", columns="f1", more=more))

    assert own.claim({("new", "f1"): folds_of(0.82, 0.005)}).word == "holds"


@pytest.mark.parametrize("kind", ["outperforms", "equality", "improvement-range"])
def test_against_rows_of_others_there_is_a_gap_and_a_sign_and_no_test(study, trained, kind):
    more = "    claimed: {low: 1.0, high: 4.0, unit: percent}\n"
    own = study(claim(kind, baseline="theirs", more=more if "range" in kind else ""))
    found = own.claim({("new", "40x"): [90.0] * 5}, trained(HIGHER))

    assert found.word == "undecided"
    assert found.why == "+6.00 points; no test against a published row"
    assert (found.decisive.difference, found.decisive.p) == (pytest.approx(6.0), None)


def test_of_all_one_that_fails_settles_it_and_one_that_is_lacking_leaves_it_open(study, trained):
    own = study(claim("outperforms", rows="new, newer"))
    above, below = pair(85, ABOVE), pair(85, BELOW, row="newer")
    asked = trained(HIGHER)

    assert own.claim(above | pair(85, ABOVE, row="newer"), asked).word == "holds"
    assert own.claim(above | below, asked).word == "does not hold"
    lacking = own.claim(above, asked)
    assert lacking.word == "undecided"
    assert "not run in 1 of 2 comparisons" in lacking.why


def test_of_some_one_that_holds_settles_it(study, trained):
    own = study(claim("outperforms", rows="new, newer", more="    quantifier: some\n"))
    asked = trained(HIGHER)

    assert own.claim(pair(85, ABOVE) | pair(85, BELOW, row="newer"), asked).word == "holds"
    assert own.claim(pair(85, BELOW) | pair(85, BELOW, row="newer"), asked).word == "does not hold"
    assert own.claim(pair(85, BELOW), asked).word == "undecided"


def test_what_one_of_several_could_show_by_chance_is_corrected_for_their_number(study, trained):
    differences = [1.4, 0.6, 1.2, 0.3, 1.5]
    p = corrected_resampled_t(differences, 0.25).p
    assert p <= 0.05 < holm([p, 1.0])[0]
    own = study(claim("outperforms", rows="new, newer", more="    quantifier: some\n"))
    values = pair(85, differences) | pair(85, UNSURE, row="newer")

    assert own.claim(values, trained(HIGHER)).word != "holds"


def test_a_claim_that_no_cell_can_settle_is_never_said_to_hold(study, trained):
    own = study(claim("outperforms", more="    unchecked: Half of it stands nowhere.\n"))
    found = own.claim(pair(85, ABOVE), trained(HIGHER))

    assert found.word == "undecided"
    assert found.why.endswith("but: Half of it stands nowhere.")


def test_a_claim_without_cells_is_undecided_and_one_without_values_not_run(study):
    bare = (
        "claims:\n  - {id: bare, kind: equality, section: '1', place: there, quote: so,\n"
        "     unchecked: It stands nowhere.}\n"
    )
    own = study(bare + claim("outperforms").removeprefix("claims:\n"))
    found = own.claims({})

    assert (found["bare"].word, found["bare"].why) == ("undecided", "It stands nowhere.")
    assert found["one"].word == "not run"
    assert "exp-2, exp-1" in found["one"].why


KINDS = {
    "value": "    claimed: {value: 87.0, unit: percent}\n",
    "improvement": "    claimed: {value: 2.0, unit: percent}\n",
    "improvement-range": "    claimed: {low: 1.0, high: 3.0, unit: percent}\n",
    "significance": "    claimed: {p: 0.05}\n",
    "equality": "",
    "ordering": "",
    "outperforms": "",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("baseline", ["plain", "theirs"])
def test_scaled_down_runs_are_never_comparable_and_say_all_reasons(study, trained, kind, baseline):
    own = study(claim(kind, baseline="" if kind == "value" else baseline, more=KINDS[kind]))
    departures = [Departure("scale", "scale", "smoke", ("paper",), ("exp-2",))]
    reasons = ("scale smoke", "data set drawn instead of tissue")
    found = own.claim(
        pair(85, ABOVE), trained(HIGHER), scale="smoke", departures=departures, apart=reasons
    )

    assert found.word == "not comparable"
    assert found.reasons == reasons
    assert (found.findings, found.decisive) == ((), None)


def test_folds_that_lack_a_value_make_a_claim_not_comparable(study, trained):
    found = study(claim("outperforms")).claim(pair(85, ABOVE), trained(HIGHER), planned=10)

    assert (found.word, found.reasons) == (
        "not comparable",
        ("5 of 10 planned folds with a value",),
    )


@pytest.mark.parametrize(
    ("ours", "why"),
    [
        ({"ratios": {}}, "n_test/n_train is unknown"),
        ({"splits": {}}, "nothing says that both sides were split alike"),
    ],
)
def test_what_cannot_be_paired_is_undecided_and_says_why(study, trained, ours, why):
    found = study(claim("outperforms")).claim(pair(85, ABOVE), trained(HIGHER), **ours)

    assert found.word == "undecided"
    assert why in found.why


def test_folds_that_were_split_otherwise_are_not_paired(study, trained):
    own = study(claim("outperforms"))
    table = own.table(pair(85, ABOVE))
    cells = tuple(
        replace(
            cell, ours=replace(cell.ours, splits=dict.fromkeys(cell.ours.folds, frozenset({"x"})))
        )
        if cell.published.row == "new" and cell.ours
        else cell
        for cell in table.cells
    )
    judged = Judged(replace(table, cells=cells), "paper", ())
    [found] = claim_verdicts([judged], own.publication, trained(HIGHER))

    assert found.word == "undecided"
    assert "split alike" in found.why


def test_differences_without_variance_and_single_folds_are_not_tested(study, trained):
    own = study(claim("outperforms"))
    equal = own.claim(pair(85, [1.0] * 5), trained(HIGHER))
    single = own.claim({("plain", "40x"): [85.0], ("new", "40x"): [90.0]}, trained(HIGHER))

    assert (equal.word, single.word) == ("undecided", "out of reach with this design")
    assert "no variance" in equal.why


def test_runs_of_two_scales_are_judged_apart(study, trained):
    own = study(claim("outperforms"))
    values = pair(85, ABOVE)
    paper = Judged(own.table(values), "At the paper's scale", ())
    smoke = Judged(own.table(values, scale="smoke"), "Scale smoke", ("scale smoke",))
    found = claim_verdicts([paper, smoke], own.publication, trained(HIGHER))

    assert [(verdict.runs, verdict.word) for verdict in found] == [
        ("At the paper's scale", "holds"),
        ("Scale smoke", "not comparable"),
    ]
