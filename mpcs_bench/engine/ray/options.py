"""How stages run on Ray: what a user can say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mpcs_bench.errors import BenchError


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Where stages run on Ray, and what each asks for; nothing here changes a number.

    `address` is `host:port` of a cluster that this machine is a node of, `auto` for the one that
    runs here, or None: $RAY_ADDRESS where it is set, else a Ray of this machine alone that ends
    with the executor. `jobs` is how many stages may be in flight (None: what the cluster has room
    for). `gpus` is the share of a GPU that a stage on one takes: several share a GPU where it is
    below 1. `memory` (bytes) and `resources` (by Ray's names, `accelerator_type:H100`) are asked
    for beside CPUs. `retries` is how often a stage is begun again after its worker or node died.
    `wait_for_nodes` (seconds) is how long a stage for which every node is too small may wait for
    a larger one to join; a Ray of this machine alone has none to wait for. `in_place` lets workers
    that see the workspace work in it; without it they copy what they read to their own disk, under
    `node_folder` (None: the temporary folder).
    """

    address: str | None = None
    jobs: int | None = None
    gpus: float = 1.0
    memory: int | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    retries: int = 3
    wait_for_nodes: float = 60.0
    in_place: bool = True
    node_folder: str | None = None

    def __post_init__(self) -> None:
        if self.gpus <= 0 or (self.gpus > 1 and self.gpus != int(self.gpus)):
            raise BenchError(
                f"A stage cannot ask Ray for {self.gpus:g} GPUs.",
                hint="Give a share of one GPU, as 0.25, or a whole number.",
            )
        for name in ("jobs", "memory", "retries", "wait_for_nodes"):
            value = getattr(self, name)
            least = 1 if name in ("jobs", "memory") else 0
            if value is not None and value < least:
                raise BenchError(f"'{name}' of the Ray executor is {value}: below {least}.")
