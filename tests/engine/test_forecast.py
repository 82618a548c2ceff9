"""A forecast is what was measured, times what there is to do; what is not known is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench import api
from mpcs_bench.engine import stage_costs
from mpcs_bench.engine.cache_sizes import frame_bytes, original_bytes
from mpcs_bench.engine.forecast import NEVER_MEASURED, NO_COUNTS, Forecast, forecast, frames
from mpcs_bench.engine.forecasting import forecast_plan
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.stage_costs import StageCosts, makespan
from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.stage_work import StageWork, remaining_work
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.stages import images
from mpcs_bench.stages.calibration import (
    FILE,
    Calibration,
    DeviceFacts,
    Measurement,
    device_facts,
    write_calibration,
)

Write = Callable[..., Path]
PlanOf = Callable[..., Plan]

DEVICE = DeviceFacts("cpu", "A processor", "2.11", 1_000_000_000)
STEP = Measurement(
    step_seconds=10.0,
    image_seconds=1.0,
    spread=0.1,
    repeats=3,
    batches=(2, 4),
    setup_seconds=5.0,
    state_bytes=1000,
    fixed_bytes=10,
    image_bytes=100,
    encoder_bytes=250,
    model_bytes=300,
)
NOWHERE = {"tissue": "/no/such/folder"}
LINEAR = (
    ("weights: none", "weights: none\nadaptation: linear"),
    ("  fold: [0, 1]", "  fold: [0, 1]\n  label_fraction: [0.5, 1.0]"),
)
PATCHES = """\
name: patches
scale: test
datasets:
  spots:
    plugin: synthetic-ucsb
    params: {benign: 6, malignant: 6, spots: 3, width: 64, height: 54, patch: 32}
    split: {folds: 3, group: image, stratify: label}
encoder: timm/test_resnet
weights: none
adaptation: linear
finetuning:
  dataset: spots
  parts: [ssl, label]
  transform: {input_size: [32, 32]}
  optimizer: {name: adamw, learning_rate: 1.0e-3}
  epochs: 1
  batch_size: 4
experiments:
  exp-1: {label: Linear}
matrix:
  fold: [0]
