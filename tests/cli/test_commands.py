"""The commands that look and list: what they print, and as JSON."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["protocols", "list"], "quickstart"),
        (["plugins", "list"], "mpcs_paper/ordered"),
        (["data", "list"], "CC BY 4.0"),
        (["doctor"], "torch"),
    ],
)
def test_listings_print_tables_and_json(bench: Bench, arguments: list[str], expected: str) -> None:
    plain = bench(*arguments)
    assert plain.code == 0, plain.err
    assert expected in plain.out
    as_json = bench(*arguments, "--json")
    assert as_json.code == 0
    assert expected in json.dumps(as_json.json)


def test_a_protocol_is_shown_with_what_it_extends_and_every_default(bench: Bench) -> None:
    shown = bench("protocols", "show", "quickstart", "--set", "finetuning.epochs=7", "--json").json
    assert shown["finetuning"]["epochs"] == 7
    assert shown["finetuning"]["class_weights"] == "none"


def test_the_schema_is_for_editors(bench: Bench) -> None:
    schema = bench("protocols", "schema").json
    assert "pretraining" in schema["properties"]


def test_a_plugin_is_shown_with_its_parameters(bench: Bench) -> None:
    shown = bench("plugins", "show", "ordered")
    assert "degrees_of_freedom: 1" in shown.out
    assert "table" in shown.out


def test_a_broken_plugin_is_listed_and_shown_with_its_traceback(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    listed = bench("plugins", "list", "--plugin", "broken.py")
    assert listed.code == 0
    assert "broken: ModuleNotFoundError" in listed.out
    assert "mpcs_paper/ordered" in listed.out
    shown = bench("plugins", "show", "broken", "--plugin", "broken.py")
    assert "Traceback" in shown.out


def test_a_new_plugin_passes_its_suite(bench: Bench, tmp_path: Path) -> None:
    assert bench("plugins", "new", "strategy", "my-pairs").code == 0
    tested = bench("plugins", "test", "my-pairs", "--plugin", "my_pairs.py", "--json")
    assert tested.code == 0, tested.err
    assert all(check["passed"] for check in tested.json)


def test_a_plugin_that_breaks_its_contract_fails_the_suite(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "same.py").write_text(
        "import numpy as np\n"
        "from mpcs_bench.registry import PairStrategy\n\n"
        "class Same(PairStrategy):\n"
        '    """Twice the same magnification."""\n\n'
        '    name = "same"\n'
        "    human_prior, degrees_of_freedom = 2, 0\n\n"
        "    def draw(self, sets, available, generator):\n"
        "        columns = np.zeros((len(sets), 2), dtype=np.int64)\n"
        "        return sets.view_plan(columns, generator)\n"
    )
    tested = bench("plugins", "test", "same", "--plugin", "same.py")
    assert tested.code == 1
    assert "FAILED" in tested.out


def test_one_cell_is_shown_with_what_it_was_made_with(bench: Bench, ran: Path) -> None:
    cell = bench("results", "--json").json["cells"][0]
    for name in (cell["cell_id"], cell["key"][:12], cell["symbolic"]):
        shown = bench("show", name, "--json").json
        assert shown["key"] == cell["key"]
        assert shown["environment"]["packages"]["torch"]
        assert shown["metrics"]
    assert "no cell 'nothing'" in bench("show", "nothing").err


def test_lists_in_csv_are_json(bench: Bench, ran: Path) -> None:
    done = bench("sql", "--csv", "SELECT ['a', 'b'] AS list, 0.5 AS number")
    assert list(csv.reader(done.out.splitlines())) == [["list", "number"], ['["a", "b"]', "0.5"]]
    assert bench("sql", "--csv", "--json", "SELECT 1").code == 2


def test_a_misspelt_view_is_set_right_by_a_public_one(bench: Bench, ran: Path) -> None:
    assert "Did you mean 'samples'?" in bench("sql", "SELECT * FROM sampl").err


def test_views_are_exported(bench: Bench, ran: Path, tmp_path: Path) -> None:
    assert bench("export", "table", "cells", "cells.csv").code == 0
    with (tmp_path / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    again = bench("export", "table", "cells", "cells.csv")
    assert again.code == 2
    assert "--force" in again.err
    assert bench("export", "table", "metrics", "metrics.parquet").code == 0
    assert (tmp_path / "metrics.parquet").read_bytes()[:4] == b"PAR1"
    assert "names no format" in bench("export", "table", "metrics", "metrics.txt").err
    assert bench("export", "table", "nothing", "x.csv").code == 2


def test_a_report_comes_in_three_files_and_its_tests_in_sql(
    bench: Bench, ran: Path, tmp_path: Path
) -> None:
    paths = bench("report", "tiny", "--output", "out", "--json").json["tiny"]
    assert sorted(Path(path).suffix for path in paths) == [".csv", ".html", ".md"]
    markdown = (tmp_path / "out/report.md").read_text()
    assert "Ordered Pair" in markdown
    query = "SELECT * FROM comparison WHERE candidate = 'exp-3' AND p IS NOT NULL"
    rows = bench("sql", query, "--json").json
    methods = {row["method"].partition(" (")[0] for row in rows}
    assert methods == {
        "corrected resampled t",
        "sign-flip permutation",
        "Wilcoxon signed rank",
        "sign-flip permutation by patient",
        "naive McNemar",
    }
    assert all(row["smallest_p"] is not None for row in rows)


def test_a_misspelt_protocol_is_not_an_empty_list(bench: Bench, ran: Path) -> None:
    for command in ("results", "report"):
        done = bench(command, "tinny")
        assert done.code == 2
        assert "Did you mean 'tiny'?" in done.err


def test_sql_prints_csv(bench: Bench, ran: Path) -> None:
    out = bench("sql", "SELECT experiment, count(*) AS n FROM cells GROUP BY 1 ORDER BY 1", "--csv")
    assert out.out.splitlines() == ["experiment,n", "exp-1,4", "exp-3,4", "floor,4"]


def test_the_encoder_of_a_cell_is_exported(bench: Bench, ran: Path, tmp_path: Path) -> None:
    cells = bench("results", "--json").json["cells"]
    number = next(cell["cell_id"] for cell in cells if cell["experiment"] == "exp-3")
    done = bench("export", "encoder", number, "--output", "net")
    assert done.code == 0, done.err
    assert f'timm.create_model("local-dir:{tmp_path}/net", pretrained=True)' in done.out
    assert {path.name for path in (tmp_path / "net").iterdir()} == {
        "LICENSE",
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessing.json",
        "training.json",
    }
    unkept = bench("export", "encoder", number, "--output", "own", "--finetuned")
    assert unkept.code == 2
    assert "keep_weights=true" in unkept.err


def test_a_split_can_be_taken_out_and_given_back(bench: Bench, ran: Path, tmp_path: Path) -> None:
    assert bench("data", "splits", ran, "--export", "split.csv").code == 0
    text = ran.read_text()
    before = "split: {scheme: kfold, folds: 3, group: case, seed: 5}"
    assert before in text
    ran.write_text(text.replace(before, "split: {scheme: file, file: split.csv, group: case}"))
    again = bench("run", ran, "--json")
    assert again.code == 0, again.err
    assert again.json["stages"]["ran"] == 0, "the same split is the same key"


def test_synthetic_tissue_is_written_and_verified(bench: Bench, tmp_path: Path) -> None:
    small = ("--param", "patients=6", "--param", "width=48", "--param", "height=32")
    assert bench("data", "synth", "tissue", *small).code == 0
    again = bench("data", "synth", "tissue", *small)
    assert again.code == 2
    assert "tissue" in again.err
    report = bench("data", "verify", "synthetic", "tissue", *small, "--json")
    assert report.code == 0, report.err
    assert report.json["patients"] == 6
    assert report.json["complete_sets"] * 4 == report.json["images"]


def test_verify_counts_all_of_breakhis(bench: Bench, breakhis_tree: Path) -> None:
    """Tiny images under all 7,909 real names."""
    report = bench("data", "verify", "breakhis", breakhis_tree, "--json").json
    counts = {key: report[key] for key in ("images", "patients", "patient_numbers", "cases")}
    assert counts == {"images": 7909, "patients": 82, "patient_numbers": 81, "cases": 70}
    assert report["complete_sets"] == 1558
    per_class = {name: report[name] for name in report if name.endswith(("/benign", "/malignant"))}
    assert per_class == {
        "40X/benign": 625,
        "40X/malignant": 1370,
        "100X/benign": 644,
        "100X/malignant": 1437,
        "200X/benign": 623,
        "200X/malignant": 1390,
        "400X/benign": 588,
        "400X/malignant": 1232,
    }


def test_the_real_sample_is_verified(bench: Bench, shared_data: Path) -> None:
    report = bench("data", "verify", "breakhis", shared_data / "breakhis", "--json")
    assert report.code == 1, "a sample is not the whole data set"
    assert report.json["images"] == 124
    assert set(report.json["sizes"]) == {"700x460", "700x456"}
    assert any(defect["found"] for defect in report.json["known_defects"])


def test_workspace_may_lie_anywhere(bench: Bench, ran: Path, tmp_path: Path) -> None:
    shutil.move(tmp_path / "mpcs-workspace", tmp_path / "moved")
    assert bench("results", "--workspace", "moved", "--json").code == 0
    again = bench("run", ran, "--workspace", "moved")
    assert "Nothing to run" in again.err
