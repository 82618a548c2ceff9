"""`compare` as a user has it: on a workspace that a protocol has filled, beside what SQL gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
COLUMNS = (
    *("protocol", "baseline", "candidate", "metric", "dataset", "magnification", "question"),
    "unit",
    *("method", "n", "mean_difference", "interval_low", "interval_high", "statistic", "p"),
    *("p_adjusted", "smallest_p", "smallest_p_adjusted", "effect", "details", "note"),
    "computed_at",
)


def test_what_is_printed_is_what_sql_gives(ran: Path, bench: Bench) -> None:
    done = bench("compare", "tiny:exp-1", "exp-3", "--json")

    assert done.code == 0, done.err
    (pair,) = done.json
    assert (pair["baseline"], pair["candidate"]) == ("tiny:exp-1", "tiny:exp-3")
    assert pair["differs"]["strategy"] == {"candidate": "ordered", "baseline": "none"}
    assert {claim["mean"] for claim in pair["claims"]} == {True, False}
    again = bench("sql", "SELECT * FROM comparison", "--json")
    assert again.code == 0, again.err
    shared = [row for row in again.json if row["details"] or row["question"]]
    assert tuple(shared[0]) == COLUMNS
    stored = {
        (row["magnification"], row["unit"], row["method"]): row
        for row in shared
        if row["metric"] == "patient_accuracy"
    }
    assert len(pair["tests"]) >= 15, "three places, five tests"
    for test in pair["tests"]:
        row = stored[test["magnification"], test["unit"], test["method"]]
        details = json.loads(row["details"]) if isinstance(row["details"], str) else row["details"]
        for name in COLUMNS:
            found = details if name == "details" else row[name]
            if name != "computed_at":
                assert found == test[name], (name, test["method"])


def test_tests_are_printed_by_question(ran: Path, bench: Bench) -> None:
    done = bench("compare", "exp-1", "exp-3")

    assert done.code == 0, done.err
    for text in (
        "For methods, on data such as these",
        "For these trained models, on new patients",
        "corrected t",
        "Smallest",
        "P(equivalent)",
    ):
        assert text in done.out
    assert "not significant" not in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("exp-1", "exp-33"), "Did you mean 'exp-3'?"),
        (("exp-1", "exp-9"), "'exp-9' has not been run in this workspace."),
        (("exp-1", "exp-3", "--metric", "f1"), "Did you mean 'image_f1_weighted'?"),
        (("exp-1", "floor"), "'tiny:floor' is a control: it is never compared."),
        (("tiny", "exp-3"), "'tiny' names 3 experiments: tiny:exp-1, tiny:exp-3, tiny:floor."),
        (("exp-1", "exp-3", "--metric", "nothing"), "There is no metric 'nothing'"),
    ],
)
def test_what_cannot_be_meant_is_an_error(
    ran: Path, bench: Bench, arguments: tuple[str, ...], said: str
) -> None:
    done = bench("compare", *arguments)

    assert done.code == 2
    assert said in done.err
