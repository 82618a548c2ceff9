"""Claims of equality, of reaching another, and of a value: each held to the margin."""

from __future__ import annotations

import pytest

MARGIN = 3.0
SLIGHT = [0.5, -0.5, 0.3, -0.4, 0.1]
FAR_ABOVE = [20.0, 20.1, 19.9, 20.2, 19.8]
FAR_BELOW = [-d for d in FAR_ABOVE]
ABOUT_THE_MARGIN = [-3.2, -1.8, -2.9, -1.6, -2.8]
NO_USE = [5.0, -5.0, 4.0, -4.0, 0.5]
EQUAL = {"difference": 0.0, "low": -1.0, "high": 1.0, "p": 0.9}


@pytest.mark.parametrize(
    ("kind", "differences", "verdict"),
    [
        ("equality", SLIGHT, "holds"),
        ("equality", FAR_ABOVE, "does not hold"),
        ("equality", FAR_BELOW, "does not hold"),
        ("equality", ABOUT_THE_MARGIN, "undecided"),
        ("equality", [-d for d in ABOUT_THE_MARGIN], "undecided"),
        ("equality", NO_USE, "out of reach with this design"),
        ("reaches", SLIGHT, "holds"),
        ("reaches", FAR_ABOVE, "holds"),
        ("reaches", FAR_BELOW, "does not hold"),
        ("reaches", ABOUT_THE_MARGIN, "undecided"),
        ("reaches", [-d for d in ABOUT_THE_MARGIN], "holds"),
        ("reaches", NO_USE, "out of reach with this design"),
    ],
)
def test_equality_has_two_sides_and_reaching_has_one(
    study, claim, pair, trained, kind, differences, verdict
):
    found = study(claim(kind)).claim(pair(70, differences), trained("not shown", **EQUAL))

    assert found.word == verdict
    assert found.decisive.margin == MARGIN


def test_equality_does_not_depend_on_which_side_is_the_subject(study, claim, pair, trained):
    own = study(claim("equality", rows="plain", baseline="new"))
    words = {
        own.claim(pair(70, by), trained("not shown", **EQUAL)).word for by in (FAR_ABOVE, FAR_BELOW)
    }

    assert words == {"does not hold"}


@pytest.mark.parametrize(
    ("kind", "asked", "verdict"),
    [
        ("equality", EQUAL, "holds"),
        ("equality", EQUAL | {"high": 3.5}, "undecided"),
        ("equality", EQUAL | {"low": -3.5}, "undecided"),
        ("equality", EQUAL | {"low": -3.5, "high": 3.5}, "out of reach with this design"),
        ("reaches", EQUAL | {"high": 30.0}, "holds"),
        ("reaches", EQUAL | {"low": -3.5}, "undecided"),
    ],
)
def test_the_trained_models_are_to_be_within_the_margin_too(
    study, claim, pair, trained, kind, asked, verdict
):
    found = study(claim(kind)).claim(pair(85, SLIGHT), trained("not shown", **asked))

    assert found.word == verdict


@pytest.mark.parametrize("kind", ["equality", "reaches"])
def test_over_folds_alone_no_equality_holds(study, claim, pair, kind):
    found = study(claim(kind)).claim(pair(85, SLIGHT))

    assert found.word == "undecided"
    assert "one of the two questions was asked" in found.why


@pytest.mark.parametrize(
    ("ours", "sd", "verdict"),
    [
        (87.5, 0.5, "holds"),
        (95.0, 0.5, "does not hold"),
        (90.0, 0.5, "undecided"),
        (87.0, 6.0, "out of reach with this design"),
    ],
)
def test_a_value_is_held_to_what_is_claimed(study, claim, folds_of, ours, sd, verdict):
    more = "    claimed: {value: 87.0, unit: percent}\n"
    own = study(claim("value", baseline="", more=more))

    assert own.claim({("new", "40x"): folds_of(ours, sd)}).word == verdict


def test_a_fraction_that_is_claimed_in_percent_is_the_same_value(study, claim, folds_of):
    more = "    claimed: {value: 82.0, unit: percent}\n"
    own = study(claim("value", baseline="", columns="f1", more=more))

    assert own.claim({("new", "f1"): folds_of(0.82, 0.005)}).word == "holds"
