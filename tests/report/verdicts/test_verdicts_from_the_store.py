"""From predictions in a store to verdicts on a claim, and back into the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.records import (
    PlannedCell,
    PlanRecord,
    ResultSpec,
    ResultTables,
    metrics_table,
    predictions_table,
    write_result,
)
from mpcs_bench.report.paper import Intention, build_paper, paper_verdict_rows
from mpcs_bench.report.paper.opening import opening_verdicts
from mpcs_bench.stages.metrics import metric_rows
from mpcs_bench.store import Store, VerdictRow

CLAIMS = """
claims:
  - id: better
    kind: outperforms
    section: "5"
    place: on Table 1
    quote: it is better
    subject: [{table: table-1, rows: [new], columns: [40x]}]
    baseline: [{table: table-1, rows: [plain], columns: [40x]}]
    paired_by: [column]
"""
PATIENTS, IMAGES = 6, 10
PLAIN = [[4, 3, 5, 4, 3, 4], [3, 4, 4, 3, 4, 3], [5, 3, 4, 4, 4, 4], [4, 4, 3, 3, 4, 5], [3] * 6]
NEW = [[w - 2 for w in wrong] for wrong in PLAIN[:4]] + [[1] * 5 + [2]]
"""Wrong images of each patient, fold by fold."""
FACTS = DatasetFacts(
    "tissue", "1", {}, ("a", "b"), (40,), ("patient",), "patient", ("image", "patient")
)


def predictions(fold: int, wrong: Sequence[int]) -> Iterator[dict[str, Any]]:
    for patient in range(PATIENTS):
        for number in range(IMAGES):
            name, label = f"f{fold}p{patient}i{number}", patient % 2
            said = label if number >= wrong[patient] else 1 - label
            yield {
                "part": "test",
                "sample_id": name,
                "pixel_hash": name,
                "image_id": name,
                "patient_id": f"f{fold}p{patient}",
                "group_id": f"f{fold}p{patient}",
                "magnification": 40,
                "patch_index": 0,
                "label": label,
                "predicted": said,
                "score": float(said),
                "logits": [1.0 - said, float(said)],
                "threshold": 0.5,
            }


def committed(workspace: Path, scale: str, *, kept: bool = True, margin: float = 3.0) -> Store:
    """Commit five folds of two experiments; `kept`: with their predictions."""
    cells, results = [], []
    for experiment, by_fold in (("exp-1", PLAIN), ("exp-2", NEW)):
        for fold, wrong in enumerate(by_fold):
            rows = list(predictions(fold, wrong))
            key = f"{experiment}-{fold}"
            axes = {
                "dataset": "tissue",
                "encoder": "resnet",
                "weights": "none",
                "adaptation": "finetune",
                "train_magnification": 40,
                "fold": fold,
                "split_seed": 0,
                "seed": 0,
            }
            tables = ResultTables(
                metrics=metrics_table(metric_rows(rows, FACTS)),
                **({"predictions": predictions_table(rows)} if kept else {}),
            )
            spec = ResultSpec(key, "finetune", key, 1, spec={"n": key}, axes=axes)
            results.append(write_result(workspace / "results", spec, tables, environment={}))
            cells.append(
                PlannedCell(
                    key,
                    len(cells),
                    experiment,
                    experiment,
                    axes,
                    key,
                    {"finetuning.epochs": 1, "groups_train": 24, "groups_test": 6},
                    "tissue",
                    "f" * 64,
                    f"split-{fold}",
                )
            )
    plan = PlanRecord(
        "p", "P", scale, None, "2025-01-02T03:04:05+00:00", tuple(cells), margin=margin
    )
    store = Store(workspace)
    store.commit([plan], [], results)
    return store


@pytest.fixture
def built(tmp_path, study):
    """Commit, and build the report of the made-up publication."""

    def build(scale="paper", **options):
        store = committed(tmp_path / "workspace", scale, **options)
        publication = study(CLAIMS).publication
        with store.reader() as connection:
            return store, build_paper(
                connection, store.workspace / "results", ["p"], publication=publication
            )

    return build


def test_trained_models_are_asked_from_their_predictions(built):
    _, report = built()
    [verdict] = report.claims

    assert verdict.word == "holds", verdict.why
    assert verdict.decisive.trained == "higher"


def test_without_predictions_one_question_stays_open(built):
    _, report = built(kept=False)
    [verdict] = report.claims

    assert verdict.word == "undecided"
    assert "one of the two questions was asked" in verdict.why
    assert "no stored predictions" in verdict.why


def test_the_margin_is_that_of_the_plan(built):
    _, report = built(margin=1.25)

    assert [table.margins for table in report.tables] == [(1.25,)]
    assert {cell.verdict.margin for cell in report.tables[0].cells if cell.ours} == {1.25}


def test_verdicts_can_be_asked_for_in_sql_and_replace_earlier_ones(built):
    store, report = built(scale="small")
    for _ in range(2):
        store.save_verdicts(VerdictRow(**row) for row in paper_verdict_rows(report))

    _, rows = store.query(
        "SELECT verdict, scale, runs, protocols, reasons[1], n FROM verdicts WHERE row_id = 'new' "
        "AND column_id = '40x'"
    )
    assert rows == [("not comparable", "small", "Scale small", ["p"], "scale small", 5)]
    _, rows = store.query("SELECT claim_id, verdict FROM verdicts WHERE claim_id IS NOT NULL")
    assert rows == [("better", "not comparable")]
    _, rows = store.query("SELECT count(*) FROM verdicts WHERE verdict = 'not run'")
    assert rows == [(5,)]


def test_the_stored_numbers_are_points(built):
    store, report = built()
    store.save_verdicts(VerdictRow(**row) for row in paper_verdict_rows(report))
    _, [cell] = store.query(
        "SELECT difference, low, high, margin, smallest_margin FROM verdicts "
        "WHERE row_id = 'new' AND column_id = '40x'"
    )
    _, [claim] = store.query(
        "SELECT difference, low < difference, n FROM verdicts WHERE claim_id = 'better'"
    )

    ours = 100 * sum(1 - sum(wrong) / 60 for wrong in NEW) / 5
    assert cell[0] == pytest.approx(ours - 87.0)
    assert (cell[2] - cell[1]) / 2 == pytest.approx(cell[4])
    assert cell[3] == 3.0
    theirs = 100 * sum(1 - sum(wrong) / 60 for wrong in PLAIN) / 5
    assert claim == (pytest.approx(ours - theirs), True, 5)


@pytest.mark.parametrize(("scale", "read"), [("paper", True), ("small", False)])
def test_the_page_of_a_protocol_opens_with_its_verdicts(tmp_path, study, scale, read):
    store = committed(tmp_path / "workspace", scale)
    asked = []

    def intention() -> Intention:
        asked.append(True)
        return Intention()

    with store.reader() as connection:
        lines = opening_verdicts(connection, "p", [study(CLAIMS).publication], intention)

    assert bool(asked) == read, "the protocols at the paper's scale are read only for such runs"
    if read:
        assert lines[0].startswith("Verdicts on the published values of made-up: ")
        assert lines[1] == "Verdicts on its claims, from this protocol alone: 1 holds."
    else:
        assert lines == (
            "Verdict: not comparable with the published values of made-up: scale small.",
        )
