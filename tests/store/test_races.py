"""A database that another process made meanwhile is not replaced: what stands only there stays."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from mpcs_bench.store import Retry, VerdictRow
from mpcs_bench.store.locking import held, number_of

LATE = """
    import sys
    from pathlib import Path

    from mpcs_bench.store import Retry, Store

    module = sys.modules["mpcs_bench.store.rebuild"]
    swept = module.sweep_temporaries

    def wait(workspace):
        swept(workspace)
        print("began", flush=True)
        sys.stdin.readline()

    module.sweep_temporaries = wait
    store = Store(Path(sys.argv[1]), Retry(wait=30))
    store.digest() if sys.argv[2] == "read" else store.rebuild()
"""
NOON = datetime(2025, 1, 2, 12, 0, tzinfo=UTC)


def save_verdict(workspace):
    workspace.store.save_verdicts([VerdictRow(source="a", verdict="equivalent", computed_at=NOON)])


@pytest.mark.parametrize("begins", ["read", "rebuild"])
def test_a_slow_maker_leaves_what_a_faster_one_has_made_and_filled(workspace, start, begins):
    workspace.result(0)
    workspace.store.path.unlink()
    with start(LATE, workspace.path, begins) as late:
        assert late.stdout.readline() == "began\n"
        save_verdict(workspace)
        late.communicate("go\n", timeout=60)

    assert late.returncode == 0
    assert workspace.store.query("SELECT source FROM verdicts")[1] == [("a",)]


def test_a_rebuild_leaves_what_took_the_place_of_the_one_it_was_to_replace(
    workspace, make_workspace, start
):
    other = make_workspace("other")
    save_verdict(other)
    with start(LATE, workspace.path, "rebuild") as late:
        assert late.stdout.readline() == "began\n"
        other.store.path.replace(workspace.store.path)
        late.communicate("go\n", timeout=60)

    assert late.returncode == 0
    assert workspace.store.query("SELECT source FROM verdicts")[1] == [("a",)]


WRITER = """
    import sys
    from pathlib import Path
    from mpcs_bench.store import Retry, Store

    try:
        Store(Path(sys.argv[1]), Retry(wait=0.1)).commit()
    except Exception as error:
        print(type(error).__name__)
"""


def test_the_lock_is_of_the_file_that_has_the_name_when_the_wait_is_over(
    workspace, make_workspace, held_open, start
):
    path, other = workspace.store.path, make_workspace("other").store.path
    new = number_of(other)

    def hold():
        with held(path, Retry(wait=30)) as number:
            said = start(WRITER, workspace.path).communicate(timeout=60)[0].strip()
            return number, said

    with ThreadPoolExecutor(1) as pool:
        with held_open(path, "write"):
            holding = pool.submit(hold)
            time.sleep(0.3)  # it waits for the old file
            other.replace(path)
        number, said = holding.result()

    assert number == new
    assert said == "StoreBusy"
