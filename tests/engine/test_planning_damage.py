"""What a plan makes of results on disk: whole ones are done, damaged ones run again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mpcs_bench.engine.plan import Plan, PlannedStage
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.records import ResultSpec, ResultTables, check_result, write_result

PlanOf = Callable[..., Plan]
Write = Callable[..., Path]


def fabricate(stage: PlannedStage, workspace: Workspace) -> Path:
    """Write an empty result of a stage, as if it had run."""
    assert stage.job is not None
    files = {"weights.safetensors": b"\0" * 64} if stage.spec.kind == "pretrain" else {}
    spec = ResultSpec(
        stage.job.key, stage.spec.kind, stage.spec.symbolic, 1, stage.job.hashed, stage.job.axes
    )
    return write_result(workspace.results, spec, ResultTables(), files)


def _unlink(name: str) -> Callable[[Path], object]:
    return lambda path: (path / name).unlink()


def _flip(path: Path) -> None:
    file = path / "weights.safetensors"
    file.write_bytes(b"\1" + file.read_bytes()[1:])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (_unlink("history.parquet"), "history.parquet is missing"),
    "no manifest": (_unlink("manifest.json"), "Cannot read"),
    "truncated": (
        lambda path: (path / "weights.safetensors").write_bytes(b"\0" * 10),
        "weights.safetensors has 10 bytes, not 64",
    ),
    "changed": (_flip, "weights.safetensors has another SHA-256"),
    "a stranger": (
        lambda path: (path / "mine.txt").write_text("x"),
        "mine.txt is no file of this result",
    ),
    "no JSON": (lambda path: (path / "manifest.json").write_text("{"), "not valid JSON"),
    "emptied": (
        lambda path: [child.unlink() for child in path.iterdir()],
        "Cannot read",
    ),
}


@pytest.fixture
def done(plan_of: PlanOf, tiny_protocol: Write, workspace: Workspace) -> Path:
    """A protocol whose first stage, a pre-training, has a result that a plan has seen whole."""
    path = tiny_protocol()
    stage = next(s for s in plan_of(path).stages if s.spec.kind == "pretrain")
    fabricate(stage, workspace)
    assert plan_of(path).count("done") == 1
    return path


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_result_runs_again_and_is_kept_aside(
    plan_of: PlanOf, done: Path, workspace: Workspace, damage: str
) -> None:
    (folder,) = workspace.results.iterdir()
    do, said = DAMAGES[damage]
    do(folder)
    remains = sorted(child.name for child in folder.iterdir())

    plan = plan_of(done)

    (again,) = [stage for stage in plan.stages if stage.key == folder.name]
    assert again.status == "run"
    assert again.reason.startswith("its result is damaged: ")
    assert said in again.reason
    assert plan.count("done") == 0

    fabricate(again, workspace)
    assert check_result(folder) == []
    assert plan_of(done).count("done") == 1
    aside = [path for path in workspace.results.iterdir() if path != folder]
    if damage == "emptied":
        return  # there was nothing to keep
    assert len(aside) == 1
    assert aside[0].name.startswith(f".damaged-{folder.name}-")
    assert sorted(child.name for child in aside[0].iterdir()) == remains


def test_a_result_that_was_seen_whole_is_not_read_again(
    plan_of: PlanOf, done: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: nothing of it is hashed."""
    from mpcs_bench.records import check

    hashed = []
    monkeypatch.setattr(check, "sha256_of", lambda path: hashed.append(path) or "")

    assert plan_of(done).count("done") == 1
    assert hashed == []


def test_a_workspace_that_was_copied_is_read_once(
    plan_of: PlanOf, done: Path, workspace: Workspace, tmp_path: Path
) -> None:
    copy = Workspace(tmp_path / "copy")
    shutil.copytree(workspace.root, copy.root)
    (folder,) = copy.results.iterdir()
    _flip(folder)

    assert plan_of(done, at=copy).count("done") == 0
    assert plan_of(done).count("done") == 1


def test_why_a_stage_is_new_is_told_from_the_newest_result_of_its_id(
    plan_of: PlanOf, done: Path, tiny_protocol: Write, workspace: Workspace
) -> None:
    changed = tiny_protocol(
        ("epochs: 2\n  batch_size: 4\nfine", "epochs: 3\n  batch_size: 4\nfine")
    )

    reasons = {stage.reason for stage in plan_of(changed).stages if stage.spec.kind == "pretrain"}

    assert reasons == {"params changed: epochs", "new"}


def test_only_states_that_a_plan_asks_about_are_read(
    plan_of: PlanOf, done: Path, workspace: Workspace
) -> None:
    (workspace.root / "states").mkdir()
    (workspace.root / "states" / "another.json").write_text("{")
    (folder,) = workspace.results.iterdir()
    (workspace.root / "states" / f"{folder.name}.json").write_text("{")

    assert plan_of(done).count("done") == 1
