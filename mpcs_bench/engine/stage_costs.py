"""Seconds and bytes of one stage, from what was measured of its steps."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from mpcs_bench.engine.queue import ORDER
from mpcs_bench.engine.stage_work import StageWork
from mpcs_bench.stages.calibration import Calibration, Measurement, Shape

RESIDENT_SHARE = 0.5
"""Frames stay on a GPU where they fill at most this share of it (as in `stages.images`)."""

CONTEXT_BYTES = 600_000_000
"""What CUDA takes of a GPU for each process, besides what it allocates."""


class StageCosts:
    """What stages cost on the calibrated device, `jobs` of them at once.

    `frame_bytes` says what the working frames of a stage fill, None where that is not known.
    """

    def __init__(
        self,
        calibration: Calibration,
        jobs: int,
        frame_bytes: Callable[[StageWork], int | None],
    ) -> None:
        self.calibration, self.jobs = calibration, jobs
        self._frame_bytes = frame_bytes
        self._near: dict[str, Measurement | None] = {}
        self._begun: dict[str, int] = defaultdict(int)

    def of(self, shape: Shape | None) -> Measurement | None:
        """Return what was measured of `shape`, with as near to `jobs` at once as there is."""
        if shape is None:
            return None
        if shape.key not in self._near:
            self._near[shape.key] = self.calibration.near(shape, self.jobs)
        return self._near[shape.key]

    def seconds(self, work: StageWork) -> float | None:
        """Return the time of a stage in a worker; None where that is not known.

        Asked of all stages in the order of the plan: the first one of a worker loads code and
        touches memory that later ones find ready.
        """
        load = work.workload
        if load is None:
            return None
        total, setup, first = self.calibration.stage_seconds, 0.0, 0.0
        parts = (
            (work.testing, load.passes, load.evaluated, 0, 1),
            (work.training, load.steps, load.trained, load.epochs, load.processes),
        )
        for shape, steps, images, epochs, processes in parts:
            if shape is None:
                continue
            found = self.of(shape)
            if found is None:
                return None
            total += found.seconds(steps, images // processes, epochs)
            setup = found.setup_seconds
            if self._begun[shape.key] < self.jobs:
                self._begun[shape.key] += 1
                first += found.first_seconds
        if load.processes > 1:  # processes of its own, which start with it
            setup += self.calibration.start_seconds
        return total + setup + first

    def memory(self, work: StageWork) -> int | None:
        """Return the most that a stage holds at once: state, activations, images on a GPU.

        On the CPU that is of all its processes; on a GPU of one, which has one to itself.
        """
        load, counts, device = work.workload, work.counts, self.calibration.device
        training, testing = self.of(work.training), self.of(work.testing)
        if load is None or counts is None:
            return None
        held = self.calibration.process_bytes if device.kind == "cpu" else 0
        if not work.shapes():  # linear evaluation that finds its encodings made has no network
            return held
        state = training or testing
        if state is None:
            return None
        batches = ((training, -(-load.batch // load.processes)), (testing, load.evaluation_batch))
        activations = max(m.activation_bytes(n) for m, n in batches if m is not None)
        if work.spec.spec.get("selection", {}).get("rule", "last") != "last" and training:
            held += training.model_bytes  # the best epoch's weights
        if device.kind != "cpu":
            frames = self._frame_bytes(work)
            if frames is not None and frames <= RESIDENT_SHARE * device.memory_bytes:
                held += frames
        one = held + state.state_bytes + activations
        return one * load.processes if device.kind == "cpu" else one


def makespan(works: Sequence[StageWork], seconds: Mapping[str, float], jobs: int) -> float:
    """Return when the last stage ends: taken as the queue gives them, `jobs` at once.

    A stage waits for its upstream stage where that has yet to run. `seconds` is by symbol.
    """
    ready: list[tuple[int, int, int]] = []
    waiting: dict[str, list[int]] = defaultdict(list)

    def place(number: int) -> None:
        spec = works[number].spec
        fold = int(spec.spec.get("fold", 0))
        heapq.heappush(ready, (ORDER.get(spec.kind, len(ORDER)), fold, number))

    for number, work in enumerate(works):
        upstream = work.spec.upstream
        if upstream is not None and upstream.symbol in seconds:
            waiting[upstream.symbol].append(number)
        else:
            place(number)
    now, running = 0.0, list[tuple[float, int]]()
    while ready or running:
        while ready and len(running) < jobs:
            number = heapq.heappop(ready)[-1]
            symbol = works[number].spec.symbol
            heapq.heappush(running, (now + seconds[symbol], number))
        now, number = heapq.heappop(running)
        for follower in waiting.pop(works[number].spec.symbol, ()):
            place(follower)
    return now
