"""Values, improvements and orders that the text claims, against the printed cells."""

from __future__ import annotations

import pytest

CELLS = [
    {"row": row, "column": column, "printed": text, "encoder": column, "strategy": strategy}
    for row, strategy, *values in (
        ("base", "none", "80.00", "81.00"),
        ("fixed", "fixed", "81.50", "82.00"),
        ("ordered", "ordered", "82.50", "83.00"),
    )
    for column, text in zip(("one", "two"), values, strict=True)
]
"""Differences: fixed 1.50 and 1.00, ordered 2.50 and 2.00."""


def on(rows: list[str], columns: list[str] | None = None) -> list[dict[str, object]]:
    return [{"table": "table-1", "rows": rows} | ({"columns": columns} if columns else {})]


def improved(claim, kind: str, quote: str, rows: list[str], **claimed: object) -> dict:
    more = {k: claimed.pop(k) for k in ("quantifier", "unchecked") if k in claimed}
    return claim(
        kind,
        quote,
        **{"claimed": {"unit": "percent", **claimed}, "paired_by": ["column"]},
        **{"subject": on(rows), "baseline": on(["base"])},
        **more,
    )


def test_a_claimed_value_is_held_to_its_cell(found, claim):
    def severities(value: float, quote: str) -> list[str]:
        one = claim("value", quote, claimed={"value": value}, subject=on(["ordered"], ["one"]))
        return [finding.severity for finding in found("claimed-values", CELLS, claims=[one])]

    assert severities(82.5, "obtains 82.50%") == []
    assert severities(83, "obtains 83%") == []  # fewer decimals: 82.50 rounded
    assert severities(82.6, "obtains 82.6%") == ["error"]


@pytest.mark.parametrize(
    ("rows", "quote", "claimed", "severities"),
    [
        (["ordered"], "by 2.50", {"value": 2.5}, ["notice"]),  # so for one encoder
        (["ordered"], "by 2.25 ± 0.25", {"value": 2.25, "plus_minus": 0.25}, []),
        (["ordered"], "by 2.51", {"value": 2.51}, ["rounding"]),
        (["ordered"], "by 4.5", {"value": 4.5}, ["error"]),
        (["ordered"], "by 2.50", {"value": 2.5, "quantifier": "some"}, ["notice"]),
        (["ordered"], "by 4.5", {"value": 4.5, "quantifier": "some"}, ["error"]),
        (["ordered"], "by 4.5", {"value": 4.5, "unchecked": "only drawn"}, ["undetermined"]),
    ],
)
def test_a_claimed_improvement_is_held_to_the_differences(
    found, claim, rows, quote, claimed, severities
):
    one = improved(claim, "improvement", quote, rows, **claimed)

    findings = found("claimed-improvements", CELLS, claims=[one])

    assert [finding.severity for finding in findings] == severities


@pytest.mark.parametrize(
    ("quote", "low", "high", "severity"),
    [
        ("1.00 to 2.50", 1.0, 2.5, None),
        ("1.50 to 2.50", 1.5, 2.5, "notice"),  # so for the one encoder
        ("1.50 to 2.52", 1.5, 2.52, "error"),
        ("1.00 to 2.51", 1.0, 2.51, "rounding"),
    ],
)
def test_a_claimed_range_is_held_to_every_reading(found, claim, quote, low, high, severity):
    one = improved(claim, "improvement-range", quote, ["fixed", "ordered"], low=low, high=high)

    findings = found("claimed-improvements", CELLS, claims=[one])

    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    if severity == "notice":
        assert "Read as about one" in findings[0].explanation


def test_the_ends_of_a_range_over_some_cells_must_be_there(found, claim):
    def severities(low: float, high: float) -> list[str]:
        quote = f"by {low} to {high}"
        one = improved(
            claim, "improvement-range", quote, ["fixed", "ordered"], low=low, high=high
        ) | {"quantifier": "some"}
        return [f.severity for f in found("claimed-improvements", CELLS, claims=[one])]

    assert severities(1.0, 2.5) == []
    assert severities(1.5, 2.0) == ["notice"]
    assert severities(1.5, 7.0) == ["error"]


