"""Who is compared with whom, what is refused, and what may be said."""

from __future__ import annotations

import pytest
from rich.console import Console

from mpcs_bench.report import (
    build_report,
    comparison_rows,
    render_csv,
    render_html,
    render_markdown,
)
from mpcs_bench.report.compare.rows import significance_rows
from mpcs_bench.report.compare.sheet import print_significance
from mpcs_bench.report.definitions import ReportError
from mpcs_bench.report.present import present
from mpcs_bench.store import ComparisonRow

SHORTER = {"finetuning.epochs": 5, "groups_train": 64, "groups_test": 16}


@pytest.mark.parametrize(
    ("settings", "column"),
    [
        ({"conditions": SHORTER}, "finetuning.epochs: 5 against 60"),
        ({"label_fraction": 0.2}, "label_fraction: 0.2 against None"),
        ({"dataset": "other"}, "dataset: other against tissue"),
        ({"magnification": 100}, "magnification: 100X against 40X"),
    ],
)
def test_what_may_not_be_compared_is_refused_and_the_column_named(made, settings, column):
    made.fill("base", made.BASE)
    made.fill("new", made.BETTER, protocol="other", **settings)
    found = made.compare("base", "new")
    (pair,) = found.pairs
    assert found.refused
    assert column in pair.refused
    assert all(place.outcomes == () for place in pair.places)
    rows = significance_rows(found)
    assert all(row["p"] is None and column in row["note"] for row in rows)


def test_a_refusal_names_all_that_differs(made, capsys):
    several = {f"finetuning.{name}": 1 for name in ("a", "b", "c", "d", "epochs")}
    made.fill("base", made.BASE)
    made.fill("new", made.BETTER, protocol="other", strategy="ordered", conditions=several)
    found = made.compare("base", "new")
    (pair,) = found.pairs
    names = [difference.name for difference in pair.unequal]
    assert set(several) <= set(names)
    assert all(name in pair.refused for name in names)
    assert all(name in row["note"] for row in significance_rows(found) for name in names)
    print_significance(found, Console(width=300))
    said = capsys.readouterr().out
    assert 0 < said.index("Not compared: ") < said.index("They also differ in: strategy")


def test_experiments_of_two_protocols_are_compared(made):
    made.fill("base", made.BASE, protocol="one")
    made.fill("new", made.BETTER, protocol="two")
    found = made.compare("one", "two:new")
    assert not found.refused
    rows = significance_rows(found)
    assert {(row["protocol"], row["baseline"]) for row in rows} == {("two", "one:base")}


def test_each_row_is_held_to_its_own_partner(made):
    for encoder in ("resnet", "efficientnet"):
        made.fill("base", made.BASE, encoder=encoder)
        made.fill("new", made.BETTER, encoder=encoder, strategy="ordered")
    pairs = made.compare("base", "new").pairs
    assert len(pairs) == 2
    for pair in pairs:
        assert [d.name for d in pair.differs] == ["strategy"]
        comparison = pair.places[0].comparison
        assert comparison.candidate.replace("new", "") == comparison.baseline.replace("base", "")


def test_a_control_an_unknown_metric_and_itself_are_errors(two):
    two.fill("floor", two.BASE, adaptation="colour-floor")
    for candidate, options, said in (
        ("floor", {}, "'exp:floor' is a control"),
        ("base", {}, "cannot be compared with itself"),
        ("new", {"metric": "patient_acuracy"}, "Did you mean 'patient_accuracy'?"),
        ("new", {"rope": -0.01}, "region of practical equivalence"),
    ):
        with pytest.raises(ReportError, match=said.replace("?", r"\?")) as caught:
            two.compare("base", candidate, **options)
        assert caught.value.hint


def test_higher_needs_both_questions(made):
    """One patient of each fold is much better, the others a little worse: only folds agree."""
    wrong = [[int(i == 2), *(each + 1 for each in b[1:])] for i, b in enumerate(made.BASE)]
    made.fill("base", [[5, *b[1:]] for b in made.BASE])
    made.fill("new", wrong)
    (place,) = made.compare("base", "new").pairs[0].places
    assert place.comparison.over_folds == "higher"
    assert place.comparison.of_trained == "not shown"
    assert place.comparison.finding == "not shown"
    assert place.claim == (
        "not shown for the methods (over folds: higher; these trained models: not shown)"
    )


