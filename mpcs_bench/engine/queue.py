"""Which stage is next: those whose inputs stand, what others wait for first."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator

from mpcs_bench.engine.plan import PlannedStage

ORDER = {"pretrain": 0, "finetune": 1, "linear": 2, "colour-floor": 3}


class StageQueue:
    """The stages that are still to run; taking and releasing one costs the log of their number."""

    def __init__(self, stages: Iterable[PlannedStage], have: Iterable[str]) -> None:
        self._have = set(have)
        self._ready: list[tuple[int, int, int, PlannedStage]] = []
        self._waiting: dict[str, list[PlannedStage]] = defaultdict(list)
        self._number = itertools.count()  # of equals the first that was placed
        self._count = 0
        for stage in stages:
            self._count += 1
            self._place(stage)

    def __len__(self) -> int:
        """Return how many stages have not been taken."""
        return self._count

    def take(self, most: int) -> Iterator[PlannedStage]:
        """Yield and remove up to `most` stages that can run now: by kind, then by fold."""
        for _ in range(min(most, len(self._ready))):
            self._count -= 1
            yield heapq.heappop(self._ready)[-1]

    def finished(self, key: str) -> None:
        """Let the stages go that waited for the result `key`."""
        self._have.add(key)
        for stage in self._waiting.pop(key, ()):
            self._place(stage)

    def _place(self, stage: PlannedStage) -> None:
        assert stage.job is not None
        upstream = stage.job.upstream_key
        if upstream is not None and upstream not in self._have:
            self._waiting[upstream].append(stage)
            return
        place = ORDER[stage.spec.kind], int(stage.spec.spec["fold"]), next(self._number)
        heapq.heappush(self._ready, (*place, stage))
