"""A driver in a process of its own: plans a protocol, runs it, prints what came of it as JSON.

Arguments: protocol, workspace, and the options of the Ray executor as JSON (null: worker
processes of this machine).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mpcs_bench import api
from mpcs_bench.engine.executor import Executor
from mpcs_bench.engine.pool import WorkerPool
from mpcs_bench.engine.ray import RayOptions, ray_executor
from mpcs_bench.engine.running import Run
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError
from mpcs_bench.store import Store


class Silent:
    """An observer that keeps remarks for the end."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def preparing(self, *_: Any) -> None: ...
    def expect(self, *_: Any) -> None: ...
    def started(self, *_: Any) -> None: ...
    def progress(self, *_: Any) -> None: ...
    def finished(self, *_: Any) -> None: ...
    def failed(self, *_: Any) -> None: ...


def main(protocol: str, folder: str, given: str) -> int:
    """Run and return the exit status."""
    options = json.loads(given)
    workspace = Workspace(Path(folder))
    plan = api.plan([protocol], workspace, api.Options(device="cpu"))

    def executor(stages: int) -> Executor:
        if options is None:
            return WorkerPool(min(2, stages), plan.threads)
        return ray_executor(RayOptions(**options), threads=plan.threads, device=plan.device)

    observer = Silent()
    try:
        with workspace.lock():
            outcome = Run(plan, workspace, executor, observer, checkpoint_seconds=0.5).execute()
    except KeyboardInterrupt:
        return 130
    except BenchError as error:
        print(str(error), file=sys.stderr)
        return int(error.exit_code)
    told = {
        "done": outcome.done,
        "already": outcome.already,
        "failed": outcome.failed,
        "notes": observer.notes,
        "digest": Store(workspace.root).digest(),
    }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
