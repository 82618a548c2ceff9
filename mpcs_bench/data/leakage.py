"""The leakage audit: what a split lets through from training to testing, found and named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mpcs_bench.errors import SplitError, did_you_mean

Severity = Literal["error", "notice"]

RULES: Mapping[str, str] = {
    "group-overlap": "one group has samples in training and in test",
    "identical-pixels": "the same pixels stand in training and in test",
    "patch-overlap": "patches of one image stand in training and in test",
    "pretrain-test-overlap": "pre-training on other data, or another split, saw the test part",
    "test-selection": "the epoch is chosen on the test part",
    "rare-subtype": "a subtype is missing from a part of a fold",
    "missing-class": "a test part lacks a class",
    "test-coverage": "patients are tested never, or more than once, over the folds",
    "unused-samples": "samples take no part in any fold",
}
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of the audit.

    `fold` is the fold's number, None where it concerns the whole split. `column` is the group
    column it was found in ('' where none), `groups` what it concerns there: groups, image ids or
    subtypes. `declared` findings are known: the protocol accepts them, or they are a defect of
    the published data; `by` says which. They stay listed, and mark every table.
    """

    rule: str
    severity: Severity
    fold: int | None
    message: str
    column: str = ""
    groups: tuple[str, ...] = ()
    declared: bool = False
    by: str = ""

    @property
    def stops(self) -> bool:
        """Whether the finding stops the run."""
        return self.severity == "error" and not self.declared


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a protocol's `split.accept` declares as known: rule -> groups, None for all."""

    rules: Mapping[str, frozenset[str] | None]

    @classmethod
    def parse(cls, accept: Iterable[str]) -> Accepted:
        """Read entries `RULE` or `RULE:GROUP`; raises SplitError for an unknown rule.

        GROUP is a group (or image, or subtype) of the finding, or its group column.
        """
        rules: dict[str, frozenset[str] | None] = {}
        for entry in accept:
            rule, colon, group = entry.partition(":")
            if rule not in RULES:
                raise SplitError(
                    f"split.accept names '{rule}', which is no rule of the leakage audit."
                    + did_you_mean(rule, list(RULES)),
                    hint=f"The rules: {', '.join(RULES)}.",
                )
            before = rules.get(rule, frozenset())
            rules[rule] = None if not colon or before is None else before | {group}
        return cls(rules)

    def covers(self, rule: str, column: str, group: str) -> bool:
        """Say whether one group of a finding is accepted."""
        groups = self.rules.get(rule, frozenset())
        return groups is None or group in groups or column in groups

    def apply(self, finding: Finding) -> list[Finding]:
        """Return the finding, or its accepted and its other groups as two findings."""
        if finding.declared or finding.rule not in self.rules:
            return [finding]
        if self.rules[finding.rule] is None:
            return [replace(finding, declared=True, by="split.accept")]
        yes = tuple(g for g in finding.groups if self.covers(finding.rule, finding.column, g))
        no = tuple(g for g in finding.groups if g not in yes)
        parts = []
        if yes:
            parts.append(replace(finding, groups=yes, declared=True, by="split.accept"))
        if no or not finding.groups:
            parts.append(replace(finding, groups=no))
        return parts


def raise_on_errors(findings: Sequence[Finding]) -> None:
    """Raise SplitError naming the first few findings that are errors and not declared."""
    stopping = [finding for finding in findings if finding.stops]
    if not stopping:
        return
    lines = [describe(finding) for finding in stopping[:SHOWN]]
    if len(stopping) > SHOWN:
        lines.append(f"... and {len(stopping) - SHOWN} more")
    rules = sorted({finding.rule for finding in stopping})
    raise SplitError(
        "\n".join(["The split leaks:", *(f"  {line}" for line in lines)]),
        hint="Choose a coarser `split.group`, or declare what is known: "
        f"`split: {{accept: [{', '.join(rules)}]}}`.",
    )


def describe(finding: Finding) -> str:
    """Return a finding as one line: rule, fold, message, the first few groups."""
    where = "" if finding.fold is None else f" in fold {finding.fold}"
    names = ", ".join(finding.groups[:SHOWN])
    more = f" and {len(finding.groups) - SHOWN} more" if len(finding.groups) > SHOWN else ""
    what = f" ({names}{more})" if names else ""
    return f"{finding.rule}{where}: {finding.message}{what}"
