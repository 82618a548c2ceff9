"""A workspace filled with made-up results of the shipped protocols, through records and store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench import api
from mpcs_bench.engine.catalogue import RegistryCatalogue
from mpcs_bench.protocol.cells import Cell
from mpcs_bench.protocol.expand import expand
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.records import (
    PlannedCell,
    PlanRecord,
    ResultSpec,
    ResultTables,
    StageState,
    metrics_table,
    write_result,
)
from mpcs_bench.registry.registry import Registry
from mpcs_bench.report.paper import (
    PaperReport,
    PaperTable,
    build_paper,
    held_experiments,
    read_intention,
)
from mpcs_bench.report.paper.model import FilledCell
from mpcs_bench.report.published import Publication, read_published
from mpcs_bench.shipped import folder
from mpcs_bench.store import Store

PAPER = folder("reports") / "published" / "mpcs-wacv-2023"
GROUPS = {"groups_train": 64, "groups_test": 16}
Scores = Mapping[tuple[str, str], float]
"""(part, metric) to a proportion."""
Score = Callable[[Cell], Scores | None]
"""None: the cell is planned and has no result."""


def on_test(value: float, *metrics: str) -> Scores:
    """Return this value of each metric on the test part."""
    return {("test", metric): value for metric in metrics or ("image_accuracy",)}


def by_fold(cell: Cell) -> Scores:
    """Score .80 in fold 0, .82 in fold 1 ..., in both accuracies."""
    return on_test(0.8 + 0.02 * cell.axes.fold, "image_accuracy", "patient_accuracy")


class Shelf:
    """Protocols and the publication, read once for all tests: reading YAML is most of the work."""

    def __init__(self, registry: Registry, publication: Publication) -> None:
        self.publication = publication
        self._catalogue = RegistryCatalogue(registry)
        self._read: dict[tuple[Any, ...], LoadedProtocol] = {}
        self._cells: dict[int, list[Cell]] = {}

    def load(self, name: str, options: api.Options = api.DEFAULTS) -> LoadedProtocol:
        """Return a protocol as `api.load` does."""
        key = name, options.overlays, options.assignments
        if key not in self._read:
            self._read[key] = api.load(name, options)
        return self._read[key]

    def expand(self, loaded: LoadedProtocol) -> list[Cell]:
        """Return the cells of a protocol of this shelf."""
        if id(loaded) not in self._cells:
            self._cells[id(loaded)] = expand(loaded, self._catalogue)
        return self._cells[id(loaded)]


class PaperBench:
    """Fills a workspace with results of protocols, and builds the paper's report from them."""

    def __init__(self, workspace: Path, shelf: Shelf) -> None:
        self.store = Store(workspace)
        self.workspace = workspace
        self.shelf = shelf
        self.protocols: list[str] = []

    def run(
        self,
        name: str,
        score: Score = by_fold,
        *,
        overlays: Sequence[str] = (),
        assignments: Sequence[str] = (),
        called: str | None = None,
        fingerprint: str = "f" * 64,
        split: Callable[[Cell], str] = lambda cell: f"split-{cell.axes.split_seed}",
        blocked: bool = False,
        failed: Iterable[str] = (),
    ) -> list[Cell]:
        """Commit a shipped protocol as if it had been run; returns its cells.

        `called` gives it another name in the workspace; `failed` are readable ids of cells that
        failed; `blocked` leaves all without a key, as cells are whose data are not there.
        """
        options = api.Options(overlays=tuple(overlays), assignments=tuple(assignments))
        loaded = self.shelf.load(name, options)
        cells = self.shelf.expand(loaded)
        protocol = called or loaded.protocol.name
        planned, results, states = [], [], []
        taken: dict[str, dict[str, Any]] = {}
        for cell in cells:
            key = f"k{hashlib.sha256((cell.stage.symbol + fingerprint).encode()).hexdigest()}"
            planned.append(
                PlannedCell(
                    key=None if blocked else key,
                    position=cell.position,
                    experiment=cell.experiment,
                    label=cell.label,
                    axes=axes_of(cell),
                    symbolic=cell.symbolic,
                    conditions=cell.conditions | {"device": "cpu"} | GROUPS,
                    dataset=cell.names["dataset"],
                    fingerprint=None if blocked else fingerprint,
                    split_hash=None if blocked else split(cell),
                )
            )
            for entry, text in cell.decisions.items():
                item = taken.setdefault(entry, {"question": f"{entry}?", "taken": {}})
                item["taken"].setdefault(cell.experiment, {})[text] = None
            if blocked:
                continue
            scores = score(cell)
            if cell.symbolic in failed:
                states.append(StageState(key, cell.symbolic, "failed", error="out of memory"))
            elif scores is not None:
                results.append(self._result(key, cell, scores))
        for item in taken.values():
            item["taken"] = {name: " / ".join(texts) for name, texts in item["taken"].items()}
        plan = PlanRecord(
            protocol,
            loaded.protocol.title,
            loaded.protocol.scale,
            None,
            "2025-01-02T03:04:05+00:00",
            tuple(planned),
            decisions=taken,
            margin=loaded.protocol.report.margin,
        )
        self.store.commit([plan], states, results)
        self.protocols.append(protocol)
        return cells

    def _result(self, key: str, cell: Cell, scores: Scores) -> Path:
        rows = [
            {
                "part": part,
                "test_magnification": cell.axes.train_magnification or 0,
                "metric": metric,
                "value": value,
                "n": 50,
            }
            for (part, metric), value in scores.items()
        ]
        spec = ResultSpec(key, "finetune", cell.symbolic, 1, spec={}, axes=axes_of(cell))
        results = self.workspace / "results"
        if (results / key).is_dir():
            return results / key
        tables = ResultTables(metrics=metrics_table(rows))
        return write_result(results, spec, tables, environment={"python": "3.11.9"})

    def report(self, *protocols: str, **options: Any) -> PaperReport:
        """Build the report of these protocols, or of all that were run."""
        names = list(protocols or self.protocols)
        with self.store.reader() as connection:
            if "intention" not in options:
                held = held_experiments(connection, names)
                options["intention"] = read_intention(held, self.shelf.load, self.shelf.expand)
            own = {"publication": self.shelf.publication} | options
            return build_paper(connection, self.workspace / "results", names, **own)


