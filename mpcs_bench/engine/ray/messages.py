"""What driver and workers say to each other: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mpcs_bench.engine.events import Failed, Finished, Left
from mpcs_bench.engine.ray.code_identity import CodeIdentity
from mpcs_bench.engine.ray.delivery import Packed
from mpcs_bench.engine.ray.job_files import JobFile
from mpcs_bench.engine.ray.sharing import Token
from mpcs_bench.stages.job import StageJob, Tick


@dataclass(frozen=True, slots=True)
class Hello:
    """A worker is there: where, with which GPUs, and with which code."""

    pid: int
    host: str
    node: str
    gpus: tuple[str, ...]
    code: CodeIdentity


@dataclass(frozen=True, slots=True)
class Order:
    """A stage to run.

    `origin` names the driver's workspace; `token` is None where a worker is to copy what it
    reads; `files_at` is the handle of the driver's `FileServer`, None (and `files` empty) for a
    worker on the driver's own machine.
    """

    job: StageJob
    files: tuple[JobFile, ...]
    origin: str
    token: Token | None
    node_folder: str | None
    files_at: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a stage, and its last progress.

    `folders` holds what it left on the worker's own disk: the files of its result, or of its
    newest checkpoint, by the name of their folder. `in_place` says that it worked in the driver's
    workspace, where these stand already.
    """

    event: Finished | Failed | Left
    tick: Tick | None = None
    in_place: bool = True
    folders: Mapping[str, Packed] = field(default_factory=dict)
