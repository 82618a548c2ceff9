"""The second question at the level that is claimed, and corrected as the first is."""

from __future__ import annotations

import pytest

from mpcs_bench.report.verdicts.trained import TrainedAnswer

HIGHER = "higher"
ABOVE = [2.0, 2.1, 1.9, 2.2, 1.8]


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"p": 0.001}, "holds"),
        ({"p": 0.03}, "undecided"),
        ({"p": 0.03, "smallest_p": 0.02}, "out of reach with this design"),
    ],
)
def test_the_second_question_is_held_to_the_level_that_is_claimed(
    study, claim, pair, trained, asked, verdict
):
    more = "    claimed: {p: 0.01}\n"
    own = study(claim("significance", more=more))

    assert own.claim(pair(85, ABOVE), trained(HIGHER, **asked)).word == verdict


def test_an_interval_of_95_per_cent_shows_nothing_at_a_smaller_level():
    by_interval = TrainedAnswer(HIGHER, difference=1.0, low=0.1, high=1.9)

    assert by_interval.at(0.05) == HIGHER
    assert by_interval.at(0.01) == "not shown"


@pytest.mark.parametrize(("p", "holds"), [(0.02, True), (0.04, False)])
def test_of_some_pairs_the_second_question_is_corrected_for_their_number(
    study, claim, pair, trained, p, holds
):
    own = study(claim("outperforms", rows="new, newer", more="    quantifier: some\n"))
    unsure = [1.5, -0.8, 1.2, -0.6, 0.9]
    values = pair(85, ABOVE) | pair(85, unsure, row="newer")

    assert (own.claim(values, trained(HIGHER, p)).word == "holds") == holds


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"low": 0.5, "high": 4.5}, "holds"),
        ({"low": 0.5, "high": 6.0}, "undecided"),
        ({"low": None, "high": None}, "undecided"),
    ],
)
def test_an_improvement_of_the_trained_models_is_to_be_about_what_is_claimed(
    study, claim, pair, trained, asked, verdict
):
    own = study(claim("improvement", more="    claimed: {value: 2.0, unit: percent}\n"))

    assert own.claim(pair(85, ABOVE), trained(HIGHER, **asked)).word == verdict
