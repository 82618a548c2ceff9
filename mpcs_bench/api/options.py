"""How protocols are read and run: what the command line's options say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mpcs_bench.stages.job import CHECKPOINT_SECONDS, STALL_SECONDS


@dataclass(frozen=True, slots=True)
class Options:
    """How protocols are read and run; the defaults are those of the command line.

    `overlays` are names or paths; `assignments` are `a.b=c`; `only` maps an axis to the values to
    keep; `data_roots` data set names to folders; `plugins` are plugin files; `trust` lets a
    protocol's own `plugins:` list run. `jobs` None: one per core (CPU), as many as are known to
    fit (GPU).
    """

    overlays: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()
    only: Mapping[str, set[str]] = field(default_factory=dict)
    data_roots: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    trust: bool = False
    device: str = "auto"
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """How a run goes about its stages: nothing here changes a number.

    `executor` is `local` or `ray`, `address` the Ray cluster's (None: one on this machine); `gpus`
    is the share of a GPU, and `memory` the bytes, that a stage asks Ray for. `timeout` is how many
    seconds a stage may show no progress (0: for ever), `checkpoint_seconds` how often a training
    writes a checkpoint. `retry_failed` runs nothing but what failed before.
    """

    executor: str = "local"
    address: str | None = None
    gpus: float = 1.0
    memory: int | None = None
    timeout: float = STALL_SECONDS
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    retry_failed: bool = False


DEFAULTS = Options()
LOCALLY = Execution()
