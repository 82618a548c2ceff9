"""The leakage audit finds what crosses from training to test, and marks what is declared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.leakage import RULES, Finding, raise_on_errors
from mpcs_bench.data.leakage_audit import audit_split
from mpcs_bench.data.leakage_pretraining import audit_pretraining
from mpcs_bench.data.splits import PART_CODES, SplitTable
from mpcs_bench.data.splits_make import make_split
from mpcs_bench.errors import SplitError
from mpcs_bench.protocol.schema import Split
from mpcs_bench.registry.dataset import KnownDefect
from mpcs_paper.datasets.breakhis import BreakHis

CODES = {"-": 0, "s": PART_CODES["ssl"], "l": PART_CODES["label"], "t": PART_CODES["test"]}
# two patients of case c0, then one patient a case; classes and subtypes alternate
ROWS = [
    ("benign", "A", "p0", "c0"),
    ("benign", "A", "p1", "c0"),
    ("malignant", "DC", "p2", "c2"),
    ("malignant", "DC", "p3", "c3"),
    ("benign", "A", "p4", "c4"),
    ("malignant", "DC", "p5", "c5"),
]


def table(index, *folds, group="case"):
    """A split written as one string a fold: s ssl, l label, t test, - none."""
    parts = np.array([[CODES[part] for part in fold] for fold in folds], dtype=np.uint8)
    return SplitTable.of(index, tuple(range(len(folds))), parts, group)


def found(findings, rule):
    return [finding for finding in findings if finding.rule == rule]


def test_a_clean_split_has_no_finding(make_index):
    kinds = [("benign", "A"), ("malignant", "DC")]
    index = make_index(
        [(*kind, f"{kind[1]}{i}", f"{kind[1]}{i}") for kind in kinds for i in range(3)]
    )
    assert audit_split(index, table(index, "sltslt", "ltslts", "tsltsl")) == []


@pytest.mark.parametrize("training", ["s", "l"])
def test_a_group_in_training_and_test_is_an_error(make_index, training):
    index = make_index(ROWS)
    findings = audit_split(index, table(index, f"t{training}ltls"))
    (finding,) = found(findings, "group-overlap")
    assert (finding.severity, finding.fold, finding.column) == ("error", 0, "case")
    assert (finding.groups, finding.declared, finding.stops) == (("c0",), False, True)


def test_a_group_in_ssl_and_label_is_no_leak(make_index):
    index = make_index(ROWS)
    assert found(audit_split(index, table(index, "slttls")), "group-overlap") == []


def test_a_group_that_takes_no_part_on_one_side_is_no_leak(make_index):
    index = make_index(ROWS)
    assert found(audit_split(index, table(index, "t-ltls")), "group-overlap") == []


def test_a_split_by_a_finer_group_is_held_to_the_default_group(make_index):
    index = make_index(ROWS)
    (finding,) = found(audit_split(index, table(index, "tlltls", group="patient")), "group-overlap")
    assert (finding.column, finding.severity) == ("case", "error")


def test_groups_coarser_than_the_default_are_a_notice(make_index):
    index = make_index(ROWS, default_group="patient")
    findings = audit_split(index, table(index, "tlltls", group="patient"))
    (finding,) = found(findings, "group-overlap")
    assert (finding.column, finding.severity, finding.stops) == ("case", "notice", False)


@given(assignment=st.text("slt-", min_size=6, max_size=6))
def test_group_overlap_is_found_exactly_where_a_plain_loop_finds_it(make_index, assignment):
    index = make_index(ROWS)
    sides = {}
    for (_, _, _, case), part in zip(ROWS, assignment, strict=True):
        if part != "-":
            sides.setdefault(case, set()).add("test" if part == "t" else "training")
    torn = sorted(case for case, both in sides.items() if len(both) == 2)
    findings = found(audit_split(index, table(index, assignment)), "group-overlap")
    assert sorted(group for finding in findings for group in finding.groups) == torn


class TestIdenticalPixels:
    HASHES = ("aa", "bb", "cc", "dd", "ee", "cc")

    def test_equal_images_in_training_and_test_are_an_error(self, make_index):
        index = make_index(ROWS, hashes=list(self.HASHES))
        (finding,) = found(audit_split(index, table(index, "sslltt")), "identical-pixels")
        assert (finding.severity, finding.groups) == ("error", ("c2", "c5"))
        assert "s00002 and s00005" in finding.message

    def test_equal_images_on_one_side_are_no_leak(self, make_index):
        index = make_index(ROWS, hashes=list(self.HASHES))
        assert found(audit_split(index, table(index, "sstltt")), "identical-pixels") == []

    def test_two_boxes_of_one_image_are_not_identical(self, make_index):
        index = make_index(ROWS, hashes=list(self.HASHES))
        frame = index.frame.copy()
        frame.loc[5, "box_x"] = 4
        boxed = SampleIndex.of(frame, index.dataset)
        assert found(audit_split(boxed, table(boxed, "sslltt")), "identical-pixels") == []


def test_patches_of_one_image_on_both_sides_are_an_error(make_index):
    index = make_index(ROWS, image_ids=["a", "b", "c", "c", "e", "f"])
    (finding,) = found(audit_split(index, table(index, "ssltlt")), "patch-overlap")
    assert (finding.severity, finding.groups) == ("error", ("c",))


def test_selection_on_the_test_part_is_always_listed_as_declared(make_index):
    index = make_index(ROWS)
    (finding,) = found(
        audit_split(index, table(index, "ssltlt"), selection_rule="test"), "test-selection"
    )
    assert (finding.severity, finding.declared, finding.by) == ("error", True, "selection.rule")
    assert found(audit_split(index, table(index, "ssltlt")), "test-selection") == []


class TestCoverage:
    def test_a_subtype_missing_from_a_part_is_a_notice(self, make_index):
        rows = [*ROWS[:4], ("benign", "PT", "p4", "c4"), ROWS[5]]
        index = make_index(rows)
        findings = found(audit_split(index, table(index, "llstst", "ttsltl")), "rare-subtype")
        (rare,) = [finding for finding in findings if finding.groups == ("PT",)]
        assert rare.severity == "notice"
        assert "1 patients" in rare.message
        assert "ssl in fold 1" in rare.message
        assert "label in fold 0, 1; test in fold 0" in rare.message

    def test_a_test_part_without_a_class_is_a_notice(self, make_index):
        index = make_index(ROWS)
        (finding,) = found(audit_split(index, table(index, "ttlsls")), "missing-class")
        assert (finding.severity, finding.groups) == ("notice", ("malignant",))

    def test_patients_tested_never_or_twice_are_a_notice(self, make_index):
        index = make_index(ROWS)
        findings = audit_split(index, table(index, "ssltlt", "sslllt"))
        (finding,) = found(findings, "test-coverage")
        assert "4 of 6 patients are never tested, 1 more than once" in finding.message
        assert finding.groups == ("p0", "p1", "p2", "p4")

    def test_one_fold_alone_is_a_hold_out_and_no_coverage_finding(self, make_index):
        index = make_index(ROWS)
        assert found(audit_split(index, table(index, "ssltlt")), "test-coverage") == []

    def test_samples_in_no_part_are_counted(self, make_index):
        index = make_index(ROWS)
        (finding,) = found(audit_split(index, table(index, "s-ltlt", "s-tllt")), "unused-samples")
        assert "1 of 6 samples" in finding.message


class TestDeclared:
    LEAKY = "tlltls"

    def accepted(self, make_index, *accept):
        index = make_index(ROWS)
        return audit_split(index, table(index, self.LEAKY), accept=accept)

    @pytest.mark.parametrize("accept", ["group-overlap", "group-overlap:c0", "group-overlap:case"])
    def test_an_accepted_finding_stays_listed_and_stops_nothing(self, make_index, accept):
        findings = self.accepted(make_index, accept)
        (finding,) = found(findings, "group-overlap")
        assert (finding.declared, finding.by, finding.stops) == (True, "split.accept", False)
        raise_on_errors(findings)

    @pytest.mark.parametrize("accept", ["group-overlap:c9", "identical-pixels"])
    def test_accepting_something_else_does_not_help(self, make_index, accept):
        with pytest.raises(SplitError, match="group-overlap in fold 0"):
            raise_on_errors(self.accepted(make_index, accept))

    def test_accepting_one_of_two_groups_leaves_the_other(self, make_index):
        index = make_index([*ROWS[:4], ("malignant", "DC", "p4", "c3"), ROWS[5]])
        findings = audit_split(index, table(index, "tlltls"), accept=["group-overlap:c0"])
        assert {(f.groups, f.declared) for f in found(findings, "group-overlap")} == {
            (("c0",), True),
            (("c3",), False),
        }

    def test_an_unknown_rule_is_refused_with_a_suggestion(self, make_index):
        with pytest.raises(SplitError, match="Did you mean 'group-overlap'"):
            self.accepted(make_index, "group-overlaps")

    DEFECT = KnownDefect("known", "group-overlap", "case", ("c0",), "as published")

    def test_a_defect_of_the_data_is_declared(self, make_index):
        index = make_index(ROWS)
        findings = audit_split(index, table(index, self.LEAKY), known_defects=[self.DEFECT])
        (finding,) = found(findings, "group-overlap")
        assert (finding.declared, finding.by) == (True, "known")

    def test_a_defect_that_explains_half_a_group_declares_nothing(self, make_index):
        index = make_index(ROWS)
        half = replace(self.DEFECT, group_column="patient", groups=("p0",))
        findings = audit_split(index, table(index, self.LEAKY), known_defects=[half])
        assert [f.declared for f in found(findings, "group-overlap")] == [False]

    def test_a_defect_of_another_rule_declares_nothing(self, make_index):
        index = make_index(ROWS)
        other = replace(self.DEFECT, rule="identical-pixels")
        findings = audit_split(index, table(index, self.LEAKY), known_defects=[other])
        assert [f.declared for f in found(findings, "group-overlap")] == [False]


def test_errors_are_raised_together_with_the_first_few_named():
    findings = [
        Finding("group-overlap", "error", fold, "torn", "case", (f"c{fold}",)) for fold in range(7)
    ]
    with pytest.raises(SplitError) as caught:
        raise_on_errors([*findings, Finding("rare-subtype", "notice", None, "rare")])
    assert "group-overlap in fold 0: torn (c0)" in caught.value.message
    assert "and 2 more" in caught.value.message
    assert "accept: [group-overlap]" in caught.value.hint


def test_notices_and_declared_errors_stop_nothing():
    raise_on_errors(
        [
            Finding("rare-subtype", "notice", None, "rare"),
            Finding("group-overlap", "error", 0, "torn", declared=True, by="known"),
        ]
    )


class TestPretraining:
    def test_pixels_seen_in_other_data_are_an_error(self, make_index):
        seen = make_index(ROWS, hashes=["aa", "bb", "cc", "dd", "ee", "ff"])
        tested = make_index(ROWS[:2], hashes=["xx", "cc"])
        tested = SampleIndex.of(tested.frame, replace(tested.dataset, name="other"))
        (finding,) = audit_pretraining(seen, np.arange(6), tested, np.arange(2), fold=3)
        assert (finding.rule, finding.fold) == ("pretrain-test-overlap", 3)
        assert finding.groups == ("s00001",)
        assert audit_pretraining(seen, np.arange(2), tested, np.arange(2), fold=3) == []

    def test_groups_seen_under_another_split_of_the_same_data_are_an_error(self, make_index):
        index = make_index(ROWS)
        (finding,) = audit_pretraining(index, np.array([0, 2]), index, np.array([1, 3]), fold=0)
        assert (finding.column, finding.groups) == ("case", ("c0",))

    def test_it_can_be_accepted(self, make_index):
        index = make_index(ROWS)
        rows = np.array([0]), index, np.array([1])
        accept = ["pretrain-test-overlap:c0"]
        (finding,) = audit_pretraining(index, *rows, fold=0, accept=accept)
        assert finding.declared


class TestBreakHis:
    """The published data: marked where they are at fault, stopped where the split is."""

    def audit(self, index, root, settings):
        split = make_split(index, settings, BreakHis(), root, 0)
        defects = BreakHis.known_defects
        return audit_split(index, split, settings.accept, defects)

    def test_the_default_split_has_notices_only(self, breakhis_index, breakhis_tree):
        findings = self.audit(breakhis_index, breakhis_tree, Split())
        assert {finding.severity for finding in findings} == {"notice"}
        assert {"PT", "A"} <= {g for f in found(findings, "rare-subtype") for g in f.groups}

    def test_a_split_by_number_keeps_13412_whole(self, breakhis_index, breakhis_tree):
        findings = self.audit(breakhis_index, breakhis_tree, Split(group="patient_number"))
        assert found(findings, "identical-pixels") == []
        assert not any("14-13412" in finding.groups for finding in findings)

    def test_the_official_folds_have_13412_on_both_sides_in_folds_1_3_and_5(
        self, breakhis_index, breakhis_tree
    ):
        findings = self.audit(breakhis_index, breakhis_tree, Split(scheme="official"))
        numbers = [f for f in found(findings, "group-overlap") if f.column == "patient_number"]
        assert [f.fold for f in numbers] == [1, 3, 5]
        assert all(f.groups == ("14-13412",) and f.declared for f in numbers)
        pixels = found(findings, "identical-pixels")
        assert [(f.fold, f.declared) for f in pixels] == [(1, True), (3, True), (5, True)]

    def test_the_official_folds_never_test_13_patients_and_48_more_than_once(
        self, breakhis_index, breakhis_tree
    ):
        findings = self.audit(breakhis_index, breakhis_tree, Split(scheme="official"))
        (finding,) = found(findings, "test-coverage")
        assert "13 of 82 patients are never tested, 48 more than once" in finding.message

    def test_the_official_folds_run_only_where_their_torn_cases_are_accepted(
        self, breakhis_index, breakhis_tree
    ):
        with pytest.raises(SplitError, match="of 'case' in training and in test"):
            raise_on_errors(self.audit(breakhis_index, breakhis_tree, Split(scheme="official")))
        accepting = Split(scheme="official", accept=("group-overlap:case",))
        raise_on_errors(self.audit(breakhis_index, breakhis_tree, accepting))

    def test_identical_pixels_beyond_13412_are_not_excused_by_it(
        self, breakhis_index, breakhis_tree
    ):
        split = make_split(breakhis_index, Split(scheme="official"), BreakHis(), breakhis_tree, 0)
        frame = breakhis_index.frame.copy()
        hashes = frame["pixel_hash"].to_numpy(dtype=object).copy()
        hashes[split.rows(1, "test")[0]] = hashes[split.rows(1, "ssl")[0]]
        copied = SampleIndex.of(frame.assign(pixel_hash=hashes), breakhis_index.dataset)
        findings = audit_split(copied, split, known_defects=BreakHis.known_defects)
        first = [f for f in found(findings, "identical-pixels") if f.fold == 1]
        assert sorted(finding.declared for finding in first) == [False, True]


def test_every_rule_has_a_description():
    assert all(text and text[0].islower() for text in RULES.values())
