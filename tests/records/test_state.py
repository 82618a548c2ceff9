"""Stage states survive their process, and tell the living from the dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.records import StageState, read_states, write_state

NEEDS_PROC = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="no /proc: a reused pid cannot be told"
)


def running(key="k1", **changes) -> StageState:
    return StageState(
        **({"key": key, "symbolic": "s", "state": "running", "pid": os.getpid()} | changes)
    )


def test_states_are_read_as_they_were_written(tmp_path):
    failed = StageState(
        key="k2",
        symbolic="fold=1",
        state="failed",
        reason="new",
        error="the loss is NaN",
        traceback="Traceback ...",
        started="2026-01-02T03:04:05.000+00:00",
        updated="2026-01-02T03:05:05.000+00:00",
    )
    write_state(tmp_path, failed)

    assert read_states(tmp_path) == {"k2": failed}


def test_the_last_state_counts(tmp_path):
    write_state(tmp_path, running())
    write_state(tmp_path, running(state="done"))

    assert read_states(tmp_path)["k1"].state == "done"
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["k1.json"]


def test_a_workspace_without_states_has_none(tmp_path):
    assert read_states(tmp_path) == {}


def test_a_running_stage_whose_process_lives_is_running(tmp_path):
    write_state(tmp_path, running())

    state = read_states(tmp_path)["k1"]
    assert state.state == "running"
    assert state.host is not None
    assert state.updated is not None


def test_a_running_stage_whose_process_ended_is_interrupted(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_state(tmp_path, running(pid=process.pid))
    assert read_states(tmp_path)["k1"].state == "running"

    process.kill()
    process.wait()

    state = read_states(tmp_path)["k1"]
    assert state.state == "interrupted"
    assert str(process.pid) in state.reason


@NEEDS_PROC
def test_a_killed_process_that_nobody_collected_counts_as_ended(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_state(tmp_path, running(pid=process.pid))
    process.kill()
    # WNOWAIT: wait for the end, but leave the zombie.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert read_states(tmp_path)["k1"].state == "interrupted"
    process.wait()


@NEEDS_PROC
def test_another_process_with_the_same_pid_is_not_taken_for_ours(tmp_path):
    write_state(tmp_path, running(pid_started=1, host=os.uname().nodename))

    assert read_states(tmp_path)["k1"].state == "interrupted"


def test_a_process_on_another_host_is_believed(tmp_path):
    write_state(tmp_path, running(pid=999_999_999, host="elsewhere.example"))

    assert read_states(tmp_path)["k1"].state == "running"


def test_a_failure_of_an_ended_process_stays_a_failure(tmp_path):
    write_state(tmp_path, running(state="failed", pid=999_999_999))

    assert read_states(tmp_path)["k1"].state == "failed"


def test_an_unknown_state_is_refused(tmp_path):
    with pytest.raises(StoreError, match="'finished' is no state"):
        write_state(tmp_path, running(state="finished"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "format version 99"),
        ({"state": "finished"}, "'finished' is no state"),
        ({"key": "other"}, "holds the state of another stage"),
    ],
)
def test_a_damaged_state_is_named_with_its_file(tmp_path, change, message):
    path = write_state(tmp_path, running())
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(StoreError, match=message) as caught:
        read_states(tmp_path)
    assert str(path) in str(caught.value)
