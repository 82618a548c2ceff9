"""Several processes, and processes that die: nothing is lost and nothing comes twice."""

from __future__ import annotations

import random
import shutil
import signal
import sys
import time

import pytest

from mpcs_bench.store import Retry, Store, StoreBusy, rebuild

COMMITTER = """
    import sys
    from pathlib import Path
    from mpcs_bench.store import Store

    workspace = Path(sys.argv[1])
    print("ready", flush=True)
    store = Store(workspace)
    for path in store.uncommitted():
        store.commit(results=[path])
        print(path.name, flush=True)
"""

POLLER = """
    import sys, time
    from pathlib import Path
    from mpcs_bench.store import Store

    store, last, seen = Store(Path(sys.argv[1])), 0, 0
    while last < int(sys.argv[2]):
        (count, whole), = store.query(
            "SELECT count(*), count(*) FILTER (n = 60) FROM "
            "(SELECT cell_id, count(*) AS n FROM predictions GROUP BY cell_id)"
        )[1]
        assert count == whole, "a reader saw half a commit"
        assert count >= last, "a reader saw a commit vanish"
        last, seen = count, seen + 1
        time.sleep(0.002)
    print(seen, flush=True)
"""


@pytest.mark.parametrize("mode", ["write", "read"])
def test_a_commit_names_who_holds_the_database_and_succeeds_later(workspace, mode, held_open):
    workspace.store.commit(results=[workspace.result(0)])
    store = Store(workspace.path, Retry(wait=0.2))
    new = workspace.result(1)

    with held_open(store.path, mode) as holder:
        with pytest.raises(StoreBusy, match=f"process {holder.pid}") as caught:
            store.commit(results=[new])
        assert caught.value.pid == holder.pid
        assert "duckdb.connect" in caught.value.command
        assert "nothing is lost" in caught.value.hint

    assert store.uncommitted() == [new]
    assert store.commit(results=store.uncommitted()).added == (new.name,)
    assert store.query("SELECT count(*) FROM cells")[1] == [(2,)]


def test_a_query_names_who_writes_and_succeeds_later(workspace, held_open):
    workspace.store.commit(results=[workspace.result(0)])
    store = Store(workspace.path, Retry(wait=0.2))

    with (
        held_open(store.path, "write") as holder,
        pytest.raises(StoreBusy, match=f"process {holder.pid}"),
    ):
        store.query("SELECT 1")
    assert store.query("SELECT count(*) FROM cells")[1] == [(1,)]


def test_a_rebuild_waits_for_whoever_holds_the_database(workspace, held_open):
    workspace.store.commit(results=[workspace.result(0)])
    before = workspace.store.path.read_bytes()

    with held_open(workspace.store.path, "read") as holder:
        with pytest.raises(StoreBusy, match=f"process {holder.pid}"):
            rebuild(workspace.path, Retry(wait=0.2))
        assert workspace.store.path.read_bytes() == before
    assert rebuild(workspace.path).added == (workspace.key(0),)


def test_a_commit_waits_for_a_holder_that_lets_go(workspace, start, holder_script):
    workspace.store.commit(results=[workspace.result(0)])
    new = workspace.result(1)
    with start(holder_script, workspace.store.path, "write") as holder:
        assert holder.stdout.readline() == "open\n"
        holder.stdin.write("done\n")
        holder.stdin.close()

        assert Store(workspace.path, Retry(wait=30)).commit(results=[new]).added == (new.name,)


def test_a_connection_of_this_process_is_waited_for_too(workspace):
    workspace.store.commit(results=[workspace.result(0)])
    store = Store(workspace.path, Retry(wait=0.1))

    with store.reader(), pytest.raises(StoreBusy, match="another connection"):
        store.commit(results=[workspace.result(1)])
    assert store.commit(results=[workspace.result(1)]).added == (workspace.key(1),)


def test_readers_poll_while_results_are_committed(workspace, start):
    paths = [workspace.result(fold) for fold in range(12)]
    store = Store(workspace.path, Retry(wait=30))
    with start(POLLER, workspace.path, len(paths)) as poller:
        for path in paths:
            store.commit(results=[path])
        output, _ = poller.communicate(timeout=60)

    assert poller.returncode == 0
    assert int(output) > 0
    assert store.query("SELECT count(*) FROM predictions")[1] == [(60 * len(paths),)]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_commits_survive_being_killed(workspace, start):
    """Ten kills at random moments; what was reported is there, whole and once."""
    expected = {}
    for fold in range(60):
        path = workspace.result(fold, images=2)
        expected[path.name] = 2 * sum(2 + patient for patient in range(5))
    chance = random.Random(20230107)
    reported: set[str] = set()
    interrupted = 0

    for _ in range(10):
        with start(COMMITTER, workspace.path) as child:
            assert child.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.3))
            interrupted += child.poll() is None
            child.send_signal(signal.SIGKILL)
            reported |= set(child.stdout.read().split())

        _, rows = workspace.store.query(
            "SELECT key, (SELECT count(*) FROM predictions p WHERE p.stage_id = s.stage_id), "
            "(SELECT count(*) FROM metrics m WHERE m.stage_id = s.stage_id), "
            "(SELECT count(*) FROM history h WHERE h.stage_id = s.stage_id) "
            "FROM stages s WHERE finished IS NOT NULL"
        )
        assert {key: n for key, n, *_ in rows} == {key: expected[key] for key, *_ in rows}
        assert all((metrics, history) == (4, 3) for *_, metrics, history in rows)
        assert reported <= {key for key, *_ in rows}

    assert interrupted > 0
    workspace.store.commit(results=workspace.store.uncommitted())
    survived = workspace.store.digest()
    shutil.copytree(workspace.path / "results", workspace.path / "fresh" / "results")
    assert Store(workspace.path / "fresh").digest() == survived
