"""The stages that a plan has yet to run, each with its work and the shapes of its steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mpcs_bench.engine.encoding_work import EncodingCounter
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.workload import KINDS, Counts, Workload, shapes, workload
from mpcs_bench.protocol.canonical import SharedParts
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


FREE = frozenset(
    ("seed", "replicate", "fold", "label_fraction", "train_magnification", "test_magnifications")
)
"""Parameters that a stage's work rests on by its counts alone."""


def remaining_work(plan: Plan, counter: StageCounter) -> list[StageWork]:
    """Return the work of all stages that run or are blocked, in the order of the plan."""
    parts, alike = SharedParts(), dict[tuple[object, ...], StageWork]()
    encodings = EncodingCounter(counter)
    works = []
    for stage in plan.stages:
        if stage.status == "done":
            continue
        spec = stage.spec
        counts = counter.counts(spec) if spec.kind in KINDS else None
        settings = (parts.part(v).text for name, v in spec.spec.items() if name not in FREE)
        point = (spec.kind, counts, *settings)
        if point not in alike:
            alike[point] = _work(spec, counts)
        work = replace(alike[point], spec=spec)
        if spec.kind == "linear" and counts and work.workload and work.testing:
            load = encodings.shared(spec, counts, work.workload, work.testing.batch)
            work = replace(work, workload=load, testing=work.testing if load.evaluated else None)
        works.append(work)
    return works


def _work(spec: StageSpec, counts: Counts | None) -> StageWork:
    if counts is None:
        return StageWork(spec)
    computed = workload(spec, counts)
    training, testing = shapes(spec, counts)
    if computed is not None and not computed.evaluated:
        testing = None
    return StageWork(spec, counts, computed, training, testing)
