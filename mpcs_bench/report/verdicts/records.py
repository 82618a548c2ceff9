"""Verdicts as records: on a published cell, on a pair of a claim, on a claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mpcs_bench.report.published.records import Claim
from mpcs_bench.stats import Equivalence, PublishedGap

CellWord = Literal[
    "equivalent", "differs", "inconclusive", "out of reach", "not comparable", "not run"
]
ClaimWord = Literal[
    "holds",
    "does not hold",
    "undecided",
    "out of reach with this design",
    "not comparable",
    "not run",
]
PairWord = Literal["holds", "does not hold", "undecided", "out of reach", "not run"]
Literature = Literal["none", "subject", "baseline", "both"]
"""Which side of a pair is a row of other authors."""

CELL_WORDS: tuple[CellWord, ...] = (
    "equivalent",
    "differs",
    "inconclusive",
    "out of reach",
    "not comparable",
    "not run",
)
CLAIM_WORDS: tuple[ClaimWord, ...] = (
    "holds",
    "does not hold",
    "undecided",
    "out of reach with this design",
    "not comparable",
    "not run",
)
"""Both in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class CellVerdict:
    """Whether our value of a published cell is the published one; amounts in percentage points.

    `reasons` say why there was no test (`not comparable`, `not run`, and `out of reach` without a
    test); `warnings` weaken what one says. `margin` is None where there is no value of ours. `gap`
    is the difference in standard errors (z), which decides nothing.
    """

    word: CellWord
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    margin: float | None = None
    test: Equivalence | None = None
    gap: PublishedGap | None = None

    @property
    def smallest_margin(self) -> float | None:
        """The smallest margin that these folds could have shown; None without a test."""
        return self.test.smallest_margin if self.test else None


@dataclass(frozen=True, slots=True)
class Finding:
    """What our values say of one pair of a claim, or of one cell (`baseline` None).

    Differences are subject minus baseline in percentage points (for a value: ours minus claimed),
    `low` and `high` the ends of their interval; `reach` is the smallest difference that these folds
    could have shown, `smallest_margin` the smallest margin, where the claim has one. `support` and
    `against` are p values of the claim and of its contrary, 1 where the difference points the other
    way, the larger one where two questions were asked; both None where no test was made.
    `word` is what the pair says on its own, before the claim's pairs are corrected for their
    number. `one_question` marks that trained models were not asked; `notes` say what was left out.
    """

    subject: str
    baseline: str | None
    word: PairWord
    reason: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    p: float | None = None
    support: float | None = None
    against: float | None = None
    reach: float | None = None
    literature: Literature = "none"
    one_question: bool = False
    trained: str | None = None
    margin: float | None = None
    smallest_margin: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The pair, as `table/row/column` against another."""
        return self.subject if self.baseline is None else f"{self.subject} against {self.baseline}"


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """The verdict on one claim, from one set of runs; `why` is one sentence.

    `decisive` is the pair whose numbers stand for the claim, None where none was tested. `runs`
    names the runs, None for a claim that none touches. `warnings` weaken what it says.
    """

    claim: Claim
    word: ClaimWord
    why: str
    reasons: tuple[str, ...] = ()
    runs: str | None = None
    scale: str | None = None
    protocols: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    decisive: Finding | None = None
    warnings: tuple[str, ...] = ()
