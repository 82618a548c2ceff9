"""`verify`: stored cells, run again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

from mpcs_bench.stages.encoding_file import read_facts, write_encoding

Bench = Callable[..., Any]
WEIGHTS = "weights.safetensors"


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _pretrained(results: Path) -> Path:
    """A workspace's cell that stands on a pre-training; all others are removed."""
    folders = {
        path.name: json.loads((path / "spec.json").read_text()) for path in results.iterdir()
    }
    kept = next(name for name, spec in folders.items() if spec["spec"].get("upstream"))
    for name in folders:
        if name not in {kept, folders[kept]["spec"]["upstream"]}:
            shutil.rmtree(results / name)
    return results / kept


def test_stored_cells_come_out_equal_and_are_only_read(
    bench: Bench, ran: Path, tmp_path: Path
) -> None:
    results = tmp_path / "mpcs-workspace/results"
    before = _files(results)
    done = bench("verify", "--cells", "1", "--json")
    assert done.code == 0, done.err
    (stage,) = done.json["stages"]
    assert (stage["drift"]["equal"], stage["differs"]) == (True, [])
    assert done.json["stored_cells"] == 12
    assert _files(results) == before


@pytest.mark.slow
def test_a_pretraining_whose_weights_are_gone_runs_again(
    bench: Bench, ran: Path, tmp_path: Path
) -> None:
    results = tmp_path / "mpcs-workspace/results"
    cell = _pretrained(results)
    for path in results.glob(f"*/{WEIGHTS}"):
        path.unlink()
    done = bench("verify", "--json")
    assert done.code == 0, done.err
    stages = done.json["stages"]
    assert [stage["key"] == cell.name for stage in stages] == [False, True]
    assert all(stage["drift"]["equal"] for stage in stages)
    assert stages[0]["drift"]["weights"] is True
    assert not list(results.glob(f"*/{WEIGHTS}"))


def test_drift_is_measured_and_broken_promises_are_told_from_others(
    bench: Bench, ran: Path, tmp_path: Path
) -> None:
    cell = _pretrained(tmp_path / "mpcs-workspace/results")
    path = cell / "predictions.parquet"
    table = pq.read_table(path, partitioning=None)
    logits = table["logits"].to_pylist()
    logits[0] = [value + 0.5 for value in logits[0]]
    predicted = table["predicted"].to_pylist()
    predicted[0] = 1 - predicted[0]
    for name, values in (("logits", logits), ("predicted", predicted)):
        place = table.schema.get_field_index(name)
        field = table.schema.field(name)
        table = table.set_column(place, field, pa.array(values, field.type))
    pq.write_table(table, path)
    manifest = json.loads((cell / "manifest.json").read_text())
    manifest["sizes"][path.name] = path.stat().st_size
    (cell / "manifest.json").write_text(json.dumps(manifest))

    done = bench("verify", "--json")
    assert done.code == 3, done.err
    (stage,) = done.json["stages"]
    assert stage["broken"]
    assert stage["drift"]["decisions"] == 1
    assert abs(stage["drift"]["largest_logit"] - 0.5) < 1e-3

    manifest["environment"]["installed"]["torch"] = "1.0"
    (cell / "manifest.json").write_text(json.dumps(manifest))
    other = bench("verify", env={"ATEN_CPU_CAPABILITY": "default"})
    assert other.code == 0, other.err
    assert "Equality is not promised here: torch 1.0 -> " in other.err
    kernels = manifest["environment"]["cpu"]
    assert kernels == "DEFAULT" or f"CPU kernels {kernels} -> DEFAULT" in other.err


def test_linear_evaluation_encodes_anew(
    bench: Bench, tiny_protocol: Callable[..., Path], tmp_path: Path
) -> None:
    path = tiny_protocol(("\nfinetuning:", "\nadaptation: linear\nfinetuning:"))
    assert bench("run", str(path), "--only", "experiment=exp-1", "--only", "fold=0").code == 0
    encodings = list((tmp_path / "mpcs-workspace/cache/encodings").glob("*.safetensors"))
    assert encodings
    for file in encodings:
        facts = read_facts(file)
        assert facts is not None
        with safe_open(file, framework="numpy") as stored:
            features = stored.get_tensor("features")
        write_encoding(file, facts, features[::-1])
    done = bench("verify", "--cells", "1", "--json")
    assert done.code == 0, done.err
    assert [stage["drift"]["equal"] for stage in done.json["stages"]] == [True]


def test_what_cannot_be_run_again_says_why(bench: Bench, ran: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "mpcs-workspace/cache/splits")
    done = bench("verify", "--cells", "1")
    assert done.code == 4
    assert "its split is gone from the cache" in done.out


def test_an_empty_workspace_has_nothing_to_verify(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "mpcs-workspace").mkdir()
    done = bench("verify")
    assert done.code == 4
    assert "no finished cell" in done.err