def test_an_order_is_held_to_every_pair_and_the_others_are_listed(found, claim):
    def findings(changed: str):
        cells = [
            dict(cell, printed=changed) if cell is CELLS[3] else cell  # fixed, two
            for cell in CELLS
        ]
        one = claim(
            "ordering",
            "ordered is best of all",
            **{"subject": on(["ordered"]), "baseline": on(["fixed", "base"])},
            paired_by=["column"],
        )
        return found("claimed-orderings", cells, claims=[one])

    assert findings("82.00") == []
    (tie,) = findings("83.00")
    assert tie.severity == "notice"
    (above,) = findings("83.40")
    assert (above.severity, above.recomputed) == ("error", "3 of 4")
    assert above.details == ("table-1/ordered/two - table-1/fixed/two = -0.40",)
    assert findings("82.00") == []


ALMOST = [
    dict(cell, printed="83.40") if (cell["row"], cell["column"]) == ("fixed", "two") else cell
    for cell in CELLS
]
"""For the encoder `two`, fixed is above ordered."""


@pytest.mark.parametrize(
    ("quote", "severity", "words"),
    [
        ("ordered is best", "notice", "All that are about one go as claimed."),
        ("ordered is best of all", "error", "about one go as claimed; but the text says 'all'."),
        ("it is consistently best", "error", "the text says 'consistently'."),
    ],
)
def test_an_order_that_holds_in_one_reading_is_an_error_only_where_the_text_speaks_of_all(
    found, claim, quote, severity, words
):
    one = claim(
        "ordering",
        quote,
        **{"subject": on(["ordered"]), "baseline": on(["fixed", "base"])},
        paired_by=["column"],
    )

    (finding,) = found("claimed-orderings", ALMOST, claims=[one])

    assert finding.severity == severity
    assert finding.explanation.endswith(words)


def test_an_order_that_holds_in_no_reading_is_an_error(found, claim):
    cells = [dict(cell, strategy=None, encoder=None, method="m") for cell in ALMOST]
    cells = [dict(cell, part=f"{cell['row']}-{cell['column']}") for cell in cells]
    one = claim(
        "ordering",
        "ordered is best",
        **{"subject": on(["ordered"], ["two"]), "baseline": on(["fixed", "base"])},
        paired_by=["column"],
    )

    (finding,) = found("claimed-orderings", cells, claims=[one])

    assert finding.severity == "error"


def test_means_alone_are_a_reading(found, claim, magnified):
    rows = [
        *magnified("ours", "80.00", "83.00", "81.50", strategy="fixed"),
        *magnified("base", "81.00", "81.00", "81.00", strategy="none"),
        *magnified("other", "79.00", "81.00", "80.00", strategy="none"),
    ]
    one = claim(
        "outperforms",
        "outperforms others",
        **{"subject": on(["ours"]), "baseline": on(["base", "other"])},
        paired_by=["magnification"],
    )

    (finding,) = found("claimed-orderings", rows, claims=[one])

    assert (finding.severity, finding.recomputed) == ("notice", "5 of 6")
    assert "All that are about the Means go as claimed." in finding.explanation


def test_as_good_as_without_a_margin_is_undetermined(found, claim):
    def severities(subject: str, baseline: str) -> list[str]:
        one = claim(
            "equality",
            "matches",
            **{"subject": on([subject]), "baseline": on([baseline]), "paired_by": ["column"]},
        )
        return [f.severity for f in found("claimed-orderings", CELLS, claims=[one])]

    assert severities("ordered", "fixed") == []
    assert severities("fixed", "ordered") == ["undetermined"]


def test_what_no_cell_settles_is_undetermined(found, claim):
    one = claim("outperforms", "outperforms", unchecked="The values are only drawn.")

    (finding,) = found("claimed-orderings", CELLS, claims=[one])

    assert finding.severity == "undetermined"
    assert "The values are only drawn." in finding.explanation
