"""A plan of many cells: expanded, keyed, held to the results on disk, printed, written, stored.

Aim: 100,000 cells in seconds, and a cost that grows linearly (slope at most 1.1).
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench import api
from mpcs_bench.cli import planning as command
from mpcs_bench.engine.committing import plan_records
from mpcs_bench.engine.forecasting import forecast_plan
from mpcs_bench.engine.plan import Plan, PlannedStage
from mpcs_bench.engine.planning import Planner
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.protocol.cells import Cell
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.records import ResultSpec, ResultTables, read_plans, write_plan, write_result
from mpcs_bench.records.files import sha256_of
from mpcs_bench.records.json_file import to_json
from mpcs_bench.registry.registry import Registry
from mpcs_bench.store import Store

AXES = "  train_magnification: [100, 400]\n  fold: [0, 1]\n"
CELLS_OF_A_SEED = 3 * 2 * 2  # folds, magnifications, and the two experiments that draw

Write = Callable[..., Path]


class Measured:
    """The steps of `mpcs-bench plan`, one by one."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(folder / "workspace")
        self.workspace.create()
        self.plugins = Registry.discover()

    def expand(self, loaded: LoadedProtocol) -> list[Cell]:
        return api.expand([loaded], self.plugins)

    def plan(self, loaded: LoadedProtocol, cells: Sequence[Cell]) -> Plan:
        from mpcs_bench.api.running import _binder

        planner = Planner(
            workspace=self.workspace,
            registry=self.plugins,
            binder=_binder(self.plugins, self.workspace, None),
            device="cpu",
        )
        return planner.plan([loaded], cells)


@pytest.fixture
def measured(tmp_path: Path) -> Measured:
    return Measured(tmp_path)


@pytest.fixture
def protocol_of(tiny_protocol: Write) -> Callable[[int], Path]:
    """Write a protocol of about so many cells: they differ in fold, magnification and seed."""

    def write(cells: int) -> Path:
        seeds = list(range(cells // CELLS_OF_A_SEED))
        axes = f"  train_magnification: [100, 400]\n  fold: [0, 1, 2]\n  seed: {seeds}\n"
        return tiny_protocol((AXES, axes), name=f"scale-{cells}.yaml")

    return write


def printed(call: Callable[[], object]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        call()
    return text.getvalue()


def test_a_plan_of_many_cells(
    benchmark: Any,
    aims: Any,
    scaling: Any,
    sizes: Any,
    measured: Measured,
    protocol_of: Any,
    tmp_path: Path,
) -> None:
    def warm() -> None:
        small = api.load(str(protocol_of(24)))
        measured.plan(small, measured.expand(small))  # decodes the images

    def measure(number: int) -> None:
        stored = tmp_path / f"stored-{number}"
        stored.mkdir()
        path = str(protocol_of(number))
        loaded = scaling.time("load", number, lambda: api.load(path))
        cells = scaling.time("expand", number, lambda: measured.expand(loaded))
        plan = scaling.time("bind, make keys", number, lambda: measured.plan(loaded, cells))
        forecast = scaling.time(
            "forecast", number, lambda: forecast_plan(plan, measured.workspace, measured.plugins)
        )
        assert abs(len(plan.cells) - number) < 2 * CELLS_OF_A_SEED
        assert plan.count("run") == len(plan.stages) > len(plan.cells)
        rows = [(s.status, s.spec.kind, s.spec.symbolic, s.reason) for s in plan.stages]
        columns = ["status", "kind", "stage", "why"]
        table = scaling.time(
            "print", number, lambda: printed(lambda: command.print_table(columns, rows)), repeats=3
        )
        assert len(table.splitlines()) > len(plan.stages)
        value = command._as_json(plan) | {"forecast": forecast.as_json()}
        text = scaling.time("--json", number, lambda: printed(lambda: command.print_json(value)))
        assert len(json.loads(text)["cell_list"]) == len(plan.cells)
        records = scaling.time("make its record", number, lambda: plan_records(plan), repeats=3)
        scaling.time("write its file", number, lambda: [write_plan(stored, r) for r in records])
        scaling.time("read its file", number, lambda: read_plans(stored), repeats=3)
        Store(tmp_path / "empty").commit()
        shutil.copy(tmp_path / "empty" / "bench.duckdb", stored)
        store = Store(stored)
        scaling.time("commit it", number, lambda: store.commit(plans=records))
        scaling.time("commit it again", number, lambda: store.commit(plans=records))
        assert store.query("SELECT count(*) FROM cells")[1] == [(len(plan.cells),)]

    warm()
    *smaller, largest = sizes(1_000, 4_000, 16_000, full=100_000)
    for number in smaller:
        measure(number)
    benchmark.pedantic(lambda: measure(largest), rounds=1, iterations=1)
    benchmark.extra_info["slopes"] = scaling.slopes()
    scaling.judge(aims, "plan")


def fabricate(stages: Sequence[PlannedStage], workspace: Workspace, scratch: Path) -> None:
    """Write an empty result for each stage, by copying the tables of one."""
    made = write_result(scratch, ResultSpec("x", "finetune", "s", 1, {}), ResultTables())
    manifest = json.loads((made / "manifest.json").read_text())
    tables = {path.name: path.read_bytes() for path in made.glob("*.parquet")}
    for stage in stages:
        assert stage.key is not None
        assert stage.job is not None
        folder = workspace.results / stage.key
        folder.mkdir(parents=True)
        for name, content in tables.items():
            (folder / name).write_bytes(content)
        document = {
            "format": 1,
            "key": stage.key,
            "kind": stage.spec.kind,
            "symbolic": stage.spec.symbolic,
            "stage_version": 1,
            "spec": stage.job.hashed,
            "axes": stage.job.axes,
        }
        spec = folder / "spec.json"
        spec.write_text(to_json(document, "spec"))
        own = {
            "key": stage.key,
            "files": manifest["files"] | {"spec.json": sha256_of(spec)},
            "sizes": manifest["sizes"] | {"spec.json": spec.stat().st_size},
        }
        (folder / "manifest.json").write_text(to_json(manifest | own, "manifest"))


def test_a_plan_of_which_everything_is_done(
    benchmark: Any, aims: Any, scaling: Any, sizes: Any, protocol_of: Any, tmp_path: Path
) -> None:
    def measure(number: int) -> None:
        measured = Measured(tmp_path / str(number))
        loaded = api.load(str(protocol_of(number)))
        cells = measured.expand(loaded)
        plan = scaling.time("nothing is done", number, lambda: measured.plan(loaded, cells))
        fabricate(plan.stages, measured.workspace, tmp_path / f"scratch-{number}")

        def again() -> Plan:
            return measured.plan(loaded, cells)

        assert scaling.time("all done, results read", number, again).count("run") == 0
        assert scaling.time("all done, seen before", number, again).count("run") == 0
        shutil.rmtree(measured.workspace.results)

    *smaller, largest = sizes(250, 1_000, 4_000, full=100_000)
    for number in smaller:
        measure(number)
    benchmark.pedantic(lambda: measure(largest), rounds=1, iterations=1)
    benchmark.extra_info["slopes"] = scaling.slopes()
    scaling.judge(aims, "plan, all of it done")
