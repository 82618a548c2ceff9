"""Orders for workers: the stage, the files it reads, and how to come by them."""

from __future__ import annotations

import contextlib
from typing import Any

from mpcs_bench.engine.ray.cluster import Cluster
from mpcs_bench.engine.ray.file_server import FileServer
from mpcs_bench.engine.ray.job_files import job_files
from mpcs_bench.engine.ray.messages import Order
from mpcs_bench.engine.ray.options import RayOptions
from mpcs_bench.engine.ray.sharing import Token, write_token
from mpcs_bench.records.process import host_name
from mpcs_bench.stages.job import StageJob


class Orders:
    """Writes orders; starts the file server once a worker may not see the driver's files."""

    def __init__(self, options: RayOptions, cluster: Cluster) -> None:
        self._options, self._cluster = options, cluster
        self._tokens: dict[str, Token] = {}
        self._server: Any = None

    def order(self, job: StageJob, node: str) -> Order:
        """Return the order to run `job` on `node`.

        Raises DataError, StoreError where its inputs cannot be read.
        """
        at_home = self._options.in_place and node == self._cluster.own_node
        return Order(
            job=job,
            files=() if at_home else job_files(job),
            origin=f"{host_name()}:{job.workspace}",
            token=self._token(job.workspace) if self._options.in_place else None,
            node_folder=self._options.node_folder,
            files_at=None if at_home else self._files_at(),
        )

    def close(self) -> None:
        """End the file server."""
        import ray

        if self._server is not None:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(self._server)
            self._server = None

    def _token(self, workspace: str) -> Token:
        if workspace not in self._tokens:
            self._tokens[workspace] = write_token(workspace)
        return self._tokens[workspace]

    def _files_at(self) -> Any:
        if self._server is None:
            self._server = _start_server(self._cluster.own_node)
        return self._server


def _start_server(node: str) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    actor_class: Any = ray.remote(FileServer)
    return actor_class.options(
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
    ).remote()
