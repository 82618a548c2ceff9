"""What a protocol expands into: cells, the stages they need, and how each is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mpcs_bench.errors import SplitError
from mpcs_bench.protocol.canonical import SharedParts, Written, written
from mpcs_bench.protocol.schema import DatasetSettings, Split
from mpcs_bench.protocol.variables import expand_variables

StageKind = Literal["pretrain", "finetune", "linear", "colour-floor"]


@dataclass(frozen=True, slots=True)
class Axes:
    """The light axes of a cell: they select, and change no setting."""

    fold: int = 0
    split_seed: int = 0
    seed: int = 0
    replicate: int = 0
    train_magnification: int | None = None
    label_fraction: float = 1.0


LIGHT_AXES: tuple[str, ...] = tuple(Axes.__dataclass_fields__)


@dataclass(frozen=True)
class DataNeed:
    """The data a stage reads: plugin identity, root as written, working size, split.

    Stages that read the same data hold the same need.
    """

    name: str
    plugin: dict[str, Any]
    settings: DatasetSettings
    split_seed: int

    @property
    def split(self) -> Split:
        """The split settings with this cell's seed, and the file as this machine names it.

        Raises SplitError where an environment variable in the file's name is not set.
        """
        split, file = self.settings.split, self.settings.split.file
        if file is not None:
            text, missing = expand_variables(file)
            if missing:
                raise SplitError(
                    f"The split file of data set '{self.name}' is {file}, and {missing[0]} is "
                    "not set.",
                    hint=f"Set {missing[0]}, or give --set datasets.{self.name}.split.file=PATH.",
                )
            file = str(Path(text).expanduser())
        return split.model_copy(update={"seed": self.split_seed, "file": file})

    def identity(self) -> dict[str, Any]:
        """What is known before the data are: replaced by fingerprint and split hash in a key."""
        split = self.settings.split.model_dump(mode="json") | {"seed": self.split_seed}
        return {"plugin": self.plugin, "image_size": self.settings.image_size, "split": split}

    @cached_property
    def symbol(self) -> str:
        """Digest of what is known of the data, and of where they are said to lie."""
        return self.known.digest

    @cached_property
    def known(self) -> Written:
        """What is known of the data, as a stage's symbol holds it."""
        return written(self.identity() | {"root": self.settings.root})


@dataclass(frozen=True)
class WeightsNeed:
    """The initial weights a stage loads; the file is found, and digested, when keys are made."""

    source: Literal["none", "imagenet", "file"]
    file: str | None

    @cached_property
    def known(self) -> Written:
        """What is known of the weights, as a stage's symbol holds it."""
        return written([self.source, self.file])


@dataclass(frozen=True)
class StageSpec:
    """One step, symbolically: known from the protocol alone.

    `spec` holds every resolved parameter that can change numbers, but for what only the data,
    the weights and the machine can tell. Its values are shared between stages: they must not
    change. `parts` are those that were written for other stages before.
    """

    kind: StageKind
    symbolic: str
    spec: dict[str, Any]
    data: DataNeed
    weights: WeightsNeed
    upstream: StageSpec | None = None
    keep_weights: bool = False
    attention_images: int = 0

    parts: InitVar[SharedParts | None] = None

    def __post_init__(self, parts: SharedParts | None) -> None:
        parts = SharedParts() if parts is None else parts
        known = parts.whole(
            {
                "kind": self.kind,
                "spec": parts.whole(self.spec),
                "data": self.data.known,
                "weights": self.weights.known,
                "upstream": self.upstream.symbol if self.upstream else None,
            }
        )
        object.__setattr__(self, "_symbol", known.digest)

    @property
    def symbol(self) -> str:
        """Digest of all that is known: equal for stages that cells share.

        It holds where data, splits and weights lie, which no key does: until they are read, two
        folders are two data sets.
        """
        symbol: str = self.__dict__["_symbol"]
        return symbol


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the matrix, with the stage that gives its numbers."""

    protocol: str
    experiment: str
    label: str
    position: int
    axes: Axes
    names: dict[str, str]
    """The plugin axes as written: dataset, encoder, weights, strategy, loss, adaptation."""
    conditions: dict[str, Any]
    stage: StageSpec
    decisions: Mapping[str, str] = field(default_factory=dict)
    """Entries of the ledger that its numbers rest on, and how each was decided."""
    chosen: tuple[str, ...] = ()
    """Sentences on what the protocol left to the device of the plan, and what that chose."""

    @property
    def symbolic(self) -> str:
        """The readable id, the same in every run of the protocol."""
        return self.stage.symbolic
