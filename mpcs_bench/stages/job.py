"""What a stage is given and what it leaves: plain values, so that any executor can carry them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STAGE_VERSIONS: dict[str, int] = {
    "pretrain": 2,
    "finetune": 3,
    "linear": 2,
    "colour-floor": 2,
}
"""Raised by hand whenever the numbers that a stage leads to can change; part of every key."""

CHECKPOINT_SECONDS = 300.0
"""Seconds of training between two checkpoints, unless told otherwise."""

STALL_SECONDS = 3600.0
"""Seconds without progress after which a stage counts as hanging, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class StageJob:
    """One stage, bound to its data and weights, ready to run anywhere.

    `spec` holds the resolved parameters; `hashed` the whole value whose digest is the key, and
    `axes` the cell's axes, both for `spec.json`; `weights_file` the initial weights,
    `upstream_key` the result that replaces them; `plugin_files` the files that plugins come from.
    """

    key: str
    kind: str
    symbolic: str
    spec: dict[str, Any]
    fingerprint: str
    split_hash: str
    image_size: tuple[int, int] | None
    group_column: str
    workspace: str
    device: str
    weights_file: str | None = None
    upstream_key: str | None = None
    keep_weights: bool = False
    attention_images: int = 0
    plugin_files: tuple[str, ...] = ()
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    hashed: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, Any] | None = None

    @property
    def processes(self) -> int:
        """How many processes share its batches."""
        return int(self.spec.get("processes", 1))

    @property
    def results(self) -> Path:
        """Folder of results in the workspace."""
        return Path(self.workspace) / "results"

    @property
    def cache(self) -> Path:
        """Folder of caches in the workspace."""
        return Path(self.workspace) / "cache"

    @property
    def checkpoints(self) -> Path:
        """Folder of this stage's checkpoints in the workspace; gone once its result stands."""
        return Path(self.workspace) / "checkpoints" / self.key


@dataclass(frozen=True, slots=True)
class Tick:
    """How far a running stage is: epochs done of all, and images seen in all of its attempts.

    `step` of `steps` of the epoch that runs are done; a stage that goes on says first where it
    begins.
    """

    done: int
    total: int
    images: int
    step: int = 0
    steps: int = 0


Report = Callable[[Tick], None]


@dataclass(slots=True)
class StageOutput:
    """The tables and files of one stage, before they are written.

    `metrics`, `history` and `predictions` hold rows by column name (see docs/results-format.md);
    `files` writers of further files, by name; `notes` facts about the run (effective batch size,
    sets left out), kept in the manifest.
    """

    metrics: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, Callable[[Path], None]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    images: int = 0
