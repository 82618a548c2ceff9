"""Rows of other authors in a claim: a gap and its sign, counted, and never tested."""

from __future__ import annotations

import pytest

HIGHER = "higher"
OURS = [90.0] * 5


@pytest.mark.parametrize("kind", ["outperforms", "equality", "reaches", "improvement-range"])
def test_against_rows_of_others_there_is_a_gap_and_a_sign_and_no_test(study, claim, trained, kind):
    more = "    claimed: {low: 1.0, high: 4.0, unit: percent}\n"
    own = study(claim(kind, baseline="theirs", more=more if "range" in kind else ""))
    found = own.claim({("new", "40x"): OURS}, trained(HIGHER))

    assert found.word == "undecided"
    assert found.why == "+6.00 points; no test against a published row"
    assert (found.decisive.difference, found.decisive.p) == (pytest.approx(6.0), None)


def test_a_subject_of_others_keeps_a_claim_open(study, claim, pair, trained):
    """The one pair of ours holds; the other one is of a published row, and untested."""
    own = study(claim("outperforms", rows="new, theirs"))
    found = own.claim(pair(80, [2.0, 2.1, 1.9, 2.2, 1.8]), trained(HIGHER))

    assert [one.word for one in found.findings] == ["holds", "undecided"]
    assert found.findings[1].difference == pytest.approx(84.0 - 80.0)
    assert found.word == "undecided"
    assert "ours is above in 0 of 1 comparison with published rows" in found.why
    assert "so in 1 of 1 comparison" in found.why


def test_two_rows_of_others_have_nothing_of_ours_between_them(study, claim, trained):
    own = study(
        claim("outperforms", rows="theirs, new", baseline="theirs", columns="40x, mean").replace(
            "paired_by: [column]", "paired_by: [metric]"
        )
    )
    found = own.claim({("new", "40x"): OURS, ("new", "mean"): OURS}, trained(HIGHER))
    both = [one for one in found.findings if one.literature == "both"]

    assert {one.word for one in both} == {"undecided"}
    assert found.word == "undecided"
