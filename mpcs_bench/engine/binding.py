"""Binding: what a plan needs from this machine is found, made, or reported as missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.index_build import build_index
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.data.splits_make import make_split
from mpcs_bench.engine.file_digests import FileDigests
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import DataError, WeightsError
from mpcs_bench.protocol.canonical import SharedParts, digest
from mpcs_bench.protocol.cells import DataNeed, WeightsNeed
from mpcs_bench.protocol.load import expand_variables
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.registry import Registry

LISTED = 10
"""Files that an error names before it counts the rest."""

Announce = Callable[[str, int, int], None]
"""Told what is being prepared, how much is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Something a stage needs is not on this machine: what, and how to supply it."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class BoundData:
    """A data set as this machine has it."""

    index: SampleIndex
    split: SplitTable
    group_column: str
    image_size: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class BoundWeights:
    """The file that initial weights come from, and its SHA-256; both None for `none`."""

    file: str | None = None
    digest: str | None = None


class Binder:
    """Finds data and weights; each data set is indexed and split once."""

    def __init__(
        self, registry: Registry, workspace: Workspace, workers: int, announce: Announce
    ) -> None:
        self._registry, self._workspace = registry, workspace
        self._workers, self._announce = workers, announce
        self._digests = FileDigests(workspace.cache / "file-digests.json")
        self._indexes: dict[str, SampleIndex] = {}
        self._data: dict[str, BoundData | Blocked] = {}
        self._plugins: dict[str, Dataset] = {}
        self._parts = SharedParts()
        self._weights: dict[tuple[str, str], BoundWeights | Blocked] = {}

    def data(self, need: DataNeed) -> BoundData | Blocked:
        """Return the data set with its split; generates it where it is a generated one.

        Raises DataError or SplitError where it is there and cannot be used.
        """
        if need.symbol not in self._data:
            self._data[need.symbol] = self._bind(need)
        return self._data[need.symbol]

    def weights(
        self, need: WeightsNeed, encoder: Mapping[str, Any] | None
    ) -> BoundWeights | Blocked:
        """Return the file of the initial weights."""
        if need.source == "none" or encoder is None:
            return BoundWeights()
        point = need.known.text, self._parts.part(encoder).text
        if point not in self._weights:
            self._weights[point] = self._find_weights(need, encoder)
        return self._weights[point]

    def _find_weights(
        self, need: WeightsNeed, encoder: Mapping[str, Any]
    ) -> BoundWeights | Blocked:
        try:
            if need.source == "imagenet":
                path = self._imagenet_file(need, encoder)
            else:
                path = self._weight_file(need.file or "")
        except WeightsError as error:
            return Blocked(error.message, error.hint or "")
        return BoundWeights(str(path.resolve()), self._digests.sha256(path))

    def dataset(self, need: DataNeed) -> Dataset:
        """Return the plugin of a data set."""
        if need.symbol not in self._plugins:
            name, params = need.plugin["plugin"], need.plugin["params"]
            resolved = self._registry.resolve("dataset", name, params)
            self._plugins[need.symbol] = self._registry.create(resolved, Dataset)
        return self._plugins[need.symbol]

    def root(self, need: DataNeed) -> Path | Blocked:
        """Return the root folder; for a generated data set it may not be there yet."""
        written = need.settings.root
        if written is None:
            if self.dataset(need).generated:
                name = f"{need.plugin['plugin'].replace('/', '-')}-{digest(need.plugin)[:16]}"
                return self._workspace.cache / "generated" / name
            return Blocked(
                f"The data set '{need.name}' has no root folder.",
                f"Give it with --data {need.name}=PATH, or as datasets.{need.name}.root.",
            )
        text, missing = expand_variables(written)
        if missing:
            return Blocked(
                f"The data set '{need.name}' is at {written}, and {missing[0]} is not set.",
                f"Set {missing[0]}, or give --data {need.name}=PATH.",
            )
        root = Path(text).expanduser()
        if not root.is_dir():
            return Blocked(
                f"The data set '{need.name}' is not at {root}: there is no such folder.",
                f"Give its folder with --data {need.name}=PATH.",
            )
        return root

    def _bind(self, need: DataNeed) -> BoundData | Blocked:
        root = self.root(need)
        if isinstance(root, Blocked):
            return root
        dataset = self.dataset(need)
        identity = digest([need.plugin, str(root)])
        if identity not in self._indexes:
            if dataset.generated and not root.exists():
                what = f"drawing {need.name}"
                dataset.generate(root, self._workers, lambda n, of: self._announce(what, n, of))
            what = f"decoding {need.name}"
            self._indexes[identity] = build_index(
                dataset,
                root,
                self._workspace.cache,
                self._workers,
                lambda n, of: self._announce(what, n, of),
            )
        index = self._indexes[identity]
        _refuse_strays(need.name, root, index)
        split = make_split(index, need.split, dataset, root, need.split_seed)
        split.write(self._workspace.cache)
        column = index.group_column(need.split.group)
        return BoundData(index, split, column, need.settings.image_size)

    def _imagenet_file(self, need: WeightsNeed, encoder: Mapping[str, Any]) -> Path:
        if need.file is not None:
            return self._weight_file(need.file)
        resolved = self._registry.resolve("encoder", encoder["plugin"], encoder["params"])
        return self._registry.create(resolved, Encoder).imagenet_file()

    def _weight_file(self, written: str) -> Path:
        text, missing = expand_variables(written)
        if missing:
            raise WeightsError(
                f"The weights are at {written}, and {missing[0]} is not set.",
                hint=f"Set {missing[0]}.",
            )
        path = Path(text).expanduser()
        if not path.is_file():
            raise WeightsError(f"There is no weight file {path}.", hint="Check `weights.file`.")
        return path


def _refuse_strays(name: str, root: Path, index: SampleIndex) -> None:
    """Raise DataError for images whose names say nothing: leaving them out would be silent."""
    if not index.rejected:
        return
    listed = [f"  {item.path}: {item.reason}" for item in index.rejected[:LISTED]]
    if len(index.rejected) > LISTED:
        listed.append(f"  ... and {len(index.rejected) - LISTED} more")
    raise DataError(
        "\n".join(
            [f"The data set '{name}' at {root} holds images that do not belong to it:", *listed]
        ),
        hint="Rename or remove them; `mpcs-bench data verify` lists all.",
    )
