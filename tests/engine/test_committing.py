"""The committer: what cannot go in now waits, and what comes together goes in together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mpcs_bench.engine import committing
from mpcs_bench.engine.committing import Committer
from mpcs_bench.records import ResultSpec, ResultTables, StageState, write_result
from mpcs_bench.store import Retry, Store

HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held_open(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the database open."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.communicate("done\n", timeout=30)


def result(root: Path, number: int) -> Path:
    spec = ResultSpec(f"k{number}", "finetune", f"s{number}", 1, {}, {"fold": number})
    return write_result(root / "results", spec, ResultTables())


def stages(root: Path) -> dict[str, str]:
    return dict(Store(root).query("SELECT key, state FROM stages")[1])


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def committer(tmp_path: Path, notes: list[str]) -> Committer:
    Store(tmp_path).commit(results=[result(tmp_path, 0)])
    return Committer(tmp_path, notes.append)


def test_results_that_come_soon_after_a_commit_go_in_together(
    committer: Committer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []
    commit = Store.commit

    def counted(store: Store, **given):
        report = commit(store, **given)
        commits.append(len(report.added))
        return report

    monkeypatch.setattr(Store, "commit", counted)
    monkeypatch.setattr(committing, "SHARE", 1e-6)
    monkeypatch.setattr(committing, "LONGEST", 60.0)
    for number in range(1, 6):
        committer.state(StageState(f"k{number}", "s", "done"))
        committer.result(result(tmp_path, number))
        committer.flush()

    assert commits == [1]
    assert committer.waiting == 4
    assert committer.flush(final=True)
    assert commits == [1, 4]
    assert committer.waiting == 0
    assert set(stages(tmp_path).values()) == {"done"}


def test_while_somebody_holds_the_database_results_wait_and_it_is_said_once(
    committer: Committer, tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "IN_PASSING", Retry(wait=0.05))
    monkeypatch.setattr(committing, "PAUSE", 0.0)
    with held_open(tmp_path / "bench.duckdb") as holder:
        for number in range(1, 4):
            for state in ("running", "done"):
                committer.state(StageState(f"k{number}", "s", state))  # type: ignore[arg-type]
            committer.result(result(tmp_path, number))
            assert not committer.flush()
        assert committer.waiting == 3
        assert len(notes) == 1
        assert f"process {holder.pid}" in notes[0]

    assert committer.flush()
    assert committer.waiting == 0
    assert stages(tmp_path) == dict.fromkeys(["k0", "k1", "k2", "k3"], "done")


def test_the_last_commit_names_the_holder_before_it_waits_for_it(
    committer: Committer, tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "IN_PASSING", Retry(wait=0.05))
    committer.result(result(tmp_path, 1))
    with held_open(tmp_path / "bench.duckdb") as holder:

        def let_go(text: str) -> None:
            notes.append(text)
            assert holder.stdin is not None
            holder.stdin.write("done\n")
            holder.stdin.flush()

        monkeypatch.setattr(committer, "_note", let_go)
        assert committer.flush(final=True)

    assert len(notes) == 1
    assert f"process {holder.pid}" in notes[0]
    assert "Waiting for it" in notes[0]
    assert stages(tmp_path) == {"k0": "done", "k1": "done"}


def test_the_last_commit_gives_up_in_the_end_and_says_what_waits(
    committer: Committer, tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "IN_PASSING", Retry(wait=0.05))
    monkeypatch.setattr(committing, "AT_THE_END", Retry(wait=0.1))
    committer.result(result(tmp_path, 1))
    with held_open(tmp_path / "bench.duckdb") as holder:
        assert not committer.flush(final=True)

    assert all(f"process {holder.pid}" in note for note in notes)
    assert "Results wait on disk" in notes[-1]
    assert committer.waiting == 1


def test_a_stage_waits_once_however_often_its_state_changes(
    committer: Committer, tmp_path: Path, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held grows with the stages of a run, not with what happens to them."""
    monkeypatch.setattr(committing, "IN_PASSING", Retry(wait=0.0))
    with held_open(tmp_path / "bench.duckdb"):
        for attempt in range(50):
            committer.state(StageState("k1", "s", "running", reason=str(attempt)))
            committer.result(tmp_path / "results" / "k0")
            committer.flush()
        assert len(committer._states) == 1
        assert committer.waiting == 1
    assert len(notes) == 1


def test_a_damaged_database_is_mended_in_the_middle_of_a_run(
    committer: Committer, tmp_path: Path, notes: list[str]
) -> None:
    (tmp_path / "bench.duckdb").write_bytes(b"rot")
    committer.result(result(tmp_path, 1))

    assert committer.flush(final=True)

    assert stages(tmp_path) == {"k0": "done", "k1": "done"}
    (aside,) = tmp_path.glob("bench.duckdb.damaged-*")
    assert aside.read_bytes() == b"rot"
    assert len(notes) == 1
    assert aside.name in notes[0]


def test_a_state_that_cannot_be_written_stops_nothing_and_is_written_later(
    committer: Committer, tmp_path: Path, notes: list[str]
) -> None:
    (tmp_path / "states").write_text("in the way")  # no folder can be made here
    committer.state(StageState("k1", "s", "failed", error="the disk is full"))
    committer.state(StageState("k2", "s", "running"))
    assert len(notes) == 1
    assert "The run goes on, and tries again" in notes[0]
    (tmp_path / "states").unlink()
    committer.flush(final=True)
    assert {path.stem for path in (tmp_path / "states").glob("*.json")} == {"k1", "k2"}
