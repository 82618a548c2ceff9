"""Does upkeep in copies of a workspace and kills itself (-9) before a given change to its files.

Arguments: `gc` or `invalidate:KEY`, then `WORKSPACE=N` each: the N-th rename or removal in that
workspace does not happen. Prints, as a JSON list, whether each was killed. One process a copy is
forked from this one, which has imported everything and opened nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pyarrow.parquet  # noqa: F401 (imported before the fork)

from mpcs_bench import api
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.store import Store  # noqa: F401
from mpcs_bench.upkeep import collecting, invalidating, selection  # noqa: F401

CHANGES = {"os.rename", "os.remove", "os.rmdir"}


def _act(what: str, workspace: Workspace) -> None:
    if what == "gc":
        api.collect(workspace, api.garbage(workspace))
    else:
        key = what.partition(":")[2]
        api.invalidate(workspace, api.invalidation(workspace, [key]))


def _child(what: str, root: str, moment: int) -> None:
    seen = 0

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        # Within a folder that is emptied, names stand relative to it.
        if event in CHANGES and (root in str(arguments[0]) or arguments[-1] != -1):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    _act(what, Workspace(Path(root)))


def _was_killed(what: str, root: str, moment: int) -> bool:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _child(what, root, moment)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    assert os.WEXITSTATUS(status) == 0
    return False


def main() -> None:
    what, *copies = sys.argv[1:]
    killed = []
    for copy in copies:
        root, _, moment = copy.rpartition("=")
        killed.append(_was_killed(what, root, int(moment)))
    print(json.dumps(killed))


if __name__ == "__main__":
    main()
