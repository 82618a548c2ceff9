"""Which magnification pairs a strategy draws from a run's sets, counted from a fixed generator.

A wrong look-up table shows here whatever the seed of the run, and whatever training makes of it.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.protocol.seeds import generator
from mpcs_bench.registry.registry import Registry
from mpcs_bench.registry.strategy import PairStrategy
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.pair_sets import pair_sets

DRAWS = 20
"""Epochs that are drawn."""


def pairs_drawn(job: StageJob, workspace: Workspace, registry: Registry) -> dict[str, int]:
    """Return `first>second` magnifications (of all views) and how often they were drawn.

    Raises PluginError or DataError where the strategy or its sets are not at hand.
    """
    index = SampleIndex.read(workspace.cache, job.fingerprint)
    split = SplitTable.read(workspace.cache, job.split_hash)
    identity = job.spec["strategy"]
    resolved = registry.resolve("strategy", identity["plugin"], identity["params"])
    strategy = registry.create(resolved, PairStrategy)
    sets, _ = pair_sets(job.spec, index, split, strategy)
    at = index.number("magnification")
    counted: Counter[str] = Counter()
    for number in range(DRAWS):
        source = generator(0, "check", "pairs", f"draw={number}")
        # The magnification of the image itself: what a plan's columns say may be wrong too.
        drawn = at[strategy.draw(sets, sets.available, source).rows]
        for views, count in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True):
            counted[">".join(map(str, views.tolist()))] += int(count)
    return dict(sorted(counted.items()))
