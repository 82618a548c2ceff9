"""What a check found, one item each, and the exit status they come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mpcs_bench.errors import ExitCode

Verdict = Literal["passed", "regression", "notice", "failed"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked at.

    `rule` is the kind of look (structure, digest, samples, loss bound, time, memory, run),
    `subject` what was looked at, `message` what was seen. Only a `regression` or a run that
    `failed` fails the check. `p`, `p_holm` and `smallest_p` where a test was made.
    """

    rule: str
    subject: str
    verdict: Verdict
    message: str
    p: float | None = None
    p_holm: float | None = None
    smallest_p: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A run held to its baseline.

    `differs` are the differences of the environments that equal digests rest on; where there are
    none, and seeds are the same, digests were compared. `false_alarms` is the chance, over
    baselines and runs, that any test of samples raises an alarm where nothing has changed.
    """

    protocol: str
    baseline_created: str
    baseline_commit: str
    commit: str
    seconds: float
    differs: tuple[str, ...]
    false_alarms: float
    items: tuple[Item, ...]

    @property
    def regressions(self) -> tuple[Item, ...]:
        """The items that say something got worse, or another."""
        return tuple(item for item in self.items if item.verdict == "regression")

    @property
    def exit_code(self) -> ExitCode:
        """A cell that failed comes before a regression: what is missing was not compared."""
        if any(item.verdict == "failed" for item in self.items):
            return ExitCode.CELL_FAILED
        return ExitCode.REGRESSION if self.regressions else ExitCode.OK
