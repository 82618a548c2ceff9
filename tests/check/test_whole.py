"""A baseline that has lost parts of itself is damaged, and passes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.check.baseline import FORMAT, Observation
from mpcs_bench.check.errors import CheckError
from mpcs_bench.check.whole import require_as_much, require_whole

PATH = Path("baselines/ci.json")
SEEDS = (0, 1)
CELL, BEFORE = "tissue/net/ordered/finetune/400X", "pretrain/tissue/net/ordered"


def _stage(kind: str, upstream: str | None) -> dict[str, Any]:
    return {
        "kind": kind,
        "key": "k",
        "versions": {"stage": "1"},
        "settings": "s",
        "weights": "none",
        "digest": "d",
        "seconds": 1.0,
        "peak_bytes": 0,
        "upstream": upstream,
    }


def _series(subject: str, what: str, seeds: tuple[int, ...]) -> dict[str, Any]:
    values = {"split seed 0, fold 0": {f"seed {seed}": 0.5 for seed in seeds}}
    return {"subject": subject, "what": what, "better": "higher", "values": values}


def _document(seeds: tuple[int, ...] = SEEDS) -> dict[str, Any]:
    stages = {}
    for seed in seeds:
        place = f"fold=0/seed={seed}"
        stages[f"{BEFORE}/{place}"] = _stage("pretrain", None)
        stages[f"{CELL}/{place}"] = _stage("finetune", f"{BEFORE}/{place}")
    return {
        "format": FORMAT,
        "protocol": "ci",
        "written": {},
        "provenance": {"created": "2025-01-01", "environment": {}},
        "reference": {"seconds": 0.01, "peak_bytes": 400, "cpu": "AVX2"},
        "settings": {"s": {}},
        "fingerprints": {"tissue": "f"},
        "splits": {"tissue, split seed 0": "h"},
        "findings": [],
        "pairs": {f"{BEFORE}/fold=0": {"40>100": 1}},
        "stages": stages,
        "series": [
            _series(f"exp: {CELL}", "image_accuracy (test)", seeds),
            _series(f"exp: {CELL}", "image_f1 (test)", seeds),
            _series(BEFORE, "last contrastive_loss", seeds),
        ],
    }


def _read(document: dict[str, Any]) -> Observation:
    return Observation.model_validate(document)


def test_what_a_run_left_is_whole() -> None:
    require_whole(_read(_document()), PATH)
    require_as_much(_read(_document()), _read(_document((7, 8))), PATH)


def _without_stage(document: dict[str, Any]) -> None:
    del document["stages"][f"{CELL}/fold=0/seed=1"]


def _without_pretraining(document: dict[str, Any]) -> None:
    del document["stages"][f"{BEFORE}/fold=0/seed=1"]


def _without_values(document: dict[str, Any]) -> None:
    document["series"][0]["values"] = {}


def _without_numbers(document: dict[str, Any]) -> None:
    document["series"][0]["values"] = {"split seed 0, fold 0": {"seed 0": float("nan")}}


def _without_series_of_cells(document: dict[str, Any]) -> None:
    document["series"] = document["series"][2:]


def _without_pairs(document: dict[str, Any]) -> None:
    document["pairs"] = {}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: d.update(stages={}), "all stages"),
        (lambda d: d.update(series=[]), "all series"),
        (lambda d: d.update(settings={}), "the settings s of "),
        (lambda d: d.update(splits={}), "all splits"),
        (_without_stage, f"the stage of {CELL}, fold 0, seed 1"),
        (_without_pretraining, f"the stage {BEFORE}/fold=0/seed=1"),
        (_without_values, f"the values of experiment exp, {CELL}: image_accuracy"),
        (_without_numbers, f"the values of experiment exp, {CELL}: image_accuracy"),
        (_without_series_of_cells, f"all values of {CELL}/fold=0/seed=0"),
        (_without_pairs, f"the pairs of {BEFORE}/fold=0"),
    ],
)
def test_parts_that_belong_together_are_missed(
    damage: Callable[[dict[str, Any]], None], said: str
) -> None:
    document = _document()
    damage(document)
    with pytest.raises(CheckError) as caught:
        require_whole(_read(document), PATH)
    assert said in caught.value.message
    assert "version control" in (caught.value.hint or "")


@pytest.mark.parametrize("seeds", [SEEDS, (7, 8)])
def test_a_series_that_the_run_has_and_the_baseline_should_have_is_missed(
    seeds: tuple[int, ...],
) -> None:
    document = _document()
    del document["series"][1]
    require_whole(_read(document), PATH)
    with pytest.raises(CheckError, match="image_f1"):
        require_as_much(_read(document), _read(_document(seeds)), PATH)


def test_a_raised_version_may_bring_a_metric_with_it() -> None:
    document, after = _document(), _document()
    del document["series"][1]
    for stage in after["stages"].values():
        stage["versions"] = {"stage": "2"}
    require_as_much(_read(document), _read(after), PATH)
