"""A Ray of this machine, and jobs for it from the tiny protocol."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mpcs_bench import api
from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.working import working_frames
from mpcs_bench.engine.events import Event
from mpcs_bench.engine.executor import Executor
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.stages.job import StageJob

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_memory_monitor_refresh_ms": "0",
}
os.environ.update(QUIET)  # ray reads some of it when it is imported


@pytest.fixture(scope="session")
def ray_here() -> Iterator[None]:
    """A Ray of this machine with 4 CPUs and a GPU, as far as it knows."""
    ray = pytest.importorskip("ray")
    ray.init(
        "local",
        num_cpus=4,
        num_gpus=1,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def planned(
    tmp_path_factory: pytest.TempPathFactory, tiny_text: str
) -> tuple[Workspace, list[StageJob]]:
    """A workspace with data made ready and nothing run, and its jobs; not to be changed."""
    folder = tmp_path_factory.mktemp("planned")
    protocol = folder / "tiny.yaml"
    protocol.write_text(tiny_text)
    workspace = Workspace(folder / "workspace")
    plan = api.plan([str(protocol)], workspace, api.Options(device="cpu"))
    jobs = [stage.job for stage in plan.stages if stage.job is not None]
    index = SampleIndex.read(workspace.cache, jobs[0].fingerprint)
    working_frames(index, jobs[0].image_size, workspace.cache)
    return workspace, jobs


@pytest.fixture
def jobs(planned: tuple[Workspace, list[StageJob]], tmp_path: Path) -> list[StageJob]:
    """The jobs of the tiny protocol, in a workspace of the test's own."""
    workspace, found = planned
    own = tmp_path / "workspace"
    shutil.copytree(workspace.root, own)
    return [replace(job, workspace=str(own)) for job in found]


@pytest.fixture
def pretraining(jobs: list[StageJob]) -> StageJob:
    """A pre-training of two epochs."""
    return next(job for job in jobs if job.kind == "pretrain")


@pytest.fixture
def finetuning(jobs: list[StageJob], pretraining: StageJob) -> StageJob:
    """A fine-tuning of what `pretraining` leaves."""
    return next(job for job in jobs if job.upstream_key == pretraining.key)


@pytest.fixture
def endless(pretraining: StageJob) -> StageJob:
    """A pre-training that never ends by itself."""
    return replace(pretraining, spec={**pretraining.spec, "epochs": 10**6}, key="endless")


Follow = Callable[..., list[Event]]


@pytest.fixture(scope="session")
def follow() -> Follow:
    """Collect the events of an executor until nothing runs, or `until` says of one: enough."""

    def collect(
        executor: Executor,
        until: Callable[[Event], bool] = lambda event: False,
        seconds: float = 120,
    ) -> list[Event]:
        end, seen = time.monotonic() + seconds, []
        while True:
            for event in executor.events(0.1):
                seen.append(event)
                if until(event):
                    return seen
            if not executor.running:
                return [*seen, *executor.events(0)]
            assert time.monotonic() < end, seen

    return collect
