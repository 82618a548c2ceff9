"""A whole protocol: the slow session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Bench = Callable[..., Any]

pytestmark = pytest.mark.slow


def test_the_quickstart_ends_in_a_table_that_is_not_degenerate(bench: Bench) -> None:
    done = bench("run", "quickstart", timeout=1800)
    print(done.out)
    assert done.code == 0, done.err
    query = (
        "SELECT experiment, avg(value) AS mean, stddev(value) AS sd, count(*) AS n FROM cells "
        "JOIN metrics USING (cell_id) WHERE metric = 'patient_accuracy' AND part = 'test' "
        "GROUP BY 1 ORDER BY 1"
    )
    rows = {row["experiment"]: row for row in bench("sql", query, "--json").json}
    assert set(rows) == {"exp-1", "exp-2", "exp-3", "exp-4", "floor"}
    for name, row in rows.items():
        assert row["n"] == 10
        assert row["sd"] > 0.01, "folds differ"
        if name != "floor":
            assert 0.65 < row["mean"] < 0.97, "above chance and colour, below the ceiling"
    assert rows["floor"]["mean"] < 0.72, "colour does not give the label away"
