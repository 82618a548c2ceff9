"""Results come back whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mpcs_bench.engine.ray.delivery import deliver_checkpoint, deliver_result, pack
from mpcs_bench.errors import StoreError
from mpcs_bench.records import ResultSpec, ResultTables, check_result, write_result

KEY = "0123abcd"


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result on a worker's disk."""
    spec = ResultSpec(KEY, "pretrain", "pretrain", 1, {"epochs": 1})
    return write_result(tmp_path / "worker", spec, ResultTables(), {"weights.safetensors": b"w"})


def test_a_result_arrives_with_the_bytes_that_were_sent(result: Path, tmp_path: Path) -> None:
    deliver_result(pack(result), tmp_path / "results", KEY)
    arrived = tmp_path / "results" / KEY
    assert check_result(arrived) == []
    sent = {path.name: path.read_bytes() for path in result.iterdir()}
    assert {path.name: path.read_bytes() for path in arrived.iterdir()} == sent
    assert [path.name for path in (tmp_path / "results").iterdir()] == [KEY]


@pytest.mark.parametrize("name", ["weights.safetensors", "metrics.parquet", "spec.json"])
def test_a_result_that_was_damaged_on_its_way_leaves_nothing(
    result: Path, tmp_path: Path, name: str
) -> None:
    packed = dict(pack(result))
    packed[name] = packed[name].copy()
    packed[name][0] ^= 1
    with pytest.raises(StoreError, match="damaged on its way"):
        deliver_result(packed, tmp_path / "results", KEY)
    assert list((tmp_path / "results").iterdir()) == []


def test_a_result_that_lost_a_file_is_refused(result: Path, tmp_path: Path) -> None:
    packed = dict(pack(result))
    del packed["weights.safetensors"]
    with pytest.raises(StoreError, match="is missing"):
        deliver_result(packed, tmp_path / "results", KEY)


def test_a_whole_result_that_stands_is_kept(result: Path, tmp_path: Path) -> None:
    packed = pack(result)
    deliver_result(packed, tmp_path / "results", KEY)
    before = (tmp_path / "results" / KEY).stat().st_ino
    deliver_result(packed, tmp_path / "results", KEY)
    assert (tmp_path / "results" / KEY).stat().st_ino == before


def test_a_damaged_result_is_set_aside_for_a_whole_one(result: Path, tmp_path: Path) -> None:
    packed = pack(result)
    deliver_result(packed, tmp_path / "results", KEY)
    (tmp_path / "results" / KEY / "metrics.parquet").write_bytes(b"")
    deliver_result(packed, tmp_path / "results", KEY)
    assert check_result(tmp_path / "results" / KEY) == []
    assert len(list((tmp_path / "results").glob(".damaged-*"))) == 1


def test_a_checkpoint_arrives_beside_those_that_stand(tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints" / KEY
    (checkpoints / "000001").mkdir(parents=True)
    packed = {"state.pt": np.arange(9, dtype=np.uint8), "checkpoint.json": np.zeros(0, np.uint8)}
    deliver_checkpoint(packed, checkpoints, "000002")
    assert sorted(path.name for path in checkpoints.iterdir()) == ["000001", "000002"]
    assert (checkpoints / "000002" / "state.pt").read_bytes() == bytes(range(9))
