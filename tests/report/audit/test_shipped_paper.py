"""The audit of the shipped paper, and of copies of it in which a value was changed."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from mpcs_bench import api
from mpcs_bench.report.audit import RULES, SEVERITIES
from mpcs_bench.report.published import PublishedError
from mpcs_bench.shipped import folder

PAPER = folder("reports") / "published" / "mpcs-wacv-2023"
REPOSITORY = Path(__file__).resolve().parents[3]

BY_HAND = {
    # 92.02 + 90.21 + 81.94 + 80.09 = 344.26; / 4 = 86.065
    ("row-means", "error", "table-6/rpdb/patient-mean"),
    # 86.69 + 86.94 + 88.76 + 88.81 = 351.20; / 4 = 87.80
    ("row-means", "error", "table-5/rn50-image-fp/mean"),
    # 6.13 + 4.15 + 5.74 + 6.05 = 22.07; / 4 = 5.5175
    ("row-deviations", "error", "table-5/b2-image-imagenet/mean"),
    # 92.1 + 89.1 + 87.2 + 82.7 = 351.1; / 4 = 87.775, printed 87.77
    ("ties", "rounding", "table-6/mil-np/patient-mean"),
    # 93.26 + 93.57 + 92.23 + 89.57 = 368.63; / 4 = 92.1575, printed 92.15
    ("row-means", "truncation", "table-6/b2-rp/patient-mean"),
    # 89.30 in bold, 89.55 not
    ("bold", "error", "table-5/b2-image-op/100x"),
    # 83.90 in bold, 84.25 not
    ("bold", "error", "table-7/op/patch-validation"),
    # 88.74 in bold, 89.00 not
    ("bold", "error", "table-6/rn50-op/patient-400x"),
    # n / 400 is a multiple of 0.25
    ("grim", "error", "table-8/labels-60/accuracy-fp"),
    ("grim", "error", "table-7/op/image-test"),
    # one mistake among 5 folds: 1 - 1/55 = .9818, 1 - 1/60 = .9833; nothing between
    ("grim", "error", "table-9/fp/finetune-accuracy"),
    # folds 1, 1, 1, 1, 10/11: 4.07 with n - 1, 3.64 with n
    ("grimmer", "error", "table-9/op/finetune-accuracy"),
    ("units", "notice", "table-8/labels-80/accuracy-rp"),
    ("citations", "notice", "table-6/deep/patient-40x"),
    ("claimed-improvements", "error", "claim limited-improvement-range"),
    # b2: 92.15 of Random Pair is above 91.84 of Ordered Pair
    ("claimed-orderings", "error", "claim ordered-best-of-all"),
    # the text speaks of all; 87.64 of Fixed Pair at 100X is below 87.76
    ("claimed-orderings", "error", "claim limited-improvement-every-magnification"),
    # HN's 91.30 is above 90.55 and 91.00, below 91.85 of Ordered Pair
    ("claimed-orderings", "notice", "claim abstract-outperforms-bach"),
    ("claimed-orderings", "undetermined", "claim dpcl-every-fraction"),
    ("significance", "out-of-reach", "claim limited-improvement-very-significant"),
}


def places(where: Path, *rules: str) -> set[tuple[str, str, str]]:
    (audit,) = api.audit(where, rules=rules)
    return {(finding.rule, finding.severity, finding.place) for finding in audit.findings}


@pytest.fixture(scope="module")
def shipped():
    return next(audit for audit in api.audit() if audit.publication == "mpcs-wacv-2023")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return shutil.copytree(PAPER, tmp_path / PAPER.name)


def change(place: Path, old: str, new: str) -> None:
    text = place.read_text(encoding="utf-8")
    assert text.count(old) == 1
    place.write_text(text.replace(old, new), encoding="utf-8")


def test_what_was_found_by_hand_is_found(shipped):
    found = {(finding.rule, finding.severity, finding.place) for finding in shipped.findings}

    assert sorted(BY_HAND - found) == []


def test_the_document_counts_what_is_found(shipped):
    text = (REPOSITORY / "docs" / "audit.md").read_text(encoding="utf-8")
    counts = Counter(finding.severity for finding in shipped.findings)

    (tally,) = re.findall(r"^(\d+) findings: (.*)\. Those", text, re.MULTILINE)

    assert int(tally[0]) == len(shipped.findings)
    assert {s: int(n) for n, s in re.findall(r"(\d+) `([a-z-]+)`", tally[1])} == counts


def test_what_agrees_is_not_found(shipped):
    """Table 7 at all labels prints what Table 8 does; the text's values stand in Table 9."""
    assert shipped.checked["same-value"] == 3
    assert shipped.checked["claimed-values"] == 2
    silent = ("same-value", "claimed-values", "experiments")
    assert [finding for finding in shipped.findings if finding.rule in silent] == []
    assert "claim dpcl-improvement" not in {finding.place for finding in shipped.findings}


