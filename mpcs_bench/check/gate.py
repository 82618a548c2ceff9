"""Holds an observation to its baseline: all comparisons, in order."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from typing import Any

from mpcs_bench.check.baseline import RESTORE, Observation
from mpcs_bench.check.compare_cost import Slack, compare_cost
from mpcs_bench.check.compare_digests import compare_digests
from mpcs_bench.check.compare_samples import compare_samples
from mpcs_bench.check.compare_structure import compare_structure
from mpcs_bench.check.errors import CheckError
from mpcs_bench.check.items import Check, Item
from mpcs_bench.check.promise import broken_promise
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.running import Outcome
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.errors import ExitCode, SplitError, StageError

MARK, LOCK = "check-workspace.json", "run.lock"
NUMBERS = ("digest", "samples")
"""The rules that compare numbers; the others hold what was planned, and what it cost."""


def hold(
    before: Observation,
    after: Observation,
    *,
    false_alarms: float,
    slack: Slack,
    seconds: float,
    failures: Mapping[str, str],
) -> Check:
    """Return the check of `after`; `failures` are the stages of the run that failed.

    Raises CheckError where no number of the run was compared: that is no pass.
    """
    differs = tuple(broken_promise(before.provenance.environment, after.provenance.environment))
    items = [Item("run", name, "failed", text) for name, text in failures.items()]
    items += compare_structure(before, after)
    items += compare_digests(before, after, differs)
    items += compare_samples(before, after, false_alarms)
    items += compare_cost(before, after, slack)
    compared = (item.rule in NUMBERS and item.verdict != "notice" for item in items)
    if not failures and not any(compared):
        raise CheckError(
            "No number of this run has one in the baseline to be compared with.", hint=RESTORE
        )
    return _check(
        before,
        items,
        commit=_commit(after.provenance.environment),
        differs=differs,
        false_alarms=false_alarms,
        seconds=seconds,
    )


def stopped_by_split(before: Observation, error: SplitError, false_alarms: float) -> Check:
    """Return the check of a run whose split leaks, or cannot be made: nothing was trained."""
    item = Item("structure", "leakage", "regression", error.message)
    return _check(before, [item], commit="?", differs=(), false_alarms=false_alarms, seconds=0.0)


def require_ran(plan: Plan, outcome: Outcome) -> None:
    """Raise CheckError where nothing ran (exit status 4), or not all could (2)."""
    blocked = plan.blocked_reasons()
    if outcome.done or outcome.failed:
        if not blocked:
            return
        raise CheckError("Not all of the protocol can run here.", hint="\n".join(blocked))
    error = CheckError("Nothing ran.", hint="\n".join(blocked) or None)
    error.exit_code = ExitCode.NOTHING_RAN
    raise error


def refuse_failures(failures: Mapping[str, str]) -> None:
    """Raise StageError where a stage failed: a baseline must be whole."""
    if failures:
        name, text = next(iter(failures.items()))
        count = f"{len(failures)} stage{'s' * (len(failures) != 1)}"
        raise StageError(
            f"{count} failed, so no baseline is stored. {name}: {text}",
            hint="A baseline must be whole: mend what failed, then give --update again.",
        )


def require_own(workspace: Workspace) -> None:
    """Raise CheckError for a folder that holds something other than an earlier check."""
    root = workspace.root
    if root.exists() and not root.is_dir():
        raise CheckError(f"The workspace {root} is a file.", hint="Name a folder with --workspace.")
    # A check that was killed as it began has left its lock alone.
    left = [entry for entry in root.iterdir() if entry.name != LOCK] if root.is_dir() else []
    if left and not (root / MARK).is_file():
        raise CheckError(
            f"The folder {root} holds something other than an earlier check.",
            hint="A check runs everything anew, in a folder of its own: give another --workspace.",
        )


def empty(workspace: Workspace) -> None:
    """Empty a workspace of earlier checks: a stored result would hide what has changed.

    The caller holds its lock: another check may be at work in it.
    """
    root = workspace.root
    mark = json.dumps({"format": 1, "emptied by the next check": True}) + "\n"
    (root / MARK).write_text(mark, encoding="utf-8")
    for entry in root.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name not in (MARK, LOCK):
            entry.unlink()


def _check(
    before: Observation,
    items: list[Item],
    *,
    commit: str,
    differs: tuple[str, ...],
    false_alarms: float,
    seconds: float,
) -> Check:
    return Check(
        protocol=before.protocol,
        baseline_created=before.provenance.created,
        baseline_commit=_commit(before.provenance.environment),
        commit=commit,
        seconds=seconds,
        differs=differs,
        false_alarms=false_alarms,
        items=tuple(items),
    )


def _commit(environment: Mapping[str, Any]) -> str:
    code = environment.get("code") or {}
    commit = str(code.get("commit") or "unknown")[:12]
    return f"{commit}, changed" if code.get("dirty") else commit
