"""`mpcs-bench audit` as a user has it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mpcs_bench.shipped import folder

Bench = Callable[..., Any]
FIELDS = {"table", "row", "column", "printed", "recomputed", "rule", "severity", "explanation"}


def test_findings_are_no_failure_and_come_grouped_by_rule(bench: Bench) -> None:
    done = bench("audit")

    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("mpcs-wacv-2023: ")
    assert "row-means: Is each printed mean of a row the mean of its cells? 48 checked" in done.out
    assert any(
        line.split()[:3] == ["error", "table-6/rpdb/patient-mean", "88.06±1.4"] for line in lines
    )
    assert "No finding: same-value (3 checked)" in done.out
    assert "Not checked:" in done.out


def test_json_is_a_list_of_findings_that_can_be_narrowed(bench: Bench) -> None:
    done = bench("audit", "mpcs-wacv-2023", "--rule", "row-means", "--severity", "error", "--json")

    assert done.code == 0
    assert [(one["table"], one["row"], one["column"]) for one in done.json] == [
        ("table-5", "rn50-image-fp", "mean"),
        ("table-6", "rpdb", "patient-mean"),
    ]
    assert all(one.keys() >= FIELDS for one in done.json)


def test_details_and_what_was_not_checked_are_shown_on_demand(bench: Bench) -> None:
    line = "table-5/b2-image-op/mean - table-5/b2-image-imagenet/mean = 2.40: as claimed"

    assert line not in bench("audit", "--rule", "claimed-improvements").out
    assert line in bench("audit", "--rule", "claimed-improvements", "--details").out
    skipped = bench("audit", "--rule", "grim", "--skipped", "--json").json
    assert {"publication", "rule", "what", "reason"} == set(skipped[0])


def test_a_folder_of_ones_own_is_audited(bench: Bench, tmp_path: Path) -> None:
    mine = tmp_path / "mpcs-wacv-2023"
    shutil.copytree(folder("reports") / "published" / "mpcs-wacv-2023", mine)
    table = mine / "table-6.csv"
    table.write_text(table.read_text().replace("88.06±1.4,88.06", "86.07±1.4,86.07"))

    done = bench("audit", mine, "--rule", "row-means", "--severity", "error", "--json")

    assert [one["row"] for one in done.json] == ["rn50-image-fp"]
    by_file = bench("audit", mine / "paper.yaml", "--rule", "row-means", "--severity", "error")
    assert by_file.out.startswith("mpcs-wacv-2023: 1 finding: 1 error\n")


def test_a_misspelt_rule_is_an_error_of_usage(bench: Bench) -> None:
    done = bench("audit", "--rule", "grmi")

    assert done.code == 2
    assert "Did you mean 'grim'?" in done.err