def test_every_finding_says_what_it_is(shipped):
    rules = {rule.id for rule in RULES}
    for finding in shipped.findings:
        assert finding.rule in rules
        assert finding.severity in SEVERITIES
        assert finding.printed
        assert finding.recomputed
        assert finding.explanation.endswith((".", "etc."))


def test_what_cannot_be_checked_is_listed_with_its_reason(shipped):
    reasons = {one.what: one.reason for one in shipped.skipped if one.rule == "grim"}

    assert "no count over a total" in reasons["80 cells of breakhis patient_accuracy (test)"]
    assert "which patients a fold holds" in reasons["80 cells of breakhis image_accuracy (test)"]


def test_a_corrected_value_takes_its_finding_away_and_back(copied):
    table = copied / "table-6.csv"
    wrong = ("row-means", "error", "table-6/rpdb/patient-mean")
    as_printed = places(copied, "row-means")
    assert wrong in as_printed

    change(table, "88.06±1.4,88.06", "86.07±1.4,86.07")
    assert places(copied, "row-means") == as_printed - {wrong}

    change(table, "86.07±1.4,86.07", "88.06±1.4,88.06")
    assert places(copied, "row-means") == as_printed


def test_a_wrong_value_brings_a_finding_of_every_rule_it_breaks(copied):
    rules = ("row-means", "same-value", "claimed-values", "grim")
    as_printed = places(copied, *rules)

    change(copied / "table-5.csv", "88.89±2.99,88.89", "88.98±2.99,88.98")
    change(copied / "table-8.csv", "91.00±2.32,91.00", "91.10±2.32,91.10")
    change(copied / "table-9.csv", "98.18±1.80,98.18", "98.81±1.80,98.81")

    assert places(copied, *rules) - as_printed == {
        ("row-means", "error", "table-5/b2-image-op/mean"),
        ("same-value", "error", "table-8/labels-100/accuracy-rp"),
        ("claimed-values", "error", "claim ucsb-finetune-value"),
        ("grim", "error", "table-8/labels-100/accuracy-rp"),
        ("grim", "error", "table-9/op/finetune-accuracy"),
    }


def test_a_folder_of_ones_own_is_audited(copied, publish):
    publish([{"row": "ours", "column": "a", "printed": "80.0"}])

    audits = api.audit(copied.parent)

    assert [audit.publication for audit in audits] == ["acme-2024", "mpcs-wacv-2023"]
    assert audits[0].findings == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"reference": "mpcs-wacv-2032"}, "Did you mean 'mpcs-wacv-2023'"),
        ({"rules": ["grimm"]}, "Did you mean 'grim"),
        ({"severities": ["errors"]}, "Did you mean 'error'"),
    ],
)
def test_what_there_is_not_is_told_with_what_is_near(arguments, words):
    with pytest.raises(PublishedError, match=words):
        api.audit(**arguments)


def test_a_folder_without_a_publication_is_told(tmp_path):
    with pytest.raises(PublishedError, match="holds no publication"):
        api.audit(tmp_path)
