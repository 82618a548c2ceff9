"""`gc` keeps the encodings that results rest on, and those that a stage to come may use."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpcs_bench.protocol.canonical import digest
from mpcs_bench.records import PlannedCell, PlanRecord
from mpcs_bench.stages.encoding_file import encoding_file, write_encoding
from mpcs_bench.upkeep.known import Known, KnownStage
from mpcs_bench.upkeep.unused_cache import unused_cache

OLD = 1_600_000_000
USED, UNUSED = "a" * 64, "b" * 64


def encoding(workspace: Path, fingerprint: str, seed: int, *, old: bool = True) -> Path:
    """Leave an encoding in the cache."""
    facts = {"fingerprint": fingerprint, "seed": seed}
    path = encoding_file(workspace / "cache", digest(facts))
    write_encoding(path, facts, np.zeros((3, 2), dtype=np.float32))
    if old:
        os.utime(path, (OLD, OLD))
    return path


def linear(workspace: Path, key: str, notes: dict[str, Any] | None) -> KnownStage:
    """A stage of linear evaluation; with a result of these notes, where there are any."""
    if notes is not None:
        folder = workspace / "results" / key
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"format": 1, "key": key, "notes": notes}))
    data = {"fingerprint": USED, "split": "s", "image_size": None, "plugin": {"plugin": "p/d"}}
    return KnownStage(
        key=key,
        symbolic=key,
        kind="linear",
        spec={"upstream": None, "spec": {"fold": 0}, "data": data},
        has_result=notes is not None,
        state=None,
        protocols=frozenset({"one"}),
    )


def gone(workspace: Path, *stages: KnownStage, needed: set[str] | None = None) -> dict[str, str]:
    """Return the encodings that can go, and why, where a plan names all stages."""
    cells = tuple(
        PlannedCell(
            key=stage.key,
            position=number,
            experiment="one",
            label="One",
            axes={"adaptation": "linear"},
            symbolic=stage.key,
            fingerprint=USED,
        )
        for number, stage in enumerate(stages)
    )
    plan = PlanRecord("one", "One", "test", None, "2026-01-01", cells)
    known = Known({stage.key: stage for stage in stages}, (plan,))
    keys = {stage.key for stage in stages} if needed is None else needed
    items, notices = unused_cache(workspace, known, frozenset(keys))
    assert notices == ()
    return {item.name: item.reason for item in items if item.group == "encodings"}


def test_what_a_kept_result_notes_stays_and_the_rest_goes(tmp_path: Path) -> None:
    noted, other = encoding(tmp_path, USED, 0), encoding(tmp_path, USED, 1)
    stage = linear(tmp_path, "k1", {"encodings": [noted.stem]})
    assert gone(tmp_path, stage) == {other.stem: "no result rests on it"}


def test_what_only_a_result_notes_that_nothing_needs_goes(tmp_path: Path) -> None:
    path = encoding(tmp_path, USED, 0)
    stages = [
        linear(tmp_path, "k1", {"encodings": [path.stem]}),
        linear(tmp_path, "k2", {"encodings": []}),
    ]
    assert set(gone(tmp_path, *stages, needed={"k2"})) == {path.stem}


def test_a_stage_that_is_still_to_run_keeps_all_encodings_of_data_in_use(tmp_path: Path) -> None:
    encoding(tmp_path, USED, 0)
    foreign = encoding(tmp_path, UNUSED, 1)
    stages = [linear(tmp_path, "k1", None), linear(tmp_path, "k2", {"encodings": []})]
    assert gone(tmp_path, *stages) == {foreign.stem: "no plan uses these data"}


@pytest.mark.parametrize("harm", ["no kind", "no manifest"])
def test_in_doubt_encodings_stay(tmp_path: Path, harm: str) -> None:
    encoding(tmp_path, USED, 0)
    stage = linear(tmp_path, "k1", {"encodings": []})
    if harm == "no kind":
        stage = replace(stage, kind=None, has_result=False)
    else:
        (tmp_path / "results/k1/manifest.json").unlink()
    assert gone(tmp_path, stage) == {}


def test_a_damaged_encoding_goes_and_a_young_one_stays(tmp_path: Path) -> None:
    damaged = encoding(tmp_path, USED, 0)
    damaged.write_bytes(damaged.read_bytes()[:20])
    os.utime(damaged, (OLD, OLD))
    encoding(tmp_path, UNUSED, 1, old=False)
    assert gone(tmp_path, linear(tmp_path, "k1", None)) == {damaged.stem: "it is damaged"}