"""


@pytest.fixture
def look(workspace: Workspace) -> Callable[..., tuple[list[StageWork], Callable[..., Forecast]]]:
    """Return the work of a plan, and what forecasts it from a calibration."""

    def at(plan: Plan) -> tuple[list[StageWork], Callable[..., Forecast]]:
        counter = StageCounter(plan, workspace, api.registry())
        works = remaining_work(plan, counter)

        def make(calibration: Calibration, *, jobs: int = 1, **options: Any) -> Forecast:
            return forecast(works, calibration, counter, workspace, jobs=jobs, **options)

        return works, make

    return at


def measured(works: Sequence[StageWork], at_once: int = 1, **kinds: Measurement) -> Calibration:
    """Return a calibration in which every shape costs STEP, or what its kind is given here."""
    calibration = Calibration(DEVICE, start_seconds=3.0, process_bytes=5000)
    for work in works:
        for shape in work.shapes():
            cost = kinds.get(shape.kind.replace("-", "_"), STEP)
            calibration = calibration.adding(shape, replace(cost, at_once=at_once))
    return calibration


def seconds(work: StageWork) -> float:
    load = work.workload
    assert load is not None
    return 10.0 * (load.steps + load.passes) + load.trained + load.evaluated + 5.0


def test_hours_are_steps_and_images_at_their_cost(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    works, make = look(plan_of(tiny_protocol()))
    expected = make(measured(works), jobs=2)
    for kind in ("pretrain", "finetune", "colour-floor"):
        hours = sum(seconds(work) for work in works if work.spec.kind == kind) / 3600
        assert expected.hours[kind] == pytest.approx(hours)
    assert expected.total == pytest.approx(sum(expected.hours.values()))
    assert expected.at_least == pytest.approx(expected.total)
    longest = max(seconds(work) for work in works) / 3600
    assert expected.total / 2 <= expected.wall - 3.0 / 3600 <= expected.total / 2 + longest
    assert expected.spread == 0.1
    assert not expected.unknown


def test_wall_time_is_never_less_than_the_longest_chain(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    works, make = look(plan_of(tiny_protocol()))
    longest = dict.fromkeys(("pretrain", "finetune"), 0.0)
    for work in works:
        if work.spec.kind in longest:
            longest[work.spec.kind] = max(longest[work.spec.kind], seconds(work))
    many = make(measured(works), jobs=1000)
    assert many.wall == pytest.approx((sum(longest.values()) + 3.0) / 3600)


def test_what_a_worker_and_a_stage_take_besides_is_counted(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    works, make = look(plan_of(tiny_protocol()))
    plain = make(measured(works), jobs=1)
    cost = replace(STEP, first_seconds=7.0, epoch_seconds=2.0)
    rich = make(
        replace(measured(works, train_classifier=cost), stage_seconds=0.5, disk_seconds=0.25)
    )
    trained = [work for work in works if work.spec.kind == "finetune"]
    epochs = sum(work.workload.epochs for work in trained)
    more = 0.5 * len(works) + 2.0 * epochs + 7.0
    assert (rich.total - plain.total) * 3600 == pytest.approx(more)
    assert (rich.wall - plain.wall) * 3600 == pytest.approx(more + 0.25 * len(works))


def test_it_warns_of_steps_that_were_measured_in_other_company(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    works, make = look(plan_of(tiny_protocol()))
    assert make(measured(works, 2), jobs=2).warnings == ()
    (warning,) = make(measured(works, 1), jobs=2).warnings
    assert "--calibrate" in warning
    (busy,) = make(measured(works, evaluate=replace(STEP, others=1.5))).warnings
    assert "1.5 cores" in busy


def test_processes_that_share_a_batch_take_its_parts(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    shared = (
        "  epochs: 2\n  batch_size: 4\nfinetuning:",
        "  epochs: 2\n  batch_size: 4\n  processes: 2\nfinetuning:",
    )
    works, make = look(plan_of(tiny_protocol(shared)))
    pretrained = next(work for work in works if work.spec.kind == "pretrain")
    load = pretrained.workload
    assert pretrained.training.batch == 4, "two pairs of a batch of four"
    expected = make(measured(works))
    each = 10.0 * (load.steps + load.passes) + load.trained / 2 + load.evaluated + 5.0 + 3.0
    assert expected.hours["pretrain"] * 3600 == pytest.approx(2 * 2 * each), "two stages, two each"
    assert any("2 processes" in warning for warning in expected.warnings)


def test_linear_evaluation_encodes_once_for_all_that_share(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    works, _ = look(plan_of(tiny_protocol(*LINEAR)))
    encoded: dict[object, int] = {}
    for work in works:
        if work.spec.kind == "linear":
            upstream = work.spec.upstream and work.spec.upstream.symbol
            point = (upstream, work.spec.spec["fold"])
            encoded[point] = encoded.get(point, 0) + work.workload.evaluated
    # Of each encoder: the label part and the test part of its fold, at two magnifications.
    assert set(encoded.values()) == {2 * (8 + 8)}
    assert len(encoded) == 4, "two arms, two folds"


def test_linear_evaluation_that_finds_its_encodings_needs_nothing_measured(
    plan_of: PlanOf, tiny_protocol: Write, workspace: Workspace
) -> None:
    plan = plan_of(tiny_protocol(*LINEAR))
    counter = StageCounter(plan, workspace, api.registry())
    works = remaining_work(plan, counter)
    for device in (DEVICE, replace(DEVICE, kind="cuda")):
        costs = StageCosts(replace(measured(works), device=device), 1, partial(frames, counter))
        needs = {bool(work.shapes()): costs.memory(work) for work in works}
        assert needs[False] == (5000 if device.kind == "cpu" else 0)
        assert None not in needs.values()


def test_linear_evaluation_encodes_images_without_a_magnification(
    plan_of: PlanOf, tmp_path: Path, look: Any
) -> None:
    path = tmp_path / "patches.yaml"
    path.write_text(PATCHES)
    works, _ = look(plan_of(path))
    (work,) = (work for work in works if work.spec.kind == "linear")
    assert work.counts.train + work.counts.test == work.workload.evaluated > 0
    assert work.testing is not None


@pytest.mark.parametrize(("jobs", "ends"), [(1, 12.0), (2, 8.0), (3, 8.0)])
def test_stages_are_taken_as_they_become_ready(
    plan_of: PlanOf, tiny_protocol: Write, look: Any, jobs: int, ends: float
) -> None:
    works, _ = look(plan_of(tiny_protocol()))
    first = next(work for work in works if work.spec.kind == "pretrain")
    after = [w for w in works if w.spec.upstream and w.spec.upstream.symbol == first.spec.symbol]
    alone = [w for w in works if w.spec.kind == "finetune" and w.spec.upstream is None]
    chosen = [first, *after[:1], *alone[:2]]
    seconds = dict(zip((work.spec.symbol for work in chosen), (5.0, 3.0, 2.0, 2.0), strict=True))
    assert makespan(chosen, seconds, jobs) == ends


def test_what_was_never_measured_is_unknown_and_not_nothing(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    works, make = look(plan_of(tiny_protocol()))
    nothing = make(Calibration(DEVICE))
    assert (nothing.total, nothing.wall, nothing.memory_bytes) == (None, None, None)
    assert set(nothing.hours.values()) == {None}
    assert nothing.disk_bytes["weights"] is None
    assert {item.why for item in nothing.unknown} == {NEVER_MEASURED}
    assert len(nothing.unknown) == 4, "one line a shape"

    whole = measured(works)
    pairs = next(s.key for s, _ in whole.measured.values() if s.kind == "train-pairs")
    rest = {point: value for point, value in whole.measured.items() if point[0] != pairs}
    some = make(replace(whole, measured=rest), failures={pairs: "it burnt"})
    assert some.total is None
    assert some.hours["pretrain"] is None
    assert some.hours["finetune"] is not None
    assert some.at_least > 0
    (unknown,) = some.unknown
    assert unknown.stages == 2
    assert "it burnt" in unknown.why


def test_done_stages_take_nothing(
    plan_of: PlanOf, tiny_protocol: Write, look: Any, workspace: Workspace
) -> None:
    plan = plan_of(tiny_protocol())
    floors = [
        replace(stage, status="done") if stage.spec.kind == "colour-floor" else stage
        for stage in plan.stages
    ]
    works, make = look(replace(plan, stages=tuple(floors)))
    expected = make(measured(works))
    assert expected.stages == 10
    assert "colour-floor" not in expected.hours


def test_memory_is_that_of_the_largest_stage(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    works, make = look(plan_of(tiny_protocol()))
    expected = make(measured(works))
    # Pre-training trains on 2 x 4 views at once, and in the end encodes its test part: more.
    largest = max(work.workload.evaluation_batch for work in works if work.spec.kind == "pretrain")
    assert expected.memory_bytes == 5000 + 1000 + 10 + 100 * largest
    assert expected.memory_stage is not None
    assert expected.memory_stage.startswith("pretrain/")
    assert not expected.warnings


def test_on_a_gpu_the_images_are_there_too(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    works, make = look(plan_of(tiny_protocol()))
    on_cpu = make(measured(works)).memory_bytes
    gpu = replace(DEVICE, kind="cuda")
    on_gpu = make(replace(measured(works), device=gpu)).memory_bytes
    assert on_gpu == on_cpu - 5000 + 96 * 24 * 16 * 3
    small = replace(gpu, memory_bytes=100_000)  # frames that fill more than half are read from disk
    assert make(replace(measured(works), device=small)).memory_bytes == on_cpu - 5000


def test_images_stay_on_a_gpu_where_stages_keep_them() -> None:
    assert stage_costs.RESIDENT_SHARE == images.RESIDENT_SHARE


def test_the_best_epoch_is_kept_in_memory(plan_of: PlanOf, tiny_protocol: Write, look: Any) -> None:
    rule = ("experiments:\n", "  selection: {rule: validation}\nexperiments:\n")
    pretrainless = ("  exp-3: {label: Ordered Pair}\n", "")
    works, make = look(plan_of(tiny_protocol(rule, pretrainless)))
    without_floor = [work for work in works if work.spec.kind == "finetune"]
    largest = max(work.workload.evaluation_batch for work in without_floor)
    kept = make(measured(works)).memory_bytes
    assert kept == 5000 + 1000 + 300 + 10 + 100 * largest


@pytest.mark.parametrize(
    ("image_bytes", "jobs", "warned"),
    [(100, 2, None), (25_000_000, 1, None), (25_000_000, 2, "--jobs"), (80_000_000, 1, "needs")],
)
def test_it_warns_of_what_memory_does_not_hold(
    plan_of: PlanOf,
    tiny_protocol: Write,
    look: Any,
    image_bytes: int,
    jobs: int,
    warned: str | None,
) -> None:
    works, make = look(plan_of(tiny_protocol()))
    cost = replace(STEP, image_bytes=image_bytes)
    calibration = measured(works, jobs, train_pairs=cost, train_classifier=cost, evaluate=cost)
    warnings = make(calibration, jobs=jobs).warnings
    assert len(warnings) == (warned is not None)
    assert warned is None or warned in warnings[0]


def test_disk_holds_weights_frames_and_originals(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    works, make = look(plan_of(tiny_protocol(("[24, 16]", "[12, 8]"))))
    disk = make(measured(works)).disk_bytes
    assert disk == {
        "weights": 2 * 250,
        "working_frames": 96 * 12 * 8 * 3,
        "decoded_originals": 96 * 24 * 16 * 3,
    }
    kept = ("weights: none", "weights: none\nkeep_weights: true")
    works, make = look(plan_of(tiny_protocol(kept)))
    assert make(measured(works)).disk_bytes["weights"] == 2 * 250 + 8 * 300


def test_overlapping_patches_share_their_frame() -> None:
    import pandas as pd

    from mpcs_bench.data.index import SampleIndex

    boxes = pd.DataFrame(
        {
            "pixel_hash": ["a", "a", "a", "b"],
            "width": 10,
            "height": 6,
            "box_x": [0, 2, 4, 0],
            "box_y": 0,
            "box_w": 6,
            "box_h": 6,
        }
    )
    index = SampleIndex(boxes, None, "")  # type: ignore[arg-type]
    dataset: Any = None
    assert original_bytes(index, dataset) == 2 * 10 * 6 * 3
    assert frame_bytes(index, dataset, (12, 12)) == 3 * (20 * 12 + 12 * 12)


def test_without_data_it_says_what_it_rests_on(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    plan = plan_of(tiny_protocol(("folds: 3", "folds: 5")), data_roots=NOWHERE)
    works, make = look(plan)
    expected = make(measured(works))
    assert set(expected.declared) == {stage.spec.symbolic for stage in plan.stages}
    assert expected.total is not None
    assert expected.disk_bytes["decoded_originals"] == 7909 * 700 * 460 * 3


def test_without_data_and_numbers_it_says_so(
    plan_of: PlanOf, tiny_protocol: Write, look: Any
) -> None:
    official = ("scheme: kfold, folds: 3", "scheme: official")
    works, make = look(plan_of(tiny_protocol(official), data_roots=NOWHERE))
    expected = make(measured(works))
    assert expected.total is None
    assert {item.why for item in expected.unknown} == {NO_COUNTS}
    assert sum(item.stages for item in expected.unknown) == len(works)


def test_an_unknown_kind_is_unknown(plan_of: PlanOf, tiny_protocol: Write, look: Any) -> None:
    plan = plan_of(tiny_protocol())
    strange = [
        replace(stage, spec=replace(stage.spec, kind="dream"))  # type: ignore[arg-type]
        for stage in plan.stages[:1]
    ]
    works, make = look(replace(plan, stages=(*strange, *plan.stages[1:])))
    expected = make(measured(works))
    assert expected.total is None
    assert expected.hours["dream"] is None
    assert [item.what for item in expected.unknown] == ["dream on tissue"]


def test_it_is_json(plan_of: PlanOf, tiny_protocol: Write, look: Any) -> None:
    works, make = look(plan_of(tiny_protocol()))
    value = make(measured(works)).as_json()
    assert json.loads(json.dumps(value)) == value
    assert {"device", "hours", "memory_bytes", "disk_bytes", "unknown"} <= value.keys()
    assert value["disk_bytes"]["total"] == sum(
        value["disk_bytes"][name] for name in ("weights", "working_frames", "decoded_originals")
    )


def test_a_plan_without_calibration_reads_what_an_earlier_one_measured(
    plan_of: PlanOf, tiny_protocol: Write, look: Any, workspace: Workspace
) -> None:
    plan = plan_of(tiny_protocol())
    before = forecast_plan(plan, workspace, api.registry())
    assert before.total is None
    assert not (workspace.root / FILE).exists()
    works, _ = look(plan)
    known = replace(measured(works), device=device_facts("cpu"))
    write_calibration(workspace.root / FILE, known)
    assert forecast_plan(plan, workspace, api.registry()).total is not None


def test_stages_that_wait_for_weights_are_counted_from_their_data(
    plan_of: PlanOf, tiny_protocol: Write, workspace: Workspace
) -> None:
    missing = ("weights: none", "weights: {source: file, file: /no/such.safetensors}")
    waiting = plan_of(tiny_protocol(missing))
    blocked = tuple(stage for stage in waiting.stages if stage.status == "blocked")
    assert len(blocked) == 10
    # The last plan names its data nowhere, as where pre-training has a data set of its own.
    for plan in (waiting, replace(waiting, stages=blocked, cells=())):
        counter = StageCounter(plan, workspace, api.registry())
        for work in remaining_work(plan, counter):
            assert work.counts is not None
            assert not work.counts.declared
