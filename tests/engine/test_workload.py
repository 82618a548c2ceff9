"""What a stage is said to compute is what it computes, to the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mpcs_bench import api
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.stage_counts import StageCounter, declared_counts
from mpcs_bench.engine.stage_work import StageWork, remaining_work
from mpcs_bench.engine.workload import Counts, shapes, workload
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.protocol.cells import DataNeed, StageSpec, WeightsNeed
from mpcs_bench.protocol.schema import DatasetSettings
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.stages import predict
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import Tick
from mpcs_bench.stages.watch import Watch

Write = Callable[..., Path]
PlanOf = Callable[..., Plan]

FINETUNING = "  epochs: 2\n  batch_size: 4\nexperiments:\n"
ONE_POINT = ("train_magnification: [100, 400]\n  fold: [0, 1]", "train_magnification: [100]")


@dataclass
class Seen:
    """What went through the encoder while a stage ran."""

    trained: int = 0
    steps: int = 0
    evaluated: int = 0
    passes: int = 0
    largest: int = 0


@contextmanager
def watching() -> Iterator[Seen]:
    """Count the images that reach any encoder, in training and in evaluation."""
    seen = Seen()

    def look(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if type(module).__name__ != "ResNet":
            return
        images = len(inputs[0])
        if module.training:
            seen.trained, seen.steps = seen.trained + images, seen.steps + 1
            seen.largest = max(seen.largest, images)
        else:
            seen.evaluated, seen.passes = seen.evaluated + images, seen.passes + 1

    handle = nn.modules.module.register_module_forward_pre_hook(look)
    try:
        yield seen
    finally:
        handle.remove()


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    """A stage sets its process up for itself; the tests after it get theirs back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def works_of(plan: Plan, workspace: Workspace) -> dict[str, StageWork]:
    counter = StageCounter(plan, workspace, api.registry())
    return {work.spec.symbol: work for work in remaining_work(plan, counter)}


@pytest.mark.parametrize(
    "replacements",
    [
        pytest.param([], id="last epoch"),
        pytest.param(
            [
                (
                    FINETUNING,
                    "  epochs: 3\n  batch_size: 3\n"
                    "  selection: {rule: validation, fraction: 0.3}\nexperiments:\n",
                ),
                ("  batch_size: 4\nfinetuning:", "  batch_size: 7\nfinetuning:"),
            ],
            id="validation",
        ),
        pytest.param(
            [
                (
                    FINETUNING,
                    "  test_magnifications: [40, 400]\n  epochs: 2\n  batch_size: 500\n"
                    "  selection: {rule: test}\nexperiments:\n",
                ),
                ("  batch_size: 4\nfinetuning:", "  batch_size: 500\nfinetuning:"),
            ],
            id="test",
        ),
    ],
)
def test_work_is_what_the_stages_then_do(
    plan_of: PlanOf,
    tiny_protocol: Write,
    workspace: Workspace,
    replacements: list[tuple[str, str]],
) -> None:
    probe = "  probe: {label: Linear, set: {adaptation: linear}}\n  floor:"
    path = tiny_protocol(*replacements, ONE_POINT, ("  floor:", probe))
    plan = plan_of(path)
    works = works_of(plan, workspace)
    assert {stage.spec.kind for stage in plan.stages} == {
        "pretrain",
        "finetune",
        "linear",
        "colour-floor",
    }
    for stage in plan.stages:
        assert stage.job is not None
        ticks: list[Tick] = []
        with watching() as seen:
            execute(stage.job, Watch(ticks.append))
        said = works[stage.spec.symbol].workload
        assert said is not None
        if stage.spec.kind == "colour-floor":  # it sees every image once, and no encoder does
            counts = works[stage.spec.symbol].counts
            assert counts is not None
            assert said.evaluated == counts.train + counts.validation + counts.test
            continue
        done = (seen.trained, seen.steps, seen.evaluated, seen.passes, seen.largest)
        # A last batch of one joins the one before it: the largest step may be one item larger.
        assert done[:4] == (said.trained, said.steps, said.evaluated, said.passes), stage.spec.kind
        views = 2 if stage.spec.kind == "pretrain" else 1
        assert said.batch <= seen.largest <= said.batch + views
        if stage.spec.kind != "linear":
            assert ticks[-1].images == said.trained


def test_evaluation_is_cut_as_the_predictor_cuts_it() -> None:
    from mpcs_bench.engine import workload as module

    assert module.EVALUATION_BATCH == predict.BATCH
    assert module.EVALUATION_PIXELS == predict.BATCH_PIXELS


def finetune_spec(plan: Plan) -> StageSpec:
    return next(stage.spec for stage in plan.stages if stage.spec.kind == "finetune")


