"""Bold marks are held to the best value of their column."""

from __future__ import annotations

import pytest

from mpcs_bench.report.audit import audit_publication


def table(*rows: tuple[str, str, str]) -> list[dict[str, object]]:
    """Return cells of two columns; a `*` marks bold."""
    return [
        {
            **{"row": row, "column": column, "printed": text.strip("*")},
            **{"bold": "*" in text, "part": f"test-{column}"},
        }
        for row, *values in rows
        for column, text in zip(("a", "b"), values, strict=True)
    ]


GOOD = table(("one", "80.0", "85.0*"), ("two", "90.0*", "84.0"))


@pytest.mark.parametrize(
    ("cells", "severities"),
    [
        (GOOD, []),
        (table(("one", "80.0", "85.0*"), ("two", "90.0", "84.0")), ["notice"]),  # none marked
        (table(("one", "80.0*", "85.0*"), ("two", "90.0", "84.0")), ["error"]),  # not the best
        (table(("one", "80.0*", "85.0*"), ("two", "90.0*", "84.0")), ["notice"]),  # two marked
        (table(("one", "90.0", "85.0*"), ("two", "90.0*", "84.0")), ["notice"]),  # a tie, one of it
        (table(("one", "90.0*", "85.0*"), ("two", "90.0*", "84.0")), []),  # a tie, both
        (table(("one", "80.0", "85.0"), ("two", "90.0", "84.0")), []),  # a table without marks
    ],
)
def test_marks_are_held_to_the_best_of_the_column(found, cells, severities):
    assert [finding.severity for finding in found("bold", cells)] == severities


def test_blocks_are_read_so_where_that_explains_the_marks(found):
    cells = table(
        ("one", "80.0", "85.0*"),
        ("two", "90.0*", "84.0"),
        ("three", "70.0*", "75.0"),
        ("four", "60.0", "78.0*"),
    )
    blocks = {"one": "x", "two": "x", "three": "y", "four": "y"}

    assert found("bold", cells, blocks=blocks) == []
    assert found("bold", cells) != []


def test_whole_columns_are_read_so_where_that_explains_the_marks(found):
    cells = table(("one", "80.0", "85.0*"), ("two", "90.0*", "84.0"), ("three", "70.0", "75.0"))

    assert found("bold", cells, blocks={"one": "x", "two": "x", "three": "y"}) == []
    assert found("bold", cells, blocks={"one": "x", "two": "y", "three": "y"}) == []


def test_a_table_without_marks_and_plain_numbers_are_skipped(publish):
    cells = table(("one", "80.0", "85.0"))
    loss = [dict(cell, unit="number", metric="loss", bold=True) for cell in cells]

    audit = audit_publication(publish({"table-1": cells, "table-2": loss}), ["bold"])

    assert audit.findings == ()
    assert [one.what for one in audit.skipped] == ["table-1", "table-2"]
