"""Each verdict on a claim of each kind, reached by construction."""

from __future__ import annotations

import pytest

from mpcs_bench.report.paper.model import Departure
from mpcs_bench.stats import corrected_resampled_t, holm

HIGHER, LOWER = "higher", "lower"
ABOVE = [2.0, 2.1, 1.9, 2.2, 1.8]
"""Two points above in every fold: p is far below 0.05."""
BELOW = [-d for d in ABOVE]
UNSURE = [1.5, -0.8, 1.2, -0.6, 0.9]
"""Detectable are about 2 points: less than a claim of more, more than a claim of less."""
WIDE = [3.0, 12.0, 5.0, 10.5, 7.5]
"""Above zero, and so wide that what is 3 points off 2.5 could not be told from it."""
FAR = [3.0, 5.5, 3.8, 5.3, 3.4]
"""Above zero; the interval meets 2.5, and goes beyond what is 3 points from it."""


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
    study, pair, claim, trained, kind, differences, asked, verdict
):
    found = study(claim(kind)).claim(pair(85, differences), trained(asked))

    assert found.word == verdict
    assert (found.runs, found.scale, found.protocols) == (
        "Scale paper",
        "paper",
        ("p-exp-2", "p-exp-1"),
    )


def test_a_difference_in_reach_that_is_not_shown_is_undecided(study, pair, claim, trained):
    own = study(claim("outperforms"), printed={("new", "40x"): "95.0±0.5"})
    found = own.claim(pair(85, UNSURE), trained(HIGHER))

    assert found.word == "undecided"
    assert found.why.endswith("not shown")


def test_without_trained_models_one_of_two_questions_was_asked(study, pair, claim):
    found = study(claim("outperforms")).claim(pair(85, ABOVE))

    assert found.word == "undecided"
    assert "one of the two questions was asked" in found.why
    assert found.findings[0].one_question


def test_the_numbers_are_those_of_the_corrected_test_in_points(study, pair, claim, trained):
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
        ("{value: 2.5, plus_minus: 0.02, unit: percent}", WIDE, "out of reach with this design"),
        ("{value: 2.5, plus_minus: 0.02, unit: percent}", FAR, "undecided"),
    ],
)
def test_an_improvement_holds_where_it_is_shown_to_be_about_what_is_claimed_and_not_zero(
    study, pair, claim, trained, claimed, differences, verdict
):
    own = study(claim("improvement", more=f"    claimed: {claimed}\n"))

    assert own.claim(pair(85, differences), trained(HIGHER)).word == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.5, 2.5, "holds"), (2.1, 8.0, "holds"), (3.5, 8.0, "does not hold")],
)
def test_a_range_is_held_to_the_interval(study, pair, claim, trained, low, high, verdict):
    more = f"    claimed: {{low: {low}, high: {high}, unit: percent}}\n"
    own = study(claim("improvement-range", more=more))

    assert own.claim(pair(85, ABOVE), trained(HIGHER)).word == verdict


@pytest.mark.parametrize(
    ("differences", "printed", "verdict"),
    [
        (ABOVE, "87.0±0.5", "holds"),
        (BELOW, "87.0±0.5", "does not hold"),
        (UNSURE, "95.0±0.5", "does not hold"),
        (UNSURE, "87.2±0.5", "undecided"),
        (UNSURE, "85.5±0.5", "out of reach with this design"),
    ],
)
def test_significance_is_refuted_only_where_the_printed_size_is_excluded(
    study, pair, claim, trained, differences, printed, verdict
):
    own = study(
        claim("significance", more="    claimed: {p: 0.05}\n"), printed={("new", "40x"): printed}
    )

    assert own.claim(pair(85, differences), trained(HIGHER)).word == verdict


