"""A warm worker on a node of the cluster: it runs one stage after another."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import threading
from dataclasses import replace

from mpcs_bench.engine.events import Failed, Finished, Left, failed
from mpcs_bench.engine.ray.code_identity import code_identity
from mpcs_bench.engine.ray.delivery import Packed, pack
from mpcs_bench.engine.ray.file_server import RemoteFiles
from mpcs_bench.engine.ray.messages import Answer, Hello, Order
from mpcs_bench.engine.ray.news import News
from mpcs_bench.engine.ray.node_folder import NodeFolder
from mpcs_bench.engine.ray.resources import uses_gpu
from mpcs_bench.engine.ray.sharing import sees
from mpcs_bench.errors import StoreError
from mpcs_bench.records.process import host_name
from mpcs_bench.stages.job import StageJob, Tick

NEWS, ORDERS = "news", "orders"
"""Threads beside the one that runs stages: one for questions, one for orders."""


class StageActor:
    """Runs stages for one driver; `run` in a thread of its own, so that the others answer."""

    def __init__(self) -> None:
        self._news = News()
        self._leaving = threading.Event()
        self._tick: Tick | None = None
        self._folder: NodeFolder | None = None

    def hello(self) -> Hello:
        """Say where this is and which code it runs."""
        import ray

        context = ray.get_runtime_context()
        return Hello(
            pid=os.getpid(),
            host=host_name(),
            node=context.get_node_id(),
            gpus=tuple(map(str, context.get_accelerator_ids().get("GPU", ()))),
            code=code_identity(),
        )

    def news(self) -> tuple[str, Tick] | None:
        """Wait for progress and return stage and tick; None where there is nothing to say."""
        return self._news.next()

    def leave(self) -> None:
        """Let the running stage write a checkpoint and stop."""
        self._leaving.set()

    def run(self, order: Order) -> Answer:
        """Run a stage; whatever goes wrong with it comes back as `Failed` and is not raised."""
        self._tick = None
        try:
            return self._answer(order)
        finally:
            self._news.end()
            _release_memory()

    def _answer(self, order: Order) -> Answer:
        job = order.job
        try:
            in_place = order.token is not None and sees(order.token)
            here = self._here(order, in_place=in_place)
            event = self._executed(here)
        except MemoryError:
            text = f"{job.symbolic}: the machine {host_name()} is out of memory."
            return Answer(Failed(job.key, text), self._tick)
        except Exception as error:
            return Answer(failed(job, error), self._tick)
        folders = {} if in_place else _left_behind(here, event)
        return Answer(event, self._tick, in_place, folders)

    def _here(self, order: Order, *, in_place: bool) -> StageJob:
        """Return the job as it runs on this machine."""
        job = order.job if order.job.device == "cpu" else _on_own_device(order.job)
        elsewhere = [file for file in order.files if file.place is None]
        if in_place and not elsewhere:
            return job
        if order.files_at is None:
            raise StoreError(
                f"A worker on the driver's own machine cannot write the workspace {job.workspace}.",
                hint="Let Ray and the driver run as one user, in one container.",
            )
        if self._folder is None:
            self._folder = NodeFolder(order.node_folder, RemoteFiles(order.files_at))
            self._folder.sweep()
        if in_place:
            return self._folder.locate(job, elsewhere)
        return self._folder.prepare(job, order.files, order.origin)

    def _executed(self, job: StageJob) -> Finished | Left:
        from mpcs_bench.stages.execute import execute
        from mpcs_bench.stages.watch import StageInterrupted, Watch

        def report(tick: Tick) -> None:
            self._tick = tick
            self._news.tell(job.key, tick)

        try:
            watch = Watch(report, self._leaving.is_set, job.checkpoint_seconds)
            return Finished(job.key, execute(job, watch))
        except StageInterrupted as interrupted:
            return Left(job.key, interrupted.done, interrupted.total)


def _on_own_device(job: StageJob) -> StageJob:
    """Ray shows a worker its own GPU alone, which is number 0 then; none to what needs none."""
    return replace(job, device="cuda" if uses_gpu(job) else "cpu")


def _left_behind(job: StageJob, event: Finished | Left) -> dict[str, Packed]:
    """Return what has to go to the driver, by folder name; a result does not stay here.

    What stayed could come back for a stage that is to be computed anew.
    """
    if isinstance(event, Finished):
        folder = job.results / job.key
        packed = pack(folder)
        shutil.rmtree(folder, ignore_errors=True)
        return {folder.name: packed}
    checkpoints = job.checkpoints
    numbered = [path for path in checkpoints.glob("*") if path.name.isdecimal()]
    newest = max(numbered, key=lambda path: int(path.name), default=None)
    return {} if newest is None else {newest.name: pack(newest)}


def _release_memory() -> None:
    """Give back what torch keeps of the GPU: the next stage of another worker may need it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()
