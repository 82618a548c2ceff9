"""The queue of stages: inputs first, then by kind and fold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.queue import StageQueue


def test_stages_come_when_their_inputs_stand_in_the_order_of_kind_and_fold(
    plan_of: Callable[..., Plan], tiny_protocol: Callable[..., Path]
) -> None:
    stages = plan_of(tiny_protocol()).to_run()
    queue = StageQueue(reversed(stages), [])
    taken = list(queue.take(100))
    places = [(stage.spec.kind, stage.spec.spec["fold"]) for stage in taken]
    assert places[:2] == [("pretrain", 0), ("pretrain", 1)]
    assert [kind for kind, _ in places[2:]] == ["finetune"] * 4 + ["colour-floor"] * 4
    assert len(queue) == 4, "what stands on a pre-training waits for it"
    first = taken[0].key
    assert first is not None
    queue.finished(first)
    released = list(queue.take(100))
    assert {stage.job.upstream_key for stage in released if stage.job} == {first}
    assert len(queue) == 2


def test_no_more_are_taken_than_there_is_room_for(
    plan_of: Callable[..., Plan], tiny_protocol: Callable[..., Path]
) -> None:
    stages = plan_of(tiny_protocol()).to_run()
    queue = StageQueue(stages, [])
    assert len(list(queue.take(3))) == 3
    assert len(queue) == len(stages) - 3
