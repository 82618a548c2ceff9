"""The same value twice, units, repeats, references and numbers of experiments."""

from __future__ import annotations

import pytest


def cell(row: str, column: str, printed: str, **facts: object) -> dict[str, object]:
    return {"row": row, "column": column, "printed": printed, **facts}


def test_one_thing_in_two_tables_has_one_value(found):
    def severities(other: str) -> list[tuple[str, str]]:
        tables = {
            "table-1": [cell("ours", "a", "90.55±2.05")],
            "table-2": [cell("ours", "b", other)],
        }
        return [(f.severity, f.place) for f in found("same-value", tables)]

    assert severities("90.55±2.05") == []
    assert severities("90.6±2.1") == []  # fewer decimals
    assert severities("90.65±2.05") == [("error", "table-2/ours/b")]
    assert severities("90.55±2.15") == [("error", "table-2/ours/b")]
    assert severities("90.55±2.05") == []


DEVIATIONS = ("5.02", "4.80", "2.92", "2.17", "3.40")


@pytest.mark.parametrize(
    ("last", "taken"), [("2.00", []), ("0.02", ["±2.00"]), ("0.30", []), ("0.002", [])]
)
def test_a_deviation_in_another_unit_is_noticed(found, last, taken):
    cells = [
        cell("ours", f"c{index}", f"8{index}.00±{sd}", magnification=index + 1)
        for index, sd in enumerate((*DEVIATIONS, last))
    ]

    findings = found("units", cells)

    assert [(f.severity, f.recomputed) for f in findings] == [("notice", one) for one in taken]


def test_percent_among_fractions_is_noticed_too(found):
    cells = [
        cell("ours", f"c{index}", f"0.8{index}±{sd}", magnification=index + 1)
        | {"unit": "fraction", "metric": "f1"}
        for index, sd in enumerate(("0.02", "0.03", "0.05", "0.02", "3.00"))
    ]

    (finding,) = found("units", cells)

    assert (finding.place, finding.recomputed) == ("table-1/ours/c4", "±0.03")


def grid(printed: list[list[str]]) -> list[dict[str, object]]:
    return [
        cell(f"r{row}", f"c{column}", text, magnification=column + 1)
        for row, line in enumerate(printed)
        for column, text in enumerate(line)
    ]


DIFFERENT = [
    [f"{80 + 3 * column + row * 1.37:.2f}±{1 + row + column:.2f}" for column in range(4)]
    for row in range(6)
]


def test_values_that_come_again_and_again_are_noticed(found):
    assert found("repeats", grid(DIFFERENT)) == []

    repeated = [list(line) for line in DIFFERENT]
    for row in range(1, 5):
        repeated[row][row % 4] = repeated[0][0]
    (finding,) = found("repeats", grid(repeated))

    assert (finding.severity, finding.place) == ("notice", "table-1")
    assert finding.printed == "4 repeated means"
    assert finding.explanation.startswith(
        "Repeated in its cells: 1 mean, by 4 cells beyond the first (10 equal pairs, 10 of them "
        "with the same deviation). So many or more come in none of 9,999 drawn from the model"
    )
    assert finding.details[0].startswith("80.00: table-1/r0/c0 (80.00±1.00), ")
    assert found("repeats", grid(DIFFERENT)) == []


def test_few_test_items_make_repeats_likely(found, sizes):
    coarse = [[f"{80 + 2 * ((7 * r + 3 * c) % 5):.2f}" for c in range(4)] for r in range(6)]

    assert found("repeats", grid(coarse)) != []
    assert found("repeats", grid(coarse), items=sizes([10, 10, 10, 10, 10])) == []


def test_a_value_that_two_tables_share_once_is_no_notice_and_many_are(found):
    def tables(shared: int) -> dict[str, list[dict[str, object]]]:
        one = grid(DIFFERENT)
        two = [dict(c, row=f"s{c['row']}", part="other") for c in grid(DIFFERENT[::-1])]
        for index, c in enumerate(two):
            if index >= shared:
                c["printed"] = f"{float(c['printed'].split('±')[0]) + 0.36:.2f}±1.00"
        return {"table-1": one, "table-2": two}

    assert found("repeats", tables(1)) == []
    (finding,) = [f for f in found("repeats", tables(12)) if f.place == "the publication"]
    assert finding.explanation.startswith("Repeated between tables: 12 means (")


def test_a_method_has_one_reference(found):
    def severities(second: str) -> list[tuple[str, str, str]]:
        facts = {"literature": "true", "method": "Deep"}
        tables = {
            "table-1": [cell("deep", "a", "80.0", citation="7", **facts)],
            "table-2": [cell("deep", "b", "81.0", citation=second, part="b", **facts)],
        }
        references = {"7": "B. Else. Before.", "8": "B. Else. After."}
        return [
            (f.severity, f.printed, f.recomputed)
            for f in found("citations", tables, references=references)
        ]

    assert severities("7") == []
    assert severities("8") == [("notice", "Deep [8]", "[7]")]


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("Exp-1 to Exp-3", []),
        ("Exp-2 to Exp-4", ["no exp-4"]),
        ("Experiments of Exp-5", ["no exp-5"]),
        ("an exposure of 12 ms", []),
    ],
)
def test_experiments_that_the_text_names_have_results(found, text, lacking):
    cells = [
        cell("ours", f"c{number}", "80.0", experiment=f"exp-{number}", part=f"p{number}")
        for number in (1, 2, 3)
    ]

    findings = found("experiments", cells, captions={"table-1": text})

    assert [(f.place, f.recomputed) for f in findings] == [("table-1", one) for one in lacking]


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("Runs 1 to 3", []),
        ("of run-2 to run-4", ["no run_4"]),
        ("Exp-9", []),
        ("prune 7 branches", []),
    ],
)
def test_how_experiments_are_called_is_learnt_from_the_tables(found, text, lacking):
    cells = [
        cell("ours", f"c{number}", "80.0", experiment=f"run_{number}", part=f"p{number}")
        for number in (1, 2, 3)
    ]

    findings = found("experiments", cells, captions={"table-1": text})

    assert [finding.recomputed for finding in findings] == lacking


def test_numbers_of_experiments_that_are_skipped_are_told(found):
    cells = [
        cell("ours", f"c{number}", "80.0", experiment=f"exp-{number}", part=f"p{number}")
        for number in (1, 2, 4)
    ]

    assert [finding.recomputed for finding in found("experiments", cells)] == ["no exp-3"]
