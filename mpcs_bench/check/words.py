"""What a check says, in words and as plain values: shared by terminal, Markdown and JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from mpcs_bench.check.items import Check, Item

FAILING = ("failed", "regression")
COSTS = ("time", "memory")


def headline(check: Check) -> str:
    """Return one sentence: fine, or what is not."""
    counts: Counter[str] = Counter(item.verdict for item in check.items)
    bad = [f"{counts[verdict]} {verdict}{_plural(verdict, counts)}" for verdict in FAILING]
    found = ", ".join(text for text, verdict in zip(bad, FAILING, strict=True) if counts[verdict])
    outcome = found or "no regression"
    return f"{check.protocol}: {outcome} ({counts['passed']} comparisons passed)"


def conditions(check: Check) -> list[str]:
    """Return sentences on what was compared with what, and how sure the outcome is."""
    promise = (
        f"Equal digests are not promised here: {'; '.join(check.differs)}."
        if check.differs
        else "The environment is the baseline's: what has the same seeds must be equal bit for bit."
    )
    return [
        f"Baseline: commit {check.baseline_commit}, {check.baseline_created}. "
        f"This run: commit {check.commit}.",
        promise,
        f"Where nothing has changed, the tests of samples raise an alarm in at most "
        f"{check.false_alarms:.0%} of pairs of a baseline and a run (Holm over all tests); one "
        "baseline whose values happened to be high raises more.",
    ]


def advice(check: Check) -> list[str]:
    """Return what to do about what is not fine, one sentence each."""
    rules = {item.rule for item in check.regressions}
    found = []
    if any(item.verdict == "failed" for item in check.items):
        found.append("A stage failed: mend it, or `mpcs-bench doctor`; then check again.")
    if rules - {*COSTS}:
        found.append(
            "If this change is meant, store a new baseline with --update and have its changes "
            "reviewed; if not, the first row of the table says where to look."
        )
    if rules & {*COSTS}:
        found.append(
            "Time and memory can be the machine's: run again when it is quiet, or allow more with "
            "--time-slack and --memory-slack."
        )
    return found


def telling(check: Check) -> list[Item]:
    """Return the items worth a line: all that failed, then notices."""
    order = {"failed": 0, "regression": 1, "notice": 2}
    shown = [item for item in check.items if item.verdict in order]
    return sorted(shown, key=lambda item: order[item.verdict])


def as_plain(check: Check) -> dict[str, Any]:
    """Return the check as plain values."""
    values = asdict(check)
    return values | {"exit_code": int(check.exit_code), "regressions": len(check.regressions)}


def _plural(verdict: str, counts: Counter[str]) -> str:
    return "s" if verdict == "regression" and counts[verdict] != 1 else ""
