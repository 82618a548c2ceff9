"""The cluster that this process has joined: its nodes, and what they cannot do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cached_property

from mpcs_bench.engine.ray.code_identity import code_identity
from mpcs_bench.engine.ray.connection import answers, connect, disconnect, gcs_address
from mpcs_bench.engine.ray.messages import Hello
from mpcs_bench.engine.ray.options import RayOptions
from mpcs_bench.engine.ray.resources import Node, Request, capacity, hopeless
from mpcs_bench.errors import BenchError, ExitCode

LOOK_SECONDS = 2.0
"""How old what is known of the nodes may be."""

LOST_SECONDS = 20.0
"""How long the head may be silent. Ray itself ends a process without a word after a minute."""


class ClusterLostError(BenchError):
    """The head of the cluster is gone: as after an interrupt, running again goes on."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, address: str) -> None:
        super().__init__(
            f"The head of the Ray cluster, {address}, has not answered for {LOST_SECONDS:g} s.",
            hint="What was finished is kept. Start the cluster again, and run the same command: "
            "it goes on from there.",
        )


class Cluster:
    """Joins the cluster of `options`; raises BenchError as `connect` does."""

    def __init__(self, options: RayOptions) -> None:
        self._connection = connect(options.address)
        self._patience = 0.0 if self._connection.alone else options.wait_for_nodes
        self._head = gcs_address()
        self._nodes: list[Node] = []
        self._looked = float("-inf")
        self._answered = time.monotonic()
        self._hopeless_since: dict[Request, float] = {}

    @property
    def nodes(self) -> list[Node]:
        """Return the living nodes, as they were `LOOK_SECONDS` ago at most.

        Raises ClusterLostError where the head has not answered for `LOST_SECONDS`.
        """
        import ray

        now = time.monotonic()
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            if answers(self._head):
                self._answered = now
                self._nodes = [
                    Node(node["NodeID"], node["NodeManagerHostname"], node["Resources"])
                    for node in ray.nodes()
                    if node["Alive"]
                ]
            elif now - self._answered > LOST_SECONDS:
                raise ClusterLostError(self._head)
        return self._nodes

    @property
    def lost(self) -> bool:
        """Say whether the head did not answer the last time that it was asked."""
        return self._answered < self._looked

    @cached_property
    def own_node(self) -> str:
        """Return the id of the node that this process is on."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    @property
    def has_gpu(self) -> bool:
        """Say whether any node has a GPU."""
        return any(node.has.get("GPU", 0.0) > 0 for node in self.nodes)

    def capacity(self, request: Request) -> int:
        """Return how many times `request` fits the cluster when nothing else runs on it."""
        return capacity(self.nodes, request)

    def require(self, request: Request) -> None:
        """Raise BenchError where no node can meet `request`, and none is waited for."""
        error = hopeless(self.nodes, request)
        if error is not None and not self._patience:
            raise error

    def check(self, requests: Iterable[Request]) -> None:
        """Raise BenchError where one of the `requests` that wait has been hopeless too long.

        Raises ClusterLostError as `nodes` does.
        """
        nodes, now = self.nodes, time.monotonic()
        for request in set(requests):
            error = hopeless(nodes, request)
            if error is None:
                self._hopeless_since.pop(request, None)
            elif now - self._hopeless_since.setdefault(request, now) > self._patience:
                raise error

    @staticmethod
    def require_code(hello: Hello) -> None:
        """Raise BenchError where a worker runs other code than this process."""
        found = code_identity().differences(hello.code)
        if found:
            raise BenchError(
                f"The node {hello.host} runs other code than the driver: {'; '.join(found)}.",
                hint="Install the same mpcs-bench and the same packages on every node: numbers "
                "of one table must come from one build.",
            )

    def leave(self) -> None:
        """End the connection, where this made it."""
        if self._connection.ours:
            disconnect()
