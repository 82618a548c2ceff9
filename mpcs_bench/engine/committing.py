"""The one committer: whatever cannot be committed now waits on disk, and is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mpcs_bench.engine.plan import Plan
from mpcs_bench.errors import StoreError
from mpcs_bench.protocol.cells import Cell
from mpcs_bench.protocol.factors import compared
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.records import PlannedCell, PlanRecord, StageState, write_plan, write_state
from mpcs_bench.records.margin_history import with_margins
from mpcs_bench.store import CommitReport, Retry, SampleSource, Store, StoreBusy

IN_PASSING = Retry(wait=1.0)
"""How long a commit in the middle of a run waits for the database."""

AT_THE_END = Retry(wait=15.0)

PAUSE = 5.0
"""Seconds between two tries while somebody else holds the database."""

SHARE = 0.25
"""Of a run's time, what goes into commits: results that come meanwhile go in together."""

LONGEST = 1.0
"""The most seconds that results wait for their turn: whoever looks on sees a run advance."""


class Committer:
    """Puts plans, states and results into the database as they come.

    Files come first: a plan, a state or a result is on disk before the database hears of it, so
    a busy database costs nothing but delay.
    """

    def __init__(self, workspace: Path, note: Callable[[str], None]) -> None:
        self._workspace, self._note = workspace, note
        self._plans: list[PlanRecord] = []
        self._samples: list[SampleSource] = []
        self._states: dict[str, StageState] = {}
        self._unwritten: dict[str, StageState] = {}
        self._unwritable = False
        self._results: dict[str, Path] = {}
        self._next_try = 0.0
        self._told: str | None = None

    def plan(self, plan: Plan) -> None:
        """Write the plan files and queue them, with the sample indexes they rest on."""
        for planned in plan_records(plan):
            # The file that is replaced is what remembers the margin from before the results.
            record = with_margins(self._workspace, planned)
            write_plan(self._workspace, record)
            self._plans.append(record)
        index = self._workspace / "cache" / "index"
        for name, fingerprint in plan.samples:
            path = index / f"{fingerprint}.parquet"
            self._samples.append(SampleSource(fingerprint, path, name))

    def state(self, state: StageState) -> None:
        """Write a state file and queue it.

        A disk that has no room for it is no reason to stop what is being trained: it is tried
        again with each commit.
        """
        self._states[state.key] = state
        self._unwritten[state.key] = state
        self._write_states()

    def _write_states(self) -> None:
        try:
            for key, state in list(self._unwritten.items()):
                write_state(self._workspace, state)
                del self._unwritten[key]
        except StoreError as error:
            if not self._unwritable:
                self._note(f"{error.message} The run goes on, and tries again.")
            self._unwritable = True
        else:
            self._unwritable = False

    def result(self, folder: Path) -> None:
        """Queue a result folder."""
        self._results[folder.name] = folder

    def adopt(self, keys: Iterable[str]) -> None:
        """Queue those of the results `keys` on disk that the database does not hold yet."""
        wanted = set(keys)
        try:
            folders = Store(self._workspace, IN_PASSING, self._note).uncommitted()
        except StoreError:
            folders = [self._workspace / "results" / key for key in wanted]
        for folder in folders:
            if folder.name in wanted:
                self.result(folder)

    @property
    def waiting(self) -> int:
        """How many results are on disk and not in the database."""
        return len(self._results)

    def flush(self, *, final: bool = False) -> bool:
        """Commit all that waits, if it is time to; return whether nothing waits any more.

        That the database is somebody else's, or the disk full, is no reason to stop what is being
        trained. `final` does not wait its turn; it names whoever holds the database, and then
        waits for that process.
        """
        if not (self._plans or self._states or self._results):
            return True
        if not final and time.monotonic() < self._next_try:
            return False
        started = time.monotonic()
        self._write_states()
        try:
            report = self._commit_at_last() if final else self._commit(IN_PASSING)
        except StoreError as error:
            self._next_try = time.monotonic() + PAUSE
            if error.message != self._told or final:
                self._told = error.message
                self._note(f"{error.message} Results wait on disk and nothing is lost.")
            return False
        now = time.monotonic()
        self._next_try = now + min(LONGEST, (now - started) * (1 / SHARE - 1))
        for folder, problems in report.damaged.items():
            self._note(f"The result {folder} is damaged and was left out: {'; '.join(problems)}.")
        self._plans.clear()
        self._samples.clear()
        self._states.clear()
        self._results.clear()
        return True

    def _commit(self, retry: Retry) -> CommitReport:
        return Store(self._workspace, retry, self._note).commit(
            plans=self._plans,
            states=self._states.values(),
            results=self._results.values(),
            samples=self._samples,
        )

    def _commit_at_last(self) -> CommitReport:
        try:
            return self._commit(IN_PASSING)
        except StoreBusy as error:
            self._note(f"{error.message} Waiting for it, {AT_THE_END.wait:g} seconds at most.")
            return self._commit(AT_THE_END)


def plan_records(plan: Plan) -> list[PlanRecord]:
    """Return one record per protocol, as `plans/<protocol>.json` keeps it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    records = []
    for loaded in plan.protocols:
        protocol = loaded.protocol
        members = [item for item in plan.members if item.cell.protocol == protocol.name]
        cells = tuple(
            PlannedCell(
                key=item.key,
                position=item.cell.position,
                experiment=item.cell.experiment,
                label=item.cell.label,
                axes=item.cell.names | _light_axes(item.cell.axes),
                symbolic=item.cell.symbolic,
                conditions=item.conditions,
                dataset=item.cell.names["dataset"],
                fingerprint=item.fingerprint,
                split_hash=item.split_hash,
                stages=item.stages,
            )
            for item in members
        )
        records.append(
            PlanRecord(
                protocol=protocol.name,
                title=protocol.title or protocol.name,
                scale=protocol.scale,
                baseline=protocol.report.baseline,
                planned_at=now,
                cells=cells,
                notes=(*protocol.report.notes, *plan.notes(protocol.name)),
                factors=compared(loaded),
                decisions=_decisions(loaded, [item.cell for item in members]),
                margin=protocol.report.margin,
            )
        )
    return records


def _decisions(loaded: LoadedProtocol, cells: Iterable[Cell]) -> dict[str, Any]:
    """Return entry -> question, and how each experiment decided it; what it sets may vary."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for cell in cells:
        for entry, taken in cell.decisions.items():
            found.setdefault(entry, {}).setdefault(cell.experiment, {})[taken] = None
    return {
        entry: {
            "question": loaded.ledger.entry(entry).question,
            "taken": {name: " / ".join(taken) for name, taken in by_experiment.items()},
        }
        for entry, by_experiment in found.items()
    }


def _light_axes(axes: object) -> dict[str, object]:
    return {name: getattr(axes, name) for name in axes.__dataclass_fields__}  # type: ignore[attr-defined]