def test_patience_makes_the_work_the_most_that_it_can_be(
    plan_of: PlanOf, tiny_protocol: Write
) -> None:
    rule = "  selection: {rule: validation, patience: 1}\nexperiments:\n"
    spec = finetune_spec(plan_of(tiny_protocol(("experiments:\n", rule))))
    counts = Counts(source=(24, 16), train=10, validation=4, test=6)
    said = workload(spec, counts)
    assert said is not None
    assert said.at_most
    plain = workload(finetune_spec(plan_of(tiny_protocol())), counts)
    assert plain is not None
    assert not plain.at_most


@given(images=st.integers(1, 300), epochs=st.integers(1, 4), size=st.integers(2, 64))
def test_every_image_is_taken_once_an_epoch(images: int, epochs: int, size: int) -> None:
    spec = StageSpec(
        kind="finetune",
        symbolic="x",
        spec={
            "epochs": epochs,
            "batch_size": size,
            "selection": {"rule": "last"},
            "transform": {"input_size": [8, 8]},
        },
        data=DataNeed("x", {}, DatasetSettings(plugin="x"), 0),
        weights=WeightsNeed("none", None),
    )
    said = workload(spec, Counts(source=(8, 8), train=images))
    assert said is not None
    assert said.trained == images * epochs
    assert said.steps % epochs == 0
    assert (said.steps // epochs - 1) * said.batch < images


def test_arms_and_seeds_share_shapes_and_encoders_do_not(
    plan_of: PlanOf, tiny_protocol: Write, workspace: Workspace
) -> None:
    plan = plan_of(tiny_protocol())
    keys = {shape.key for work in works_of(plan, workspace).values() for shape in work.shapes()}
    assert len(keys) == 4, "pairs, classifier, evaluation, colour"
    other = plan_of(tiny_protocol(("timm/test_resnet", "timm/test_vit")))
    others = {shape.key for work in works_of(other, workspace).values() for shape in work.shapes()}
    assert len(keys & others) == 1, "colour"


def test_of_an_unknown_kind_nothing_is_said(plan_of: PlanOf, tiny_protocol: Write) -> None:
    spec = replace(finetune_spec(plan_of(tiny_protocol())), kind="dream")  # type: ignore[arg-type]
    counts = Counts(source=(24, 16), train=10, test=6)
    assert workload(spec, counts) is None
    assert shapes(spec, counts) == (None, None)


def dataset(name: str, **params: Any) -> Dataset:
    registry = api.registry()
    return registry.create(registry.resolve("dataset", name, params), Dataset)


def test_without_data_counts_come_from_what_is_declared(
    plan_of: PlanOf, tiny_protocol: Write, workspace: Workspace
) -> None:
    folds = ("folds: 3", "folds: 5")
    nowhere = {"tissue": "/no/such/folder"}
    plan = plan_of(tiny_protocol(folds), data_roots=nowhere)
    assert plan.count("blocked") == len(plan.stages)
    works = works_of(plan, workspace).values()
    said = {w.spec.kind: w.counts for w in works if w.spec.spec.get("train_magnification") != 400}
    assert all(counts is not None and counts.declared for counts in said.values())
    pretrain, finetune = said["pretrain"], said["finetune"]
    assert pretrain is not None
    assert finetune is not None
    assert pretrain.sets == round(1558 * 3 / 5)
    assert (finetune.train, finetune.test) == (416, 416), "a fifth of the 2,081 images at 100X"


@pytest.mark.slow
def test_declared_counts_are_near_what_the_data_give(
    plan_of: PlanOf, tiny_protocol: Write, workspace: Workspace, breakhis_tree: Path
) -> None:
    path = tiny_protocol(("folds: 3", "folds: 5"))
    plan = plan_of(path, data_roots={"tissue": str(breakhis_tree)})
    for work in works_of(plan, workspace).values():
        counts, declared = work.counts, declared_counts(work.spec, dataset("breakhis"))
        assert counts is not None
        assert declared is not None
        for name, value in declared.items():
            assert getattr(counts, name) == pytest.approx(value, rel=0.2), name


@pytest.mark.parametrize(
    ("name", "params", "patches"),
    [
        ("ucsb", {}, 16),
        ("ucsb", {"layout": "floor"}, 12),
        ("ucsb", {"patch": None}, 1),
        ("bach", {}, 12),
        ("bach", {"overlap": 0.5}, 35),
        ("breakhis", {}, 1),
    ],
)
def test_patches_of_an_image_are_declared(name: str, params: dict[str, Any], patches: int) -> None:
    assert dataset(name, **params).patches_per_image == patches


def test_a_published_split_cannot_be_counted_without_it(
    plan_of: PlanOf, tiny_protocol: Write, workspace: Workspace
) -> None:
    official = ("scheme: kfold, folds: 3", "scheme: official")
    plan = plan_of(tiny_protocol(official), data_roots={"tissue": "/no/such/folder"})
    assert all(work.counts is None for work in works_of(plan, workspace).values())
