"""`gc` and `invalidate`: what goes, what stays, and that a kill at any moment does no harm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mpcs_bench import api
from mpcs_bench.cli.app import app
from mpcs_bench.cli.progress import observing
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import BenchError, StoreError
from mpcs_bench.records import StageState, check_result, list_results, read_plans, write_state
from mpcs_bench.records.process import unique_token
from mpcs_bench.store import ComparisonRow, Store

KILLER = Path(__file__).with_name("killed_upkeep.py")
OLD = 1_600_000_000


@pytest.fixture
def workspace(ran: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace of the tiny protocol; its folder is the current one."""
    monkeypatch.chdir(ran.parent)
    return Workspace(ran.parent / "mpcs-workspace")


def _run(workspace: Workspace, reference: str = "tiny.yaml", **options: Any) -> Any:
    with observing() as observer:
        return api.run([reference], workspace, api.Options(**options), observer=observer)[1]


def _narrowed(workspace: Workspace) -> set[str]:
    """Plan the protocol anew with fold 0 alone; return the keys that nothing needs now."""
    before = set(list_results(workspace.results))
    outcome = _run(workspace, assignments=("matrix.fold=[0]",))
    assert (outcome.done, outcome.already) == (0, 7)
    (plan,) = read_plans(workspace.root)
    needed = {key for cell in plan.cells for key in (cell.key, *cell.stages)}
    return before - needed


def _gc(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["gc", "--json", *arguments])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _keys(found: dict[str, Any], group: str) -> set[str]:
    return {item["key"] for item in found["groups"].get(group, [])}


def _digest(workspace: Workspace) -> str:
    return api.connect(workspace).digest()


def _pretraining(workspace: Workspace, fold: int = 0) -> tuple[str, set[str]]:
    """Return the pre-training of a fold, and the cells that stand on it."""
    (plan,) = read_plans(workspace.root)
    cells = [cell for cell in plan.cells if cell.stages and cell.axes["fold"] == fold]
    return cells[0].stages[0], {str(cell.key) for cell in cells}


def _states(workspace: Workspace) -> dict[str, str]:
    with api.connect(workspace).reader() as connection:
        return dict(connection.execute("SELECT key, state FROM stages").fetchall())


def _aged(path: Path) -> Path:
    os.utime(path, (OLD, OLD))
    return path


def test_a_workspace_whose_plans_need_everything_holds_nothing_that_can_go(
    workspace: Workspace,
) -> None:
    for path in workspace.cache.rglob("*"):
        _aged(path)
    found = _gc()
    assert (found["groups"], found["notices"], found["bytes"]) == ({}, [], 0)


def test_results_that_no_plan_needs_go_with_their_pretraining_and_the_others_stay(
    workspace: Workspace,
) -> None:
    spare = _narrowed(workspace)
    assert len(spare) == 7
    kept = set(list_results(workspace.results)) - spare
    listed = _gc()
    assert _keys(listed, "results") == spare
    assert listed["bytes"] > 0
    assert listed["removed"] is None
    assert set(list_results(workspace.results)) == kept | spare  # nobody said --yes
    assert _gc("--yes")["removed"]["things"] == 7
    assert set(list_results(workspace.results)) == kept
    assert {path.stem for path in (workspace.root / "states").iterdir()} == kept
    assert set(_states(workspace)) == kept
    assert _gc()["groups"] == {}
    assert _run(workspace, assignments=("matrix.fold=[0]",)).already == 7


def test_without_a_terminal_it_only_lists_and_says_so(workspace: Workspace) -> None:
    spare = _narrowed(workspace)
    done = CliRunner().invoke(app, ["gc"])
    assert done.exit_code == 0
    assert "Listed only" in done.stderr
    assert "7 things" in done.stdout
    assert spare <= set(list_results(workspace.results))