def test_seeds_averaged_first_decide_and_every_seed_does_not(made):
    """Seeds that lie far apart within each fold hide a gain that is alike in all folds."""
    apart = ([0, 0, 0, 0], [4, 4, 4, 4])
    made.fill("base", [[3, 3, 3, 3]] * 5, seed=0)
    made.fill("base", [[3, 3, 3, 3]] * 5, seed=1)
    for seed, wrong in enumerate(apart):
        made.fill(
            "new", [[*wrong[:3], wrong[3] + (f == 0) * (1 - seed)] for f in range(5)], seed=seed
        )
    (place,) = made.compare("base", "new").pairs[0].places
    decides, beside = place.outcomes[:2]
    assert (decides.unit, beside.unit) == ("fold, seeds averaged", "fold x seed")
    assert (decides.decisive, beside.decisive) == (True, False)
    assert decides.p < 0.05 < beside.p
    assert place.comparison.over_folds == place.comparison.finding == "higher"
    assert any("decides nothing" in note for note in beside.notes)
    with made.connection() as connection:
        report = build_report(connection, "exp")
    assert all(c.finding == "higher" for b in report.blocks[:2] for c in b.comparisons)
    sheet = present(report).chapters[0].comparison
    assert ("p", "every seed") in [(h.text, h.detail) for h in sheet.headers]
    assert any("decides nothing" in note for note in sheet.notes)


def test_both_questions_agreeing_is_a_claim(two):
    (place,) = two.compare("base", "new").pairs[0].places
    assert place.claim.startswith("higher: the methods over folds, and these trained models")
    (other,) = two.compare("new", "base").pairs[0].places
    assert other.claim.startswith("lower: ")


def test_a_metric_that_is_no_average_is_tested_over_folds_alone(two):
    (place,) = two.compare("base", "new", metric="image_f1_weighted").pairs[0].places
    assert place.comparison.trained == ()
    assert "image_f1_weighted is no average over items" in place.claim


def test_stored_rows_are_those_that_were_found(two):
    rows = significance_rows(two.compare("base", "new"))
    two.store.save_comparisons(ComparisonRow(**row) for row in rows)
    two.store.save_comparisons(ComparisonRow(**row) for row in rows)
    names, stored = two.store.query("SELECT * FROM comparison")
    read = [dict(zip(names, values, strict=True)) for values in stored]
    assert sorted(read, key=str) == sorted([{n: r[n] for n in names} for r in rows], key=str)


def test_the_report_and_compare_store_the_same_rows(two):
    def timeless(rows):
        return [{k: v for k, v in r.items() if k != "computed_at"} for r in rows]

    found = significance_rows(two.compare("base", "new"))
    with two.connection() as connection:
        reported = comparison_rows(build_report(connection, "exp"))
    assert len(found) == 6
    assert timeless(found) == timeless(r for r in reported if r["metric"] == "patient_accuracy")


def test_what_is_computed_again_leaves_nothing_of_the_earlier_answer(made):
    """Refused, then a gain, then with a second seed a loss: names of tests and units change."""
    store = made.store

    def compared():
        rows = significance_rows(made.compare("base", "new", metric="image_accuracy"))
        store.save_comparisons(ComparisonRow(**row) for row in rows)
        return store.query("SELECT unit, method, sign(mean_difference) FROM comparison")[1]

    made.fill("base", made.BASE)
    made.fill("new", made.BETTER, conditions=SHORTER)
    assert compared() == [("fold", "not compared", None)]
    made.plans["exp"] = made.plans["exp"][:5]
    made.fill("new", made.BETTER)
    assert {sign for *_, sign in compared()} == {1.0}
    made.plans["exp"] = made.plans["exp"][:5]
    worse = [[min(5, wrong + 1) for wrong in fold] for fold in made.BASE]
    made.fill("base", made.BASE, seed=1)
    for seed in range(2):
        made.fill("new", worse, seed=seed)
    rows = compared()
    assert {sign for *_, sign in rows} == {-1.0}
    assert len(rows) == len({row[:2] for row in rows}) == 7


def test_the_report_shows_the_patients_beside_the_folds(two):
    with two.connection() as connection:
        report = build_report(connection, "exp")
    sheet = present(report).chapters[1].trained
    assert "for these trained models, on new patients" in sheet.caption
    assert "unit patients" in sheet.caption
    ((line,),) = [section.lines for section in sheet.sections]
    assert [cell.text for cell in line.cells][-2:] == ["20", "higher"]
    for text in (render_markdown(report), render_html(report)):
        assert "on new patients" in text
    assert ",patient,20," in render_csv(report)
