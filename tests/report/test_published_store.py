"""Published values in the database: all of them, once, and again when the files change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mpcs_bench import api
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.report.published import published_digest, read_published
from mpcs_bench.shipped import folder
from mpcs_bench.store import PublishedSource, Retry, Store

PAPER = folder("reports") / "published" / "mpcs-wacv-2023"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "published.md"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    place = Workspace(tmp_path / "workspace")
    place.create()
    Store(place.root, Retry(wait=5.0)).commit()
    return place


def test_what_a_workspace_lacks_is_loaded_once(workspace):
    assert api.load_published(workspace) == ("mpcs-wacv-2023",)
    assert api.load_published(workspace) == ()

    store = Store(workspace.root)
    paper = read_published(PAPER)
    _, counts = store.query("SELECT table_id, count(*) FROM published GROUP BY ALL ORDER BY ALL")
    assert dict(counts) == {name: len(table.cells) for name, table in paper.tables.items()}
    assert store.query("SELECT count(*) FROM claims")[1] == [(len(paper.claims),)]


def test_files_that_have_changed_are_loaded_again(workspace):
    store = Store(workspace.root)
    store.load_published([PublishedSource("mpcs-wacv-2023", "an older state")])

    assert api.load_published(workspace) == ("mpcs-wacv-2023",)
    assert store.published_digests() == {"mpcs-wacv-2023": published_digest(PAPER)}


def test_a_rebuilt_database_is_filled_again(workspace):
    api.load_published(workspace)
    Store(workspace.root).rebuild()

    assert api.load_published(workspace) == ("mpcs-wacv-2023",)


def test_a_cell_is_in_the_view_with_all_that_is_known_of_it(workspace):
    api.load_published(workspace)
    names, rows = Store(workspace.root).query(
        "SELECT * FROM published WHERE table_id = 'table-6' AND row_id = 'b2-op' "
        "AND column_id = 'patient-mean'"
    )

    assert dict(zip(names, rows[0], strict=True)) == {
        "source": "mpcs-wacv-2023",
        "table_id": "table-6",
        "row_id": "b2-op",
        "column_id": "patient-mean",
        "row_position": 12,
        "column_position": 4,
        "row_label": "MPCS-OP (Eff-net b2)",
        "column_label": "Mean",
        "dataset": "breakhis",
        "encoder": "efficientnet-b2",
        "method": "MPCS-OP",
        "strategy": "ordered",
        "experiment": "exp-7",
        "metric": "patient_accuracy",
        "part": "test",
        "magnification": 0,
        "label_fraction": 1.0,
        "adaptation": "finetune",
        "printed": "91.84±3.15",
        "mean": 91.84,
        "sd": 3.15,
        "unit": "percent",
        "bold": True,
        "literature": False,
        "citation": None,
        "reference": None,
    }


def test_a_cell_of_the_literature_carries_its_reference(workspace):
    api.load_published(workspace)
    _, rows = Store(workspace.root).query(
        "SELECT DISTINCT literature, citation, reference FROM published WHERE method = 'DPCL'"
    )

    ((literature, citation, reference),) = rows
    assert (literature, citation) == (True, "14")
    assert reference.startswith("Ozan Ciga, Tony Xu")


def test_a_claim_is_in_the_view_with_its_cells(workspace):
    api.load_published(workspace)
    _, rows = Store(workspace.root).query(
        "SELECT kind, value, unit, experiments, subject, baseline, paired_by, unchecked "
        "FROM claims WHERE claim_id = 'dpcl-improvement'"
    )

    assert rows == [
        (
            "improvement",
            4.85,
            "percent",
            ["exp-11"],
            ["table-7/op/image-test"],
            ["table-7/dpcl/image-test"],
            ["column"],
            None,
        )
    ]


def test_a_report_loads_them(bench):
    bench.folds("base", [0.8, 0.9])
    bench.commit()

    api.report(Workspace(bench.workspace), "exp")

    assert list(bench.store.published_digests()) == ["mpcs-wacv-2023"]


def test_the_query_of_the_documentation_puts_ours_beside_theirs(bench):
    (sql,) = re.findall(r"```sql\n(.*?);\n```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    for fold, accuracy in enumerate((0.85, 0.95)):
        measured = {"patient_accuracy": accuracy}
        bench.add("exp-3", measured, fold=fold, encoder="resnet50", strategy="ordered")
    bench.commit()
    api.load_published(Workspace(bench.workspace))

    names, rows = bench.store.query(sql)

    assert names == ["row_label", "printed", "ours", "folds"]
    assert rows == [("ResNet-50 / Patient Level Accuracy / Ordered Pair", "87.88±2.89", 90.0, 2)]