def test_a_pretraining_is_kept_for_a_cell_that_is_still_to_run(workspace: Workspace) -> None:
    key, cells = _pretraining(workspace)
    for cell in cells:
        shutil.rmtree(workspace.results / cell)
        (workspace.root / "states" / f"{cell}.json").unlink()
    found = _gc()
    assert key not in _keys(found, "results")
    assert _keys(found, "rows") == cells  # the database must not keep their new results out


def test_what_may_belong_to_a_blocked_cell_is_kept(
    workspace: Workspace, tmp_path: Path, tiny_breakhis: Path
) -> None:
    text = (tmp_path / "tiny.yaml").read_text().replace(str(tiny_breakhis), "gone")
    (tmp_path / "tiny.yaml").write_text(text)
    assert _run(workspace).blocked == 14
    found = _gc()
    assert found["groups"] == {}
    assert any("blocked cells of tiny" in notice for notice in found["notices"])


def test_without_any_plan_nothing_is_spare(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root / "plans")
    found = _gc()
    assert found["groups"] == {}
    assert "No plan is left here" in found["notices"][0]


def test_checkpoints_go_once_their_stage_is_finished_or_unknown(workspace: Workspace) -> None:
    finished, cells = _pretraining(workspace)
    planned = min(cells)
    shutil.rmtree(workspace.results / planned)
    for key in (finished, planned, "f" * 64):
        (workspace.root / "checkpoints" / key).mkdir(parents=True)
    assert _keys(_gc(), "checkpoints") == {finished, "f" * 64}


def test_what_dead_processes_left_goes_and_what_living_ones_write_stays(
    workspace: Workspace,
) -> None:
    code = (
        "import os, sys\n"
        "from mpcs_bench.records.process import unique_token\n"
        "print(os.getpid(), unique_token())\n"
    )
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid, token = dead.stdout.split()
    left = workspace.results / f".tmp-{'a' * 64}-{pid}-{token}"
    left.mkdir()
    living = workspace.results / f".tmp-{'b' * 64}-{os.getpid()}-{unique_token()}"
    living.mkdir()
    half = workspace.cache / "working" / ".x.npy.123.tmp"
    half.write_bytes(b"1")
    _aged(half)
    (workspace.cache / "working" / ".y.npy.123.tmp").write_bytes(b"1")
    damaged = workspace.results / f".damaged-{'c' * 64}-{token}"
    damaged.mkdir()
    found = _gc("--yes")
    names = {item["name"] for item in found["groups"]["temporaries"]}
    assert names == {f"results/{left.name}", "cache/working/.x.npy.123.tmp"}
    assert [item["name"] for item in found["groups"]["damaged"]] == [damaged.name]
    assert living.is_dir()
    assert not any(path.exists() for path in (left, half, damaged))


def test_data_that_no_plan_uses_leave_the_cache(
    workspace: Workspace, tmp_path: Path, tiny_breakhis: Path
) -> None:
    other = shutil.copytree(tiny_breakhis, tmp_path / "other")
    images = sorted(other.rglob("*.png"))
    images[0].write_bytes(images[1].read_bytes())  # other pixels, another fingerprint
    used = {path for path in workspace.cache.rglob("*") if path.is_file()}
    text = (tmp_path / "tiny.yaml").read_text().replace(str(tiny_breakhis), str(other))
    text = text.replace("name: tiny", "name: second").replace("seed: 5", "seed: 6")
    (tmp_path / "second.yaml").write_text(text)
    api.plan(["second.yaml"], workspace)  # decodes and splits, and leaves no plan
    assert _gc()["groups"] == {}, "new files may be another command's work"
    for path in workspace.cache.rglob("*"):
        _aged(path)
    found = _gc("--yes")
    assert set(found["groups"]) == {"indexes", "splits"}, "pixels are those of the first data too"
    left = {path for path in workspace.cache.rglob("*") if path.is_file()}
    assert used <= left
    assert not [path for path in left - used if path.suffix == ".parquet"]
    assert _run(workspace).already == 14


