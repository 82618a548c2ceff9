"""The second question of a claim: do these trained models say so too, on new patients or images?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mpcs_bench.report.paper.model import FilledCell

Answer = Literal["higher", "lower", "equal", "not shown", "out of reach", "not asked"]


@dataclass(frozen=True, slots=True)
class TrainedAnswer:
    """What was found for the trained models of two cells, subject against baseline.

    `reason` says why where the question was not asked.
    """

    finding: Answer
    reason: str = ""


AskTrained = Callable[["FilledCell", "FilledCell"], TrainedAnswer]
"""Asks it of a subject and a baseline that both have a value of ours, in that order."""


def not_asked(subject: FilledCell, baseline: FilledCell) -> TrainedAnswer:
    """Ask nothing: what stands in where nobody can answer."""
    return TrainedAnswer("not asked", "no test of the trained models is at hand")
