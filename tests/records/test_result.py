"""A result on disk: what is written is what is read, whole or not at all."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcs_bench.errors import StoreError
from mpcs_bench.records import (
    ResultSpec,
    ResultTables,
    check_result,
    list_results,
    read_result,
    sweep_temporaries,
    write_result,
)


def everything_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_result_is_read_as_it_was_written(written, make_tables):
    result = read_result(written)

    assert result.spec.kind == "finetune"
    assert result.spec.spec == {"learning_rate": 2e-5, "batch_size": 32}
    assert result.axes.dataset == "breakhis"
    assert result.axes.fold == 0
    assert result.axes.replicate == 0
    assert result.manifest.environment == {"torch": "2.11"}
    assert result.manifest.timings == {"seconds": 1.5}
    assert result.manifest.notes == {"effective_batch": 30}
    assert result.metrics().equals(make_tables().metrics)
    assert result.history().equals(make_tables().history)
    assert result.predictions().equals(make_tables().predictions)
    assert result.file("weights.safetensors").read_bytes() == b"\0" * 64
    assert check_result(written) == []


def test_a_result_says_which_files_it_holds(written):
    with pytest.raises(StoreError, match=r"holds no 'encoder.safetensors'") as caught:
        read_result(written).file("encoder.safetensors")
    assert "weights.safetensors" in caught.value.hint


def test_a_stage_without_tables_and_axes_still_has_all_files(results, make_spec):
    path = write_result(
        results, make_spec(kind="pretrain", axes=None), ResultTables(), timings={"seconds": 0.1}
    )

    assert check_result(path) == []
    assert read_result(path).axes is None
    assert read_result(path).predictions().num_rows == 0


def test_results_are_listed_by_key_without_temporaries(results, make_spec, make_tables):
    for key in ("b2", "a1"):
        write_result(results, make_spec(key), make_tables())
    (results / ".tmp-c3-1-0.0.0").mkdir()
    (results / "notes.txt").write_text("mine")

    assert list_results(results) == ["a1", "b2"]
    assert list_results(results / "absent") == []


def test_folder_names_of_the_workspace_add_no_columns(tmp_path, make_spec, make_tables):
    results = tmp_path / "fold=7" / "value=3" / "results"
    path = write_result(results, make_spec(), make_tables())

    assert read_result(path).metrics().equals(make_tables().metrics)


def test_the_result_that_stands_is_kept(results, make_spec, make_tables):
    first = write_result(results, make_spec(), make_tables(0.5))
    second = write_result(results, make_spec(), make_tables(0.25))

    assert second == first
    assert read_result(first).metrics()["value"].to_pylist() == [0.5]
    assert everything_in(results) == ["0a1b2c"]


def test_a_damaged_result_is_set_aside_for_a_whole_one(results, make_spec, make_tables):
    path = write_result(results, make_spec(), make_tables(0.5))
    (path / "metrics.parquet").write_bytes(b"rot")

    write_result(results, make_spec(), make_tables(0.25))

    assert check_result(path) == []
    assert read_result(path).metrics()["value"].to_pylist() == [0.25]
    aside = [name for name in everything_in(results) if name.startswith(".damaged-0a1b2c")]
    assert len(aside) == 1
    assert (results / aside[0] / "metrics.parquet").read_bytes() == b"rot"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_leaves_nothing_behind_and_says_so(results, make_spec, make_tables):
    def fill(path: Path) -> None:
        Path("/dev/full").write_bytes(bytes(1 << 16))

    with pytest.raises(StoreError, match=os.strerror(errno.ENOSPC)) as caught:
        write_result(results, make_spec(), make_tables(), files={"weights.safetensors": fill})
    assert "Free space" in caught.value.hint
    assert everything_in(results) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc")
def test_a_folder_that_cannot_be_written_is_named(make_spec, make_tables):
    with pytest.raises(StoreError, match="Cannot write /proc/results"):
        write_result(Path("/proc/results"), make_spec(), make_tables())


def test_an_error_of_the_caller_leaves_nothing_behind(results, make_spec, make_tables):
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise ValueError("no weights")

    with pytest.raises(ValueError, match="no weights"):
        write_result(results, make_spec(), make_tables(), files={"weights.safetensors": fail})
    assert everything_in(results) == []


@pytest.mark.parametrize("name", ["../weights", "metrics.parquet", ".hidden", "a/b"])
def test_a_file_cannot_leave_the_folder_nor_take_a_name_of_the_format(
    results, make_spec, make_tables, name
):
    with pytest.raises(StoreError, match="further file"):
        write_result(results, make_spec(), make_tables(), files={name: b""})


def test_a_file_that_was_not_written_is_an_error(results, make_spec, make_tables):
    with pytest.raises(StoreError, match=r"'weights.safetensors' .* was not written"):
        write_result(
            results, make_spec(), make_tables(), files={"weights.safetensors": lambda path: None}
        )


@pytest.mark.parametrize("key", ["../up", "", ".tmp-x", "a/b", "x" * 129])
def test_a_key_is_the_plain_name_of_a_folder(results, make_spec, make_tables, key):
    with pytest.raises(StoreError, match="cannot be a result's key"):
        write_result(results, make_spec(key), make_tables())


def test_an_unknown_axis_is_named_with_the_nearest(results, make_spec, make_tables):
    with pytest.raises(StoreError, match=r"'folds' is no axis .* Did you mean 'fold'\?"):
        write_result(results, make_spec(axes={"folds": 1}), make_tables())


def test_values_that_are_not_json_are_named(results, make_spec, make_tables):
    with pytest.raises(StoreError, match="specification of 0a1b2c cannot be written as JSON"):
        write_result(results, make_spec(spec={"rate": math.nan}), make_tables())
    assert everything_in(results) == []


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)
@given(spec=st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_a_specification_keeps_every_digit_and_letter(tmp_path_factory, spec):
    results = tmp_path_factory.mktemp("results")
    given_spec = ResultSpec("k", "finetune", "ä/β", 1, spec)

    path = write_result(results, given_spec, ResultTables())

    assert read_result(path).spec == given_spec


def _unlink(name):
    return lambda path: (path / name).unlink()


def _edit(name, field, value):
    def edit(path):
        document = json.loads((path / name).read_text())
        document[field] = value
        (path / name).write_text(json.dumps(document))

    return edit


DAMAGES = {
    "missing table": (_unlink("metrics.parquet"), "metrics.parquet is missing"),
    "missing weights": (_unlink("weights.safetensors"), "weights.safetensors is missing"),
    "missing manifest": (_unlink("manifest.json"), "Cannot read"),
    "changed bytes": (
        lambda path: (path / "weights.safetensors").write_bytes(b"\1" * 64),
        "weights.safetensors has another SHA-256",
    ),
    "changed specification": (
        lambda path: (path / "spec.json").write_bytes(
            (path / "spec.json").read_bytes().replace(b"32", b"23")
        ),
        "spec.json has another SHA-256",
    ),
    "truncated weights": (
        lambda path: (path / "weights.safetensors").write_bytes(b"\0" * 63),
        "weights.safetensors has 63 bytes, not 64",
    ),
    "stranger": (
        lambda path: (path / "notes.txt").write_text("mine"),
        "notes.txt is no file of this result",
    ),
    "torn table": (
        lambda path: (path / "history.parquet").write_bytes(b"PAR1"),
        "history.parquet cannot be read",
    ),
    "newer format": (_edit("spec.json", "format", 99), "format version 99"),
    "no format": (_edit("manifest.json", "format", None), "format version None"),
    "other key": (_edit("manifest.json", "key", "fff"), "manifest.json fff"),
    "not JSON": (lambda path: (path / "spec.json").write_text("{"), "not valid JSON"),
    "not listed": (_edit("manifest.json", "files", {}), "does not list spec.json"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_check_finds_damage(written, damage):
    do, expected = DAMAGES[damage]
    do(written)

    assert any(expected in problem for problem in check_result(written))


def test_a_check_finds_a_result_in_another_folder(written):
    moved = written.rename(written.with_name("ffff"))

    assert check_result(moved) == ["folder ffff holds the result of key 0a1b2c"]


def test_a_file_that_a_system_drops_into_a_folder_is_no_damage(written):
    (written / ".DS_Store").write_bytes(b"")

    assert check_result(written) == []


def test_a_check_of_nothing_says_so(tmp_path):
    assert check_result(tmp_path / "absent") == [f"{tmp_path / 'absent'} is not a folder"]


def test_a_check_can_leave_large_files_unread(written):
    (written / "weights.safetensors").write_bytes(b"\1" * 64)

    assert check_result(written, only={"metrics.parquet"}) == []


KILLED_WHILE_WRITING = """
    import os, signal, sys
    from pathlib import Path
    from mpcs_bench.records import ResultSpec, ResultTables, write_result

    def die(path):
        path.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    spec = ResultSpec("killed", "finetune", "s", 1, {})
    write_result(Path(sys.argv[1]), spec, ResultTables(), files={"weights.safetensors": die})