def test_images_and_frames_of_data_that_are_gone_from_the_plans_go(workspace: Workspace) -> None:
    for path in workspace.cache.rglob("*"):
        _aged(path)
    pixel = workspace.cache / "pixels" / "ab" / f"ab{'0' * 62}.npy"
    pixel.parent.mkdir(exist_ok=True)
    frames = workspace.cache / "working" / f"{'1' * 64}.npy"
    drawn = workspace.cache / "generated" / "mpcs_paper-synthetic-0123456789abcdef"
    drawn.mkdir(parents=True)
    for path in (pixel, frames):
        path.write_bytes(b"123")
    for path in (pixel, frames, drawn):
        _aged(path)
    found = _gc("--yes")
    assert set(found["groups"]) == {"pixels", "working images", "generated data"}
    assert found["groups"]["pixels"][0]["paths"] == [str(pixel.relative_to(Path.cwd()))]
    assert not any(path.exists() for path in (pixel, frames, drawn))
    assert _run(workspace).already == 14


def test_the_cache_is_left_alone_where_a_stage_to_run_says_nothing_of_its_data(
    workspace: Workspace,
) -> None:
    key, _ = _pretraining(workspace)
    shutil.rmtree(workspace.results / key)
    shutil.rmtree(workspace.root / "origins", ignore_errors=True)
    stray = _aged_index(workspace)
    assert any("The cache is left alone" in notice for notice in _gc()["notices"])
    planned = api.plan(["tiny.yaml"], workspace)
    api.record_origins(workspace, ["tiny.yaml"], api.Options(), planned)
    assert _keys(_gc(), "indexes") == {stray.stem}


def _aged_index(workspace: Workspace) -> Path:
    (index,) = (workspace.cache / "index").glob("*.parquet")
    return _aged(Path(shutil.copy(index, index.with_name(f"{'e' * 64}.parquet"))))


@pytest.mark.parametrize("command", [["gc", "--yes"], ["invalidate", "1", "--yes"]])
def test_nothing_is_touched_while_a_run_has_the_workspace(
    workspace: Workspace, command: list[str]
) -> None:
    _narrowed(workspace)
    before = list_results(workspace.results)
    with workspace.lock():
        done = CliRunner().invoke(app, command)
        assert isinstance(done.exception, StoreError)
        assert f"process {os.getpid()}" in done.exception.message
    assert list_results(workspace.results) == before
    assert not (workspace.root / ".trash").exists()


def test_a_pretraining_takes_what_stands_on_it_along(workspace: Workspace) -> None:
    key, cells = _pretraining(workspace)
    done = CliRunner().invoke(app, ["invalidate", key[:10], "--yes"])
    assert done.exit_code == 0, done.output
    assert "3 stages in all, 3 with a result" in done.stdout
    gone = {key, *cells}
    assert not gone & set(list_results(workspace.results))
    assert {_states(workspace).get(cell) for cell in cells} == {"planned"}
    planned = api.plan(["tiny.yaml"], workspace)
    assert {stage.key for stage in planned.to_run()} == gone


def test_a_cell_is_computed_anew_and_the_database_takes_it_in(workspace: Workspace) -> None:
    before = _digest(workspace)
    (floor, *_) = [key for key, kind in _kinds(workspace).items() if kind == "colour-floor"]
    made = (workspace.results / floor / "manifest.json").read_bytes()
    api.invalidate(workspace, api.invalidation(workspace, [floor]))
    assert _digest(workspace) != before
    assert _run(workspace).done == 1
    assert _digest(workspace) == before
    assert (workspace.results / floor / "manifest.json").read_bytes() != made
    with api.connect(workspace).reader() as connection:
        sql = "SELECT timings->>'seconds' FROM stages WHERE key = ?"
        (stored,) = connection.execute(sql, [floor]).fetchone() or ("",)
    manifest = json.loads((workspace.results / floor / "manifest.json").read_text())
    assert float(stored) == manifest["timings"]["seconds"]


