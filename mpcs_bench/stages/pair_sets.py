"""Which sets a pre-training draws its pairs from; the plan shows it, the stage uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.sets import SetCoverage, eligible_sets, image_sets
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.errors import DataError
from mpcs_bench.protocol.schema import Sets
from mpcs_bench.registry.strategy import ImageSets, PairStrategy


def pair_sets(
    spec: Mapping[str, Any], index: SampleIndex, split: SplitTable, strategy: PairStrategy
) -> tuple[ImageSets, SetCoverage]:
    """Return the sets of the pre-training parts that `strategy` can draw from.

    Raises DataError where there are fewer than two: a contrastive batch needs a negative.
    """
    settings = Sets.model_validate(spec["sets"])
    rows = np.concatenate([split.rows(spec["fold"], part) for part in spec["parts"]])
    sets = image_sets(index, np.unique(rows), tuple(spec["magnifications"]), settings.by)
    kept, coverage = eligible_sets(sets, strategy, settings.require)
    if len(kept) < 2:
        raise DataError(
            f"Fold {spec['fold']}: {len(kept)} of {len(sets)} sets can take part in pre-training "
            f"with '{strategy.name}', and a contrastive batch needs two.",
            hint="`pretraining.sets` says what a set is (by) and what it must hold (require).",
        )
    return kept, coverage