"""


def test_a_killed_writer_leaves_no_result_and_its_temporary_is_swept(results):
    script = textwrap.dedent(KILLED_WHILE_WRITING)
    done = subprocess.run([sys.executable, "-c", script, str(results)], check=False)
    assert done.returncode == -9

    assert list_results(results) == []
    assert len(everything_in(results)) == 1
    assert len(sweep_temporaries(results)) == 1
    assert everything_in(results) == []


def test_temporaries_of_the_living_and_of_other_hosts_stay(results):
    seen = []

    def sweep_meanwhile(path: Path) -> None:
        seen.extend(sweep_temporaries(results))
        path.write_bytes(b"weights")

    (results / ".tmp-far-999999-00000000.7.0").mkdir(parents=True)
    spec = ResultSpec("alive", "finetune", "s", 1, {})
    path = write_result(results, spec, ResultTables(), files={"w.bin": sweep_meanwhile})

    assert seen == []
    assert check_result(path) == []
    assert (results / ".tmp-far-999999-00000000.7.0").is_dir()


RACING = """
    import sys
    from pathlib import Path
    from mpcs_bench.records import ResultSpec, ResultTables, write_result

    sys.stdin.readline()
    for number in range(20):
        spec = ResultSpec(f"k{number}", "finetune", sys.argv[2], 1, {})
        write_result(Path(sys.argv[1]), spec, ResultTables())
"""


def test_two_processes_that_finish_the_same_stage_leave_one_whole_result(results):
    script = textwrap.dedent(RACING)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(results), name], stdin=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    for racer in racers:
        racer.communicate("go\n", timeout=60)
    assert [racer.returncode for racer in racers] == [0, 0]

    assert len(list_results(results)) == 20
    assert [check_result(results / key) for key in list_results(results)] == [[]] * 20
    assert len(everything_in(results)) == 20