def test_what_was_moved_aside_can_be_moved_back_until_gc(workspace: Workspace) -> None:
    before, states = _digest(workspace), _states(workspace)
    key, _ = _pretraining(workspace)
    CliRunner().invoke(app, ["invalidate", key, "--yes"])
    CliRunner().invoke(app, ["invalidate", "--stage", "colour-floor", "--yes"])
    assert _digest(workspace) != before
    assert len(_gc()["groups"]["moved aside"]) == 2
    for count in (4, 3):
        done = CliRunner().invoke(app, ["invalidate", "--undo", "--json"])
        assert len(json.loads(done.stdout)["back"]) == count
    assert (_digest(workspace), _states(workspace)) == (before, states)
    CliRunner().invoke(app, ["invalidate", key, "--yes"])
    _gc("--yes")
    with pytest.raises(StoreError, match="Nothing was moved aside"):
        api.restore(workspace)


def test_a_new_result_is_not_replaced_by_the_old_one(workspace: Workspace) -> None:
    (floor, *_) = [key for key, kind in _kinds(workspace).items() if kind == "colour-floor"]
    batch = api.invalidate(workspace, api.invalidation(workspace, [floor]))
    shutil.copytree(batch.path / "results" / floor, workspace.results / floor)
    made = (workspace.results / floor / "manifest.json").read_bytes()
    restored = api.restore(workspace)
    assert (restored.back, restored.left) == ((), (floor,))
    assert (workspace.results / floor / "manifest.json").read_bytes() == made
    assert (batch.path / "results" / floor).is_dir()
    assert len(_gc()["groups"]["moved aside"]) == 1


def _kinds(workspace: Workspace) -> dict[str, str]:
    with api.connect(workspace).reader() as connection:
        return dict(connection.execute("SELECT key, kind FROM stages").fetchall())


def test_comparisons_of_the_protocols_concerned_go_too(workspace: Workspace) -> None:
    row = {
        "baseline": "exp-1",
        "candidate": "exp-3",
        "metric": "f1",
        "magnification": 0,
        "unit": "fold",
        "method": "t",
        "dataset": "tissue",
        "computed_at": datetime(2026, 1, 1),
    }
    store = Store(workspace.root)
    store.save_comparisons([ComparisonRow(protocol=name, **row) for name in ("tiny", "other")])
    found = api.invalidation(workspace, kinds=["colour-floor"], protocols=["tiny"])
    assert (len(found.named), found.protocols) == (4, ("tiny",))
    api.invalidate(workspace, found)
    _, rows = store.query("SELECT protocol FROM comparison WHERE metric = 'f1'")
    assert rows == [("other",)]


