"""How many images a stage has: from its data where they are here, else from what is declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.engine.binding import Binder, Blocked
from mpcs_bench.engine.cache_sizes import frame_bytes, original_bytes
from mpcs_bench.engine.inspection import DECIDE_ROWS
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.workload import Counts, Size
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.protocol.canonical import SharedParts
from mpcs_bench.protocol.cells import DataNeed, StageSpec
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.registry import Registry
from mpcs_bench.registry.strategy import PairStrategy
from mpcs_bench.stages.pair_sets import pair_sets
from mpcs_bench.stages.parts import task_rows

_DECIDE_SETS = ("fold", "parts", "strategy", "magnifications", "sets")
"""The parameters that decide which sets a pre-training has: seeds share a count."""


class StageCounter:
    """Counts what the stages of one plan work on; each data set is read once."""

    def __init__(self, plan: Plan, workspace: Workspace, registry: Registry) -> None:
        self._registry, self._cache = registry, workspace.cache
        self._binder = Binder(registry, workspace, 1, lambda _what, _done, _total: None)
        self._places = _places(plan)
        self._indexes: dict[str, SampleIndex] = {}
        self._bound: dict[str, tuple[SampleIndex, SplitTable] | None] = {}
        self._parts = SharedParts()
        self._counted: dict[tuple[str, ...], dict[str, int]] = {}
        self._strategies: dict[str, PairStrategy] = {}
        self._frames: dict[tuple[str, Size], int | None] = {}

    def counts(self, spec: StageSpec) -> Counts | None:
        """Return what the stage works on; None where neither the data nor a declaration say."""
        views = 2
        if spec.kind == "pretrain":
            views = self._strategy(spec.spec["strategy"]).views
        dataset = self._binder.dataset(spec.data)
        bound = self.bound(spec.data)
        source = spec.data.settings.image_size or _stored_size(bound, dataset)
        if source is None:
            return None
        known = declared_counts(spec, dataset) if bound is None else self._count(spec, *bound)
        if known is None:
            return None
        return Counts(
            source=source,
            views=views,
            classes=len(dataset.classes),
            declared=bound is None,
            **known,
        )

    def bound(self, need: DataNeed) -> tuple[SampleIndex, SplitTable] | None:
        """Return index and split of a data set; None where it is not on this machine.

        What the plan has read is taken from the cache.
        """
        if need.symbol not in self._bound:
            self._bound[need.symbol] = self._bind(need)
        return self._bound[need.symbol]

    def frame_bytes(self, need: DataNeed, size: Size) -> int | None:
        """Return the bytes of all working frames at working size `size`; None where not known."""
        point = (need.symbol, size)
        if point not in self._frames:
            self._frames[point] = frame_bytes(self._index(need), self._binder.dataset(need), size)
        return self._frames[point]

    def original_bytes(self, need: DataNeed) -> int | None:
        """Return the bytes of all decoded images; None where not known."""
        return original_bytes(self._index(need), self._binder.dataset(need))

    def _index(self, need: DataNeed) -> SampleIndex | None:
        bound = self.bound(need)
        return bound[0] if bound else None

    def _bind(self, need: DataNeed) -> tuple[SampleIndex, SplitTable] | None:
        if need.symbol not in self._places:
            # Stages that wait for weights, and none else, have data that no stage names.
            found = self._binder.data(need)
            return None if isinstance(found, Blocked) else (found.index, found.split)
        fingerprint, split_hash = self._places[need.symbol]
        if fingerprint not in self._indexes:
            self._indexes[fingerprint] = SampleIndex.read(self._cache, fingerprint)
        return self._indexes[fingerprint], SplitTable.read(self._cache, split_hash)

    def _count(self, spec: StageSpec, index: SampleIndex, split: SplitTable) -> dict[str, int]:
        values = spec.spec
        names = _DECIDE_SETS if spec.kind == "pretrain" else DECIDE_ROWS
        decisive = (self._parts.part(values[name]).text for name in names)
        point = (index.fingerprint, split.hash, spec.kind, *decisive)
        if point not in self._counted:
            self._counted[point] = self._count_anew(spec, index, split)
        return self._counted[point]

    def _count_anew(self, spec: StageSpec, index: SampleIndex, split: SplitTable) -> dict[str, int]:
        if spec.kind != "pretrain":
            return task_rows(spec.spec, index, split, split.group_column).counts()
        strategy = self._strategy(spec.spec["strategy"])
        sets, _ = pair_sets(spec.spec, index, split, strategy)
        return {"sets": len(sets), "test": len(split.rows(int(spec.spec["fold"]), "test"))}

    def _strategy(self, identity: Mapping[str, Any]) -> PairStrategy:
        name = self._parts.part(identity).text
        if name not in self._strategies:
            resolved = self._registry.resolve("strategy", identity["plugin"], identity["params"])
            self._strategies[name] = self._registry.create(resolved, PairStrategy)
        return self._strategies[name]


def declared_counts(spec: StageSpec, dataset: Dataset) -> dict[str, int] | None:
    """Return the images of a stage by what its data set declares, and its split, in proportion.

    A split is by groups: its parts differ from their share by a group or two. None where the data
    set declares too little, or the split is none that numbers describe (official, file).
    """
    split = spec.data.settings.split
    if split.scheme != "kfold":
        return None
    folds = split.folds
    share = {"ssl": (folds - 2) / folds, "label": 1 / folds}
    part = sum(share[name] for name in spec.spec["parts"])
    if spec.kind == "pretrain":
        sets, images = dataset.expected.get("complete_sets"), _images(dataset, None)
        if sets is None or images is None:
            return None
        return {"sets": round(sets * part), "test": round(images / folds)}
    trained, tested = spec.spec["train_magnification"], spec.spec["test_magnifications"]
    train = _images(dataset, [trained] if trained else None)
    test = _images(dataset, tested or None)
    if train is None or test is None:
        return None
    selection = spec.spec["selection"]
    validation = selection["fraction"] if selection["rule"] == "validation" else 0.0
    return {
        "train": max(1, round(train * part * (1 - validation) * spec.spec["label_fraction"])),
        "validation": round(train * part * validation),
        "test": round(test / folds),
    }


def _images(dataset: Dataset, magnifications: list[int] | None) -> int | None:
    """Return how many samples the data set declares, at some magnifications or in all."""
    expected = dataset.expected
    if magnifications is None:
        images = expected.get("images")
    else:
        names = [f"{value}X/{label}" for value in magnifications for label in dataset.classes]
        images = sum(expected[name] for name in names) if expected.keys() >= set(names) else None
    return None if images is None else images * dataset.patches_per_image


def _stored_size(bound: tuple[SampleIndex, SplitTable] | None, dataset: Dataset) -> Size | None:
    """Return the size of the images where no working size is set: all have the same."""
    if bound is not None:
        index = bound[0]
        return int(index.number("box_w")[0]), int(index.number("box_h")[0])
    return dataset.image_sizes[0] if dataset.image_sizes else None


def _places(plan: Plan) -> dict[str, tuple[str, str]]:
    """Return fingerprint and split hash of what the plan has bound, by data need."""
    places = {
        stage.spec.data.symbol: (stage.job.fingerprint, stage.job.split_hash)
        for stage in plan.stages
        if stage.job is not None
    }
    for item in plan.cells:
        if item.fingerprint is not None and item.split_hash is not None:
            place = item.cell.stage.data.symbol
            places.setdefault(place, (item.fingerprint, item.split_hash))
    return places