def axes_of(cell: Cell) -> dict[str, Any]:
    """Return a cell's axes as plans and results keep them."""
    axes = cell.axes
    return cell.names | {name: getattr(axes, name) for name in axes.__dataclass_fields__}


def cell_of(table: PaperTable, row: str, column: str) -> FilledCell:
    """Return the cell of a table at this row and column."""
    place = row, column
    return next(c for c in table.cells if (c.published.row, c.published.column) == place)


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    """The shipped protocols, and what the paper published."""
    return Shelf(api.registry(), read_published(PAPER))


@pytest.fixture
def paper(tmp_path: Path, shelf: Shelf) -> PaperBench:
    """An empty workspace to fill."""
    return PaperBench(tmp_path / "workspace", shelf)


@pytest.fixture(scope="session")
def published_report(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf) -> PaperReport:
    """All five tables with a few values of ours, one of them scaled down."""
    bench = PaperBench(tmp_path_factory.mktemp("paper") / "workspace", shelf)
    folds = "matrix.fold=[0, 1, 2, 3, 4]", "matrix.train_magnification=[40, 100]"
    bench.run("exp-01", assignments=folds)
    bench.run("exp-07", assignments=folds)
    bench.run("exp-11", lambda cell: on_test(0.5, "image_accuracy", "image_f1_weighted"))
    bench.run("exp-13", overlays=["smoke"])
    return bench.report()


@pytest.fixture
def at() -> Callable[[PaperTable, str, str], FilledCell]:
    """Look up a cell of a table by row and column."""
    return cell_of