def test_failed_stages_are_named_by_that_and_only_their_states_go(workspace: Workspace) -> None:
    key, _ = _pretraining(workspace)
    (plan,) = read_plans(workspace.root)
    cell = next(cell for cell in plan.cells if not cell.stages and cell.key is not None)
    shutil.rmtree(workspace.results / str(cell.key))
    write_state(workspace.root, StageState(str(cell.key), cell.symbolic, "failed", error="NaN"))
    found = api.invalidation(workspace, failed=True)
    assert [stage.key for stage in found.named] == [cell.key]
    assert (found.standing, found.protocols) == ((), ())
    api.invalidate(workspace, found)
    assert not (workspace.root / "states" / f"{cell.key}.json").exists()
    assert (workspace.results / key).is_dir()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tissue/none/none/none/none/colour-flor/100X", "Did you mean 'tissue/none/none"),
        ("999", "no cell and no stage '999'"),
        ("tiny", "no cell and no stage 'tiny'"),
    ],
)
def test_a_name_that_is_not_there_is_said(workspace: Workspace, name: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        api.invalidation(workspace, [name])


def test_so_are_protocols_kinds_and_asking_for_nothing(workspace: Workspace) -> None:
    with pytest.raises(StoreError, match=r"no protocol 'tinny'\. Did you mean 'tiny'"):
        api.invalidation(workspace, protocols=["tinny"])
    with pytest.raises(StoreError, match=r"no kind of stage 'pretain'\. Did you mean 'pretrain'"):
        api.invalidation(workspace, kinds=["pretain"])
    with pytest.raises(BenchError, match="Nothing says what"):
        api.invalidation(workspace)
    with pytest.raises(StoreError, match="Nothing that fits"):
        api.invalidation(workspace, failed=True)


def test_numbers_keys_and_ids_name_the_same_cell(workspace: Workspace) -> None:
    rows = json.loads(CliRunner().invoke(app, ["results", "--json"]).stdout)["cells"]
    cell = rows[4]
    names = (str(cell["cell_id"]), cell["key"], cell["key"][:8], cell["symbolic"])
    found = [api.invalidation(workspace, [name]).keys for name in names]
    assert found == [frozenset({cell["key"]})] * 4


def test_a_stage_that_another_host_runs_is_not_moved(workspace: Workspace) -> None:
    (floor, *_) = [key for key, kind in _kinds(workspace).items() if kind == "colour-floor"]
    shutil.rmtree(workspace.results / floor)
    write_state(workspace.root, StageState(floor, "floor", "running", pid=1, host="elsewhere"))
    with pytest.raises(StoreError, match="process 1 on elsewhere"):
        api.invalidate(workspace, api.invalidation(workspace, [floor]))


def _killed(workspace: Workspace, what: str, moments: list[int]) -> list[tuple[Workspace, bool]]:
    """Do `what` in copies of a workspace, each killed before that many changes to its files."""
    copies = [Workspace(workspace.root.with_name(f"killed-{moment}")) for moment in moments]
    for copy in copies:
        shutil.copytree(workspace.root, copy.root, symlinks=True)
    arguments = [f"{copy.root}={moment}" for copy, moment in zip(copies, moments, strict=True)]
    done = subprocess.run(
        [sys.executable, str(KILLER), what, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return list(zip(copies, json.loads(done.stdout), strict=True))


def _consistent(workspace: Workspace) -> None:
    """No row without its result, no result that is not whole or stands on one that is gone."""
    results = set(list_results(workspace.results))
    rows = {key for key, state in _states(workspace).items() if state == "done"}
    assert rows <= results
    for key in results:
        assert check_result(workspace.results / key) == []
        spec = json.loads((workspace.results / key / "spec.json").read_text())["spec"]
        assert spec["upstream"] is None or spec["upstream"] in results


def test_gc_that_is_killed_leaves_a_workspace_that_the_next_one_cleans(
    workspace: Workspace,
) -> None:
    _narrowed(workspace)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(workspace.root.parent)
        outcomes = _killed(workspace, "gc", [1, 3, 9, 25, 10_000])
        assert [killed for _, killed in outcomes] == [True] * 4 + [False]
        reference = outcomes[-1][0]
        for copy, _ in outcomes:
            _consistent(copy)
            api.collect(copy, api.garbage(copy))
            assert api.garbage(copy).items == ()
            assert list_results(copy.results) == list_results(reference.results)
            assert _digest(copy) == _digest(reference)
            assert [path.name for path in copy.results.glob(".*")] == []


def test_invalidate_that_is_killed_leaves_each_stage_as_it_was_or_moved(
    workspace: Workspace,
) -> None:
    key, cells = _pretraining(workspace)
    before = _digest(workspace)
    outcomes = _killed(workspace, f"invalidate:{key}", [1, 2, 4, 7, 10_000])
    assert [killed for _, killed in outcomes] == [True] * 4 + [False]
    for copy, _ in outcomes:
        _consistent(copy)
        planned = api.plan(["tiny.yaml"], copy)
        assert {stage.key for stage in planned.to_run()} <= {key, *cells}
        if (copy.root / ".trash").exists() and any((copy.root / ".trash").glob("[!.]*")):
            api.restore(copy)
        Store(copy.root).rebuild()
        assert _digest(copy) == before
        _consistent(copy)
