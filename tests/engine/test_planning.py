"""Keys and reasons: what makes a stage run again, and what does not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError, SplitError
from mpcs_bench.records import StageState, write_state

Write = Callable[..., Path]
PlanOf = Callable[..., Plan]


def _keys(plan: Plan, kind: str | None = None) -> set[str | None]:
    return {stage.key for stage in plan.stages if kind in (None, stage.spec.kind)}


def test_stages_that_cells_share_stand_once_and_upstream_first(
    plan_of: PlanOf, tiny_protocol: Write
) -> None:
    plan = plan_of(tiny_protocol())
    assert len(plan.cells) == 12
    assert plan.kinds() == {"finetune": 8, "pretrain": 2, "colour-floor": 4}
    order = [stage.key for stage in plan.stages]
    for stage in plan.stages:
        assert stage.job is not None
        if stage.job.upstream_key is not None:
            assert order.index(stage.job.upstream_key) < order.index(stage.key)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: tiny", "name: other"),
        ("label: Ordered Pair", "label: Another label"),
        ("title: A protocol", "title: The protocol"),
        ("  exp-3:", "  exp-7:"),
        ("weights: none", "weights: none\nkeep_weights: true"),
        ("group: case", "group: case, accept: [rare-subtype]"),
    ],
)
def test_names_and_runtime_settings_change_no_key(
    plan_of: PlanOf, tiny_protocol: Write, old: str, new: str
) -> None:
    assert _keys(plan_of(tiny_protocol())) == _keys(plan_of(tiny_protocol((old, new))))


def test_where_data_and_workspace_lie_changes_no_key(
    plan_of: PlanOf, tiny_protocol: Write, tiny_breakhis: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(tiny_breakhis, tmp_path / "moved")
    elsewhere = Workspace(tmp_path / "elsewhere")
    here = plan_of(tiny_protocol())
    there = plan_of(tiny_protocol(), at=elsewhere, data_roots={"tissue": str(moved)})
    assert _keys(here) == _keys(there)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("temperature: 0.2", "temperature: 0.1", {"pretrain"}),
        ("strategy: ordered", "strategy: random", {"pretrain"}),
        ("encoder: timm/test_resnet", "encoder: timm/test_vit", {"pretrain", "finetune"}),
        ("weights: none", "weights: none\nthreads: 2", {"pretrain", "finetune"}),
        ("image_size: [24, 16]", "image_size: [20, 16]", {"pretrain", "finetune", "colour-floor"}),
        ("seed: 5", "seed: 6", {"pretrain", "finetune", "colour-floor"}),
    ],
)
def test_what_can_change_a_number_changes_the_keys_it_should(
    plan_of: PlanOf, tiny_protocol: Write, old: str, new: str, changed: set[str]
) -> None:
    before, after = plan_of(tiny_protocol()), plan_of(tiny_protocol((old, new)))
    for kind in ("pretrain", "colour-floor"):
        assert bool(_keys(before, kind) & _keys(after, kind)) == (kind not in changed)
    untouched = _keys(before, "finetune") & _keys(after, "finetune")
    # Fine-tunings without pre-training stand on no pre-training.
    assert len(untouched) == (0 if "finetune" in changed else 4)


def test_the_same_images_under_new_pixels_are_other_data(
    plan_of: PlanOf, tiny_protocol: Write, tiny_breakhis: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(tiny_breakhis, tmp_path / "changed"))
    first, second = sorted(changed.rglob("*.png"))[:2]
    shutil.copyfile(second, first)
    before = plan_of(tiny_protocol())
    after = plan_of(tiny_protocol(), data_roots={"tissue": str(changed)})
    assert not _keys(before) & _keys(after)


def test_two_protocols_share_what_is_equal(
    plan_of: PlanOf, tiny_protocol: Write, workspace: Workspace
) -> None:
    from mpcs_bench import api

    first = tiny_protocol()
    second = tiny_protocol(("name: tiny", "name: twin"), name="twin.yaml")
    plan = api.plan([str(first), str(second)], workspace, api.Options(device="cpu"))
    assert len(plan.cells) == 24
    assert len(plan.stages) == 14


@pytest.mark.parametrize(
    ("state", "reason"), [("failed", "failed before: it broke"), ("interrupted", "interrupted")]
)
def test_the_reason_tells_what_happened_before(
    plan_of: PlanOf, tiny_protocol: Write, workspace: Workspace, state: str, reason: str
) -> None:
    path = tiny_protocol()
    first = plan_of(path).stages[0]
    assert first.reason == "new"
    assert first.key is not None
    write_state(
        workspace.root,
        StageState(first.key, first.spec.symbolic, state, error="it broke"),  # type: ignore[arg-type]
    )
    assert plan_of(path).stages[0].reason.startswith(reason)


def test_blocked_stages_name_what_is_missing(
    plan_of: PlanOf, tiny_protocol: Write, tiny_breakhis: Path
) -> None:
    plan = plan_of(tiny_protocol((str(tiny_breakhis), "/nowhere/at/all")))
    assert {stage.status for stage in plan.stages} == {"blocked"}
    assert all("/nowhere/at/all" in stage.reason for stage in plan.stages)
    assert all(cell.key is None for cell in plan.cells)


def test_pretraining_on_what_another_data_set_tests_is_leakage(
    plan_of: PlanOf, tiny_protocol: Write, tiny_breakhis: Path
) -> None:
    """One tree under two names, split by two seeds: pre-training has seen the test patients."""
    second = (
        f"  other:\n    plugin: breakhis\n    root: {tiny_breakhis}\n    image_size: [24, 16]\n"
        "    split: {scheme: kfold, folds: 3, group: patient, seed: 5}\n"
    )
    path = tiny_protocol(
        ("encoder: timm", second + "encoder: timm"),
        ("pretraining:\n  dataset: tissue", "pretraining:\n  dataset: other"),
    )
    with pytest.raises(SplitError, match="pretrain-test-overlap"):
        plan_of(path)


def test_only_refuses_an_unknown_axis_and_an_empty_choice(
    plan_of: PlanOf, tiny_protocol: Write
) -> None:
    with pytest.raises(BenchError, match="Did you mean 'fold'"):
        plan_of(tiny_protocol(), only={"folds": {"0"}})
    with pytest.raises(BenchError, match="keeps none of 12 cells"):
        plan_of(tiny_protocol(), only={"fold": {"7"}})


def test_imagenet_weights_may_come_from_a_named_file(
    plan_of: PlanOf, tiny_protocol: Write, tmp_path: Path
) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"weights")
    path = tiny_protocol(("weights: none", "weights: {source: imagenet, file: net.safetensors}"))
    plan = plan_of(path, only={"experiment": {"exp-1"}})
    assert {stage.status for stage in plan.stages} == {"run"}
    job = plan.stages[0].job
    assert job is not None
    assert job.weights_file == str(tmp_path / "net.safetensors")
