"""A look at the data before anything runs: leakage, empty parts, and who takes part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mpcs_bench.data.leakage import Finding, describe, raise_on_errors
from mpcs_bench.data.leakage_audit import audit_split
from mpcs_bench.data.leakage_pretraining import audit_pretraining
from mpcs_bench.data.splits import NO_PART
from mpcs_bench.engine.binding import Binder, BoundData
from mpcs_bench.engine.plan import Placed
from mpcs_bench.protocol.canonical import SharedParts
from mpcs_bench.protocol.cells import DataNeed, StageSpec
from mpcs_bench.registry.registry import Registry
from mpcs_bench.registry.strategy import PairStrategy
from mpcs_bench.stages.pair_sets import pair_sets
from mpcs_bench.stages.parts import TaskRows, task_rows

DECIDE_ROWS = (
    "fold",
    "parts",
    "train_magnification",
    "test_magnifications",
    "label_fraction",
    "selection",
)
"""The parameters that decide which images a downstream stage has: arms and seeds share them."""

LISTED = 60
"""Names that one notice spells out; a longer list is counted."""


class Inspector:
    """Audits each split once and collects what a plan should say about its data."""

    def __init__(self, binder: Binder, registry: Registry, parts: SharedParts) -> None:
        self._binder, self._registry, self._parts = binder, registry, parts
        self._findings: dict[str, Placed[Finding]] = {}
        self._notices: dict[tuple[str, str], None] = {}
        self._samples: dict[tuple[str, str], None] = {}
        self._audited: set[tuple[object, ...]] = set()
        self._rows: dict[tuple[object, ...], TaskRows] = {}
        self._groups: dict[int, tuple[int, int]] = {}

    @property
    def findings(self) -> tuple[Placed[Finding], ...]:
        """What the leakage audit found, and in which data sets; nothing in it stops a run."""
        return tuple(self._findings.values())

    @property
    def notices(self) -> tuple[Placed[str], ...]:
        """Sentences on who takes part and who does not, and of which data set."""
        return tuple(Placed((name,), text) for name, text in self._notices)

    @property
    def samples(self) -> tuple[tuple[str, str], ...]:
        """(data set name, fingerprint) of every index in use."""
        return tuple(self._samples)

    def say(self, dataset: str, notice: str) -> None:
        """Add a notice on a data set."""
        self._notices[dataset, notice] = None

    def inspect(self, spec: StageSpec, bound: BoundData) -> None:
        """Look at the data of one stage.

        Raises SplitError for a split that leaks, DataError for a part that turns out empty.
        """
        self._samples[spec.data.name, bound.index.fingerprint] = None
        selection = spec.spec.get("selection", {}).get("rule", "last")
        self._audit(spec.data, bound, selection)
        if spec.data.settings.split.scheme == "file":
            self._say_who_is_left_out(spec, bound)
        if spec.kind == "pretrain":
            self._look_at_sets(spec, bound)
            return
        rows = self.task_rows(spec, bound)
        if spec.upstream is not None:
            self._audit_transfer(spec, spec.upstream, bound, rows)
        if spec.data.settings.split.scheme == "file":
            self._say_who_trains(spec, bound, rows)

    def task_rows(self, spec: StageSpec, bound: BoundData) -> TaskRows:
        """Return the rows of a downstream stage; computed once for all arms of a fold."""
        values = (spec.spec[name] for name in DECIDE_ROWS)
        point = (
            bound.split.hash,
            bound.index.fingerprint,
            bound.group_column,
            *(self._parts.part(value).text for value in values),
        )
        if point not in self._rows:
            self._rows[point] = task_rows(spec.spec, bound.index, bound.split, bound.group_column)
        return self._rows[point]

    def group_counts(self, spec: StageSpec, bound: BoundData) -> tuple[int, int]:
        """Return how many groups a downstream stage trains on, and is tested on."""
        rows = self.task_rows(spec, bound)  # kept here, so that its id names it
        if id(rows) not in self._groups:
            groups = bound.index.groups(bound.group_column)
            train, test = (len(np.unique(groups[part])) for part in (rows.train, rows.test))
            self._groups[id(rows)] = train, test
        return self._groups[id(rows)]

    def _audit(self, need: DataNeed, bound: BoundData, selection: str) -> None:
        if not self._once("split", bound.split.hash, need.settings.split.accept, selection):
            return
        defects = self._binder.dataset(need).known_defects
        found = audit_split(bound.index, bound.split, need.split.accept, defects, selection)
        self._keep((need.name,), found)

    def _audit_transfer(
        self, spec: StageSpec, upstream: StageSpec, bound: BoundData, rows: TaskRows
    ) -> None:
        """Hold what was pre-trained on, where it came from another split, to the test part."""
        source = self._binder.data(upstream.data)
        if not isinstance(source, BoundData) or source.split.hash == bound.split.hash:
            return
        fold = int(spec.spec["fold"])
        if not self._once("transfer", source.split.hash, bound.split.hash, fold):
            return
        seen = np.concatenate(
            [source.split.rows(upstream.spec["fold"], part) for part in upstream.spec["parts"]]
        )
        found = audit_pretraining(
            source.index,
            seen,
            bound.index,
            rows.test,
            fold=fold,
            accept=spec.data.split.accept,
        )
        self._keep((upstream.data.name, spec.data.name), found)

    def _keep(self, datasets: tuple[str, ...], found: Iterable[Finding]) -> None:
        listed = list(found)
        raise_on_errors(listed)
        for finding in listed:
            name = f"{' to '.join(datasets)}: {describe(finding)}"
            self._findings.setdefault(name, Placed(datasets, finding))

    def _look_at_sets(self, spec: StageSpec, bound: BoundData) -> None:
        identity: Mapping[str, Any] = spec.spec["strategy"]
        sets_of = (spec.spec[name] for name in ("parts", "magnifications", "sets"))
        if not self._once("sets", bound.split.hash, spec.spec["fold"], identity, *sets_of):
            return
        resolved = self._registry.resolve("strategy", identity["plugin"], identity["params"])
        strategy = self._registry.create(resolved, PairStrategy)
        sets, coverage = pair_sets(spec.spec, bound.index, bound.split, strategy)
        from_file = spec.data.settings.split.scheme == "file"
        if coverage.eligible == coverage.sets and not from_file:
            return
        magnifications = ", ".join(f"{value}X" for value in sets.magnifications)
        reasons = "; ".join(f"{why}: {n}" for why, n in coverage.left_out.items())
        names = f": {_names(coverage.patients)}" if from_file else ""
        self.say(
            spec.data.name,
            f"Pre-training with '{strategy.name}' at {magnifications}, fold {spec.spec['fold']}: "
            f"{len(sets)} of {coverage.sets} sets take part, of {len(coverage.patients)} patients"
            f"{names}." + (f" Left out: {reasons}." if reasons else ""),
        )

    def _say_who_trains(self, spec: StageSpec, bound: BoundData, rows: TaskRows) -> None:
        patients = bound.index.text("patient_id")
        magnification = spec.spec["train_magnification"]
        scope = f" at {magnification}X" if magnification else ""
        self.say(
            spec.data.name,
            f"Fine-tuning{scope}, fold {spec.spec['fold']}: {len(rows.train)} training images of "
            f"{_names(patients[rows.train])}; {len(rows.test)} test images of "
            f"{_names(patients[rows.test])}.",
        )

    def _say_who_is_left_out(self, spec: StageSpec, bound: BoundData) -> None:
        position = bound.split.position(spec.spec["fold"])
        unused = bound.split.parts[position] == NO_PART
        if unused.any():
            names = _names(bound.index.text("patient_id")[unused])
            self.say(
                spec.data.name,
                f"Fold {spec.spec['fold']} of the split file leaves out {int(unused.sum())} "
                f"images, of patients that it does not name: {names}.",
            )

    def _once(self, *what: object) -> bool:
        """Say whether nothing was asked with these (lists and mappings by what they hold)."""
        mark = tuple(
            self._parts.part(item).text if isinstance(item, dict | list | tuple) else item
            for item in what
        )
        new = mark not in self._audited
        self._audited.add(mark)
        return new


def _names(values: Iterable[str]) -> str:
    names = sorted(set(values))
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
