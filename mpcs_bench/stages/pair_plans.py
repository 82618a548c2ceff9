"""What a pair strategy drew, held to its contract before an image is looked at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mpcs_bench.errors import StageError
from mpcs_bench.registry.strategy import ImageSets, PairStrategy, ViewPlan

IntArray = npt.NDArray[np.int64]


class PairPlanCheck:
    """Checks the plans that `strategy` draws for `sets`.

    A row from outside its set would train on images of another patient, or of the test part, so
    every drawn row is looked up.
    """

    def __init__(self, sets: ImageSets, strategy: PairStrategy) -> None:
        self._shape = (len(sets), strategy.views)
        self._name = strategy.name
        self._owner = np.full(int(sets.members.max()) + 1, -1, dtype=np.int64)
        for number, (first, *_, end) in enumerate(sets.offsets.tolist()):
            self._owner[sets.members[first:end]] = number

    def checked(self, plan: ViewPlan) -> ViewPlan:
        """Return `plan`; raises StageError naming the strategy and what is wrong."""
        if not isinstance(plan, ViewPlan):
            raise self._broken(f"drew a {type(plan).__name__}, not a ViewPlan")
        rows = np.asarray(plan.rows)
        if rows.shape != self._shape or not np.issubdtype(rows.dtype, np.integer):
            raise self._broken(f"drew rows {_described(rows)}, not int64 {list(self._shape)}")
        known = (rows >= 0) & (rows < len(self._owner))
        own = self._owner[np.where(known, rows, 0)] == np.arange(len(rows))[:, None]
        if not (known & own).all():
            row = int(rows[~(known & own)][0])
            raise self._broken(f"drew row {row} for a set that does not hold it")
        if plan.boxes is not None:
            self._check_boxes(np.asarray(plan.boxes))
        return plan

    def _check_boxes(self, boxes: npt.NDArray[np.float64]) -> None:
        shape = (*self._shape, 4)
        if boxes.shape != shape or not np.issubdtype(boxes.dtype, np.floating):
            raise self._broken(f"drew boxes {_described(boxes)}, not float64 {list(shape)}")
        corner, size = boxes[..., :2], boxes[..., 2:]
        # Written so that a NaN fails; the slack is for x + width summed in floating point.
        inside = (corner >= 0) & (size > 0) & (corner + size <= 1 + 1e-9)
        if not inside.all():
            box = boxes[~inside.all(axis=-1)][0].tolist()
            raise self._broken(f"drew the box {box}, which is empty or leaves the image")

    def _broken(self, what: str) -> StageError:
        return StageError(
            f"The pair strategy '{self._name}' {what}.",
            hint=f"`mpcs-bench plugins test {self._name}` checks its contract.",
        )


def _described(array: npt.NDArray[np.generic]) -> str:
    return f"{array.dtype}{list(array.shape)}"
