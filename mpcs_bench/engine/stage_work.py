"""The stages that a plan has yet to run, each with its work and the shapes of its steps."""

from __future__ import annotations

from dataclasses import dataclass

from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.workload import KINDS, Counts, Workload, shapes, workload
from mpcs_bench.protocol.cells import StageSpec
from mpcs_bench.stages.calibration import Shape


@dataclass(frozen=True, slots=True)
class StageWork:
    """A stage that is not done: what it works on, how much, and in which steps.

    `workload` is None for a kind that nothing is known of, and where its `counts` are None.
    `training` and `testing` are the shapes of its steps, None where it takes none.
    """

    spec: StageSpec
    counts: Counts | None = None
    workload: Workload | None = None
    training: Shape | None = None
    testing: Shape | None = None

    def shapes(self) -> tuple[Shape, ...]:
        """Return the shapes that it needs."""
        return tuple(shape for shape in (self.training, self.testing) if shape is not None)


def remaining_work(plan: Plan, counter: StageCounter) -> list[StageWork]:
    """Return the work of all stages that run or are blocked, in the order of the plan."""
    return [_work(stage.spec, counter) for stage in plan.stages if stage.status != "done"]


def _work(spec: StageSpec, counter: StageCounter) -> StageWork:
    counts = counter.counts(spec) if spec.kind in KINDS else None
    if counts is None:
        return StageWork(spec)
    computed = workload(spec, counts)
    training, testing = shapes(spec, counts)
    if computed is not None and not computed.evaluated:
        testing = None
    return StageWork(spec, counts, computed, training, testing)
