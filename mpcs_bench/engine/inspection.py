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
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.protocol.cells import DataNeed, StageSpec
from mpcs_bench.registry.registry import Registry
from mpcs_bench.registry.strategy import PairStrategy
from mpcs_bench.stages.pair_sets import pair_sets
from mpcs_bench.stages.parts import TaskRows, task_rows

LISTED = 60
"""Names that one notice spells out; a longer list is counted."""


class Inspector:
    """Audits each split once and collects what a plan should say about its data."""

    def __init__(self, binder: Binder, registry: Registry) -> None:
        self._binder, self._registry = binder, registry
        self._findings: dict[str, Placed[Finding]] = {}
        self._notices: dict[tuple[str, str], None] = {}
        self._samples: dict[tuple[str, str], None] = {}
        self._audited: set[str] = set()
        self._rows: dict[str, TaskRows] = {}

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
        if spec.data.split.scheme == "file":
            self._say_who_is_left_out(spec, bound)
        if spec.kind == "pretrain":
            self._look_at_sets(spec, bound)
            return
        rows = self.task_rows(spec, bound)
        if spec.upstream is not None:
            self._audit_transfer(spec, spec.upstream, bound, rows)
        if spec.data.split.scheme == "file":
            self._say_who_trains(spec, bound, rows)

    def task_rows(self, spec: StageSpec, bound: BoundData) -> TaskRows:
        """Return the rows of a downstream stage; computed once for all arms of a fold."""
        names = ("fold", "parts", "train_magnification", "test_magnifications", "label_fraction")
        point = digest(
            [
                bound.split.hash,
                bound.index.fingerprint,
                bound.group_column,
                *(spec.spec[name] for name in (*names, "selection")),
            ]
        )
        if point not in self._rows:
            self._rows[point] = task_rows(spec.spec, bound.index, bound.split, bound.group_column)
        return self._rows[point]

    def _audit(self, need: DataNeed, bound: BoundData, selection: str) -> None:
        if not self._once("split", bound.split.hash, need.split.accept, selection):
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
            source.index, seen, bound.index, rows.test, fold=fold, accept=spec.data.split.accept
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
        sets_of = (spec.spec["parts"], spec.spec["magnifications"], spec.spec["sets"])
        if not self._once("sets", bound.split.hash, spec.spec["fold"], identity, sets_of):
            return
        resolved = self._registry.resolve("strategy", identity["plugin"], identity["params"])
        strategy = self._registry.create(resolved, PairStrategy)
        sets, coverage = pair_sets(spec.spec, bound.index, bound.split, strategy)
        if coverage.eligible == coverage.sets and spec.data.split.scheme != "file":
            return
        magnifications = ", ".join(f"{value}X" for value in sets.magnifications)
        reasons = "; ".join(f"{why}: {n}" for why, n in coverage.left_out.items())
        names = f": {_names(coverage.patients)}" if spec.data.split.scheme == "file" else ""
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
        mark = digest([list(item) if isinstance(item, tuple) else item for item in what])
        new = mark not in self._audited
        self._audited.add(mark)
        return new


def _names(values: Iterable[str]) -> str:
    names = sorted(set(values))
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