def test_significance_is_held_to_the_level_that_is_claimed(study, pair, claim, trained):
    more = "    claimed: {{p: {p}}}\n"
    differences = [1.4, 0.6, 1.2, 0.5, 1.3]
    p = corrected_resampled_t(differences, 0.25).p
    assert 0.01 < p < 0.05
    values = pair(85, differences)

    strict = study(claim("significance", more=more.format(p=0.01))).claim(values, trained(HIGHER))
    assert strict.word == "undecided"
    assert strict.why.endswith("not shown")


def test_of_all_pairs_one_that_excludes_its_printed_size_by_chance_refutes_no_significance(
    study, claim, pair, trained
):
    printed = {("new", "40x"): "87.8±0.5", ("newer", "40x"): "86.0±0.5"}
    more = "    claimed: {p: 0.05}\n"
    values = pair(85, UNSURE) | pair(85, UNSURE, row="newer")
    both = study(claim("significance", rows="new, newer", more=more), printed=printed)
    found = both.claim(values, trained(HIGHER))

    p = found.findings[0].against
    assert found.findings[0].word == "does not hold"
    assert p <= 0.05 < holm([p, 1.0])[0]
    assert found.word != "does not hold"


def test_of_all_one_that_fails_settles_it_and_one_that_is_lacking_leaves_it_open(
    study, pair, claim, trained
):
    own = study(claim("outperforms", rows="new, newer"))
    above, below = pair(85, ABOVE), pair(85, BELOW, row="newer")
    asked = trained(HIGHER)

    assert own.claim(above | pair(85, ABOVE, row="newer"), asked).word == "holds"
    assert own.claim(above | below, asked).word == "does not hold"
    lacking = own.claim(above, asked)
    assert lacking.word == "undecided"
    assert "not run in 1 of 2 comparisons" in lacking.why


def test_of_some_one_that_holds_settles_it(study, pair, claim, trained):
    own = study(claim("outperforms", rows="new, newer", more="    quantifier: some\n"))
    asked = trained(HIGHER)

    assert own.claim(pair(85, ABOVE) | pair(85, BELOW, row="newer"), asked).word == "holds"
    assert own.claim(pair(85, BELOW) | pair(85, BELOW, row="newer"), asked).word == "does not hold"
    assert own.claim(pair(85, BELOW), asked).word == "undecided"


def test_what_one_of_several_could_show_by_chance_is_corrected_for_their_number(
    study, pair, claim, trained
):
    differences = [1.4, 0.6, 1.2, 0.3, 1.5]
    p = corrected_resampled_t(differences, 0.25).p
    assert p <= 0.05 < holm([p, 1.0])[0]
    own = study(claim("outperforms", rows="new, newer", more="    quantifier: some\n"))
    values = pair(85, differences) | pair(85, UNSURE, row="newer")

    assert own.claim(values, trained(HIGHER)).word != "holds"


def test_a_claim_that_no_cell_can_settle_is_never_said_to_hold(study, pair, claim, trained):
    own = study(claim("outperforms", more="    unchecked: Half of it stands nowhere.\n"))
    found = own.claim(pair(85, ABOVE), trained(HIGHER))

    assert found.word == "undecided"
    assert found.why.endswith("but: Half of it stands nowhere.")


def test_a_claim_without_cells_is_undecided_and_one_without_values_not_run(study, claim):
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
    "reaches": "",
    "ordering": "",
    "outperforms": "",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("baseline", ["plain", "theirs"])
def test_scaled_down_runs_are_never_comparable_and_say_all_reasons(
    study, pair, claim, trained, kind, baseline
):
    own = study(claim(kind, baseline="" if kind == "value" else baseline, more=KINDS[kind]))
    departures = [Departure("scale", "scale", "smoke", ("paper",), ("exp-2",))]
    reasons = ("scale smoke", "data set drawn instead of tissue")
    found = own.claim(
        pair(85, ABOVE), trained(HIGHER), scale="smoke", departures=departures, apart=reasons
    )

    assert found.word == "not comparable"
    assert found.reasons == reasons
    assert (found.findings, found.decisive) == ((), None)
