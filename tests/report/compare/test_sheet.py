"""What the table of tests calls things: each test by what it flips, no note without its rows."""

from __future__ import annotations

import pytest

from mpcs_bench.report.compare.sheet import tests_sheet as sheet_of


def _texts(sheet):
    return [[cell.text for cell in line.cells] for s in sheet.sections for line in s.lines]


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("patient_accuracy", ["sign-flip by fold", "sign-flip by patient"]),
        ("image_auroc", ["sign-flip by fold"]),
    ],
)
def test_sign_flips_say_what_they_flip_and_a_tiny_p_reads_alike(two, metric, names):
    (pair,) = two.compare("base", "new", metric=metric).pairs
    sheet = sheet_of(pair)
    lines = _texts(sheet)
    assert [line[0] for line in lines if "sign-flip" in line[0]] == names
    smallest = [header.detail for header in sheet.headers[1:]].index("possible p")
    assert next(line for line in lines if line[0] == "corrected t")[smallest] == "<0.0001"
    assert "accuracies of one side" not in sheet.caption
