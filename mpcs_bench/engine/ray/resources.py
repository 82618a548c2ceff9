"""What a stage asks of a cluster, and whether the cluster has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mpcs_bench.engine.ray.options import RayOptions
from mpcs_bench.errors import BenchError
from mpcs_bench.stages.job import StageJob

_TOO_SMALL = 1e-4  # Ray counts resources in ten-thousandths


@dataclass(frozen=True, slots=True)
class Request:
    """What one stage holds while it runs: CPUs, GPUs, bytes, further resources.

    Each of its `processes` has `threads` CPU threads; `gpus` counts for all of them.
    """

    threads: int = 1
    gpus: float = 0.0
    memory: int | None = None
    others: tuple[tuple[str, float], ...] = ()
    processes: int = 1

    @property
    def cpus(self) -> int:
        """Return the CPUs of all its processes."""
        return self.threads * self.processes

    def needs(self) -> dict[str, float]:
        """Return the amounts by Ray's names, those that are not zero."""
        named = {"CPU": float(self.cpus), "GPU": self.gpus, "memory": float(self.memory or 0)}
        return {name: amount for name, amount in {**named, **dict(self.others)}.items() if amount}

    def __str__(self) -> str:
        return _said(self.needs())


@dataclass(frozen=True, slots=True)
class Node:
    """A living node of the cluster: its name, and all that it has, by Ray's names."""

    id: str
    name: str
    has: Mapping[str, float]

    def room(self, request: Request) -> int:
        """Return how many times `request` fits this node."""
        times = [
            int(self.has.get(name, 0.0) / amount + _TOO_SMALL)
            for name, amount in request.needs().items()
        ]
        return min(times)

    def __str__(self) -> str:
        shown = {name: self.has.get(name, 0.0) for name in ("CPU", "GPU", "memory")}
        rest = {
            name: amount
            for name, amount in self.has.items()
            if name not in shown and not name.startswith(("node:", "object_store_memory"))
        }
        return f"{self.name} ({_said(shown | rest)})"


def request_of(job: StageJob, options: RayOptions) -> Request:
    """Return what `job` asks for: its threads as CPUs, and on CUDA its share of a GPU.

    Several processes never share a GPU: each of them has one.
    """
    threads, processes = int(job.spec.get("threads", 1)), job.processes
    common = request_for(threads, uses_gpu(job), options)
    if processes == 1:
        return common
    gpus = processes * max(1.0, common.gpus) if common.gpus else 0.0
    return replace(common, gpus=gpus, processes=processes)


def request_for(threads: int, gpu: bool, options: RayOptions) -> Request:
    """Return what a stage of one process with `threads` CPU threads asks for."""
    return Request(
        threads=threads,
        gpus=options.gpus if gpu else 0.0,
        memory=options.memory,
        others=tuple(sorted(options.resources.items())),
    )


def uses_gpu(job: StageJob) -> bool:
    """Say whether `job` trains on a GPU; the colour floor is a linear fit and never does."""
    return job.device.partition(":")[0] == "cuda" and job.kind != "colour-floor"


def capacity(nodes: Sequence[Node], request: Request) -> int:
    """Return how many times `request` fits the whole cluster."""
    return sum(node.room(request) for node in nodes)


def hopeless(nodes: Sequence[Node], request: Request) -> BenchError | None:
    """Return the error for a request that no node can ever meet, or None where one can."""
    if capacity(nodes, request):
        return None
    if not nodes:
        return BenchError("The Ray cluster has no living node.", hint="Look at `ray status`.")
    wanted = request.needs()
    largest = max(nodes, key=lambda node: _nearness(node, wanted))
    return BenchError(
        f"No node of the Ray cluster can run this stage: it asks for {request}, and the largest "
        f"of {len(nodes)} node(s) is {largest}.",
        hint="Ask for less (`threads` of the protocol are the CPUs; --gpus, --memory-gb), or add a "
        "larger node.",
    )


def _nearness(node: Node, wanted: Mapping[str, float]) -> tuple[float, float]:
    """Order nodes by the scarcest thing they have of what is wanted, then by all of it."""
    shares = [min(node.has.get(name, 0.0) / amount, 1.0) for name, amount in wanted.items()]
    return min(shares), sum(shares)


def _said(amounts: Mapping[str, float]) -> str:
    words = []
    for name, amount in amounts.items():
        if name == "memory":
            words += [f"{amount / 1e9:.1f} GB of memory"] if amount else []
        elif name in ("CPU", "GPU"):
            words.append(f"{amount:g} {name}{'' if amount == 1 else 's'}")
        else:
            words.append(f"{amount:g} {name}")
    return ", ".join(words)
