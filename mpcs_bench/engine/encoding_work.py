"""What linear evaluation encodes: each image once for all stages that share an encoding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.workload import Counts, Workload
from mpcs_bench.protocol.canonical import SharedParts
from mpcs_bench.protocol.cells import StageSpec

_DECIDES = ("encoder", "transform", "precision", "threads", "deterministic", "replicate")
"""The parameters that an encoding rests on, beside its weights and its images."""

Unit = tuple[object, ...]


class EncodingCounter:
    """Gives each encoding to the first stage that asks for it; the others find it made.

    As in `stages.encodings`: one encoding a magnification and, where the weights belong to a fold,
    a part of that fold's split; otherwise all images, whatever the fold.
    """

    def __init__(self, counter: StageCounter) -> None:
        self._counter = counter
        self._parts = SharedParts()
        self._seen: set[Unit] = set()
        self._sizes: dict[Unit, int] = {}

    def shared(self, spec: StageSpec, counts: Counts, alone: Workload, batch: int) -> Workload:
        """Return the work of a linear evaluation of `counts`, which were it alone has `alone`.

        `batch` images go forward at once, where there are so many.
        """
        encoder = self._encoder(spec)
        bound = self._counter.bound(spec.data)
        if bound is None:  # how many images others share with it is not known
            units = [((*encoder, spec.data.symbol, counts.train, counts.test), alone.evaluated)]
        else:
            units = list(self._units(spec, encoder, *bound))
        new = {unit: images for unit, images in units if unit not in self._seen}
        self._seen |= new.keys()
        return replace(
            alone,
            evaluated=sum(new.values()),
            passes=sum(-(-images // batch) for images in new.values()),
            evaluation_batch=min(batch, max(new.values(), default=0)),
        )

    def _encoder(self, spec: StageSpec) -> Unit:
        decides = (self._parts.part(spec.spec[name]).text for name in _DECIDES)
        weights = spec.upstream.symbol if spec.upstream is not None else spec.weights.known.digest
        own = (spec.spec["seed"], spec.spec["fold"]) if _drawn(spec) else ()
        return (*decides, weights, *own)

    def _units(
        self, spec: StageSpec, encoder: Unit, index: SampleIndex, split: SplitTable
    ) -> Iterator[tuple[Unit, int]]:
        """Yield what tells each encoding from others, and its images."""
        values, fold = spec.spec, int(spec.spec["fold"])
        trained, tested = values["train_magnification"], values["test_magnifications"]
        wanted = {part: [trained] if trained is not None else [] for part in values["parts"]}
        wanted["test"] = list(tested)
        belongs = _drawn(spec) or spec.upstream is not None
        for part, magnifications in wanted.items():
            cut: Unit = (split.hash, fold, part) if belongs else ()
            for value in magnifications or _magnifications(index):
                place = (index.fingerprint, spec.data.settings.image_size, *cut, value)
                if place not in self._sizes:
                    chosen = index.number("magnification") == value
                    rows = split.rows(fold, part) if belongs else slice(None)
                    self._sizes[place] = int(np.count_nonzero(chosen[rows]))
                yield (*encoder, *place), self._sizes[place]


def _drawn(spec: StageSpec) -> bool:
    """Say whether the initial weights are drawn by seed."""
    return spec.upstream is None and spec.weights.source == "none"


def _magnifications(index: SampleIndex) -> list[int]:
    """Return all that there are; a data set that declares none has images all the same."""
    return [int(value) for value in np.unique(index.number("magnification"))]
