"""The workspace: one run at a time, and a lock that dies with its holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import StoreError

HOLD = (
    "import sys; from pathlib import Path; from mpcs_bench.engine.workspace import Workspace\n"
    "with Workspace(Path(sys.argv[1])).lock():\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


def test_a_second_run_is_told_who_holds_the_workspace(workspace: Workspace) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(StoreError, match=f"process {holder.pid} on"), workspace.lock():
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    with workspace.lock():
        pass


def test_a_file_in_the_way_is_no_workspace(tmp_path: object) -> None:
    from pathlib import Path

    place = Path(str(tmp_path)) / "file"
    place.write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Workspace(place).create()
