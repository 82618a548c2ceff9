"""`audit`: what a publication's own printed numbers determine, and where they disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from mpcs_bench.report.audit import Audit, Finding


def audit(
    publication: Annotated[
        str | None,
        typer.Argument(help="A publication's id, or a folder of yours; all shipped ones without."),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule; repeatable.")
    ] = None,
    severity: Annotated[
        list[str] | None,
        typer.Option(
            "--severity",
            help="Only error, rounding, truncation, out-of-reach, notice or undetermined; "
            "repeatable.",
        ),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Show the arithmetic behind each finding.")
    ] = False,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="List what could not be checked, and why, instead.")
    ] = False,
    as_json: cli.Json = False,
) -> None:
    """Compute again what the published numbers determine, and list where they disagree.

    It states arithmetic: findings are no failures, and the exit status is 0.
    """
    audits = api.audit(publication, rules=rule or (), severities=severity or ())
    if as_json:
        print_json([row for one in audits for row in _rows(one, skipped)])
        return
    for one in audits:
        if skipped:
            _show_skipped(one)
        else:
            _show(one, details, filtered=bool(severity))


def _rows(audit: Audit, skipped: bool) -> list[dict[str, Any]]:
    found = audit.skipped if skipped else audit.findings
    return [{"publication": audit.publication, **asdict(item)} for item in found]


def _show(audit: Audit, details: bool, *, filtered: bool) -> None:
    say(_summary(audit))
    for rule, asks in audit.asked.items():
        found = [finding for finding in audit.findings if finding.rule == rule]
        if not found:
            continue
        say(f"\n{rule}: {asks} {audit.checked[rule]} checked, {_findings(len(found))}.")
        print_table(
            ["severity", "place", "printed", "recomputed", "why"],
            [
                (one.severity, one.place, one.printed, one.recomputed, one.explanation)
                for one in found
            ],
        )
        if details:
            _show_details(found)
    fine = [rule for rule in audit.asked if not any(f.rule == rule for f in audit.findings)]
    if fine:
        say(
            f"No {'such ' if filtered else ''}finding: "
            + ", ".join(f"{rule} ({audit.checked[rule]} checked)" for rule in fine)
        )
    if audit.skipped:
        say("\nNot checked:")
        _show_skipped(audit)
    if audit.findings:
        say(f"\n{_summary(audit)}")  # the page is long: what a terminal still shows is its end


def _summary(audit: Audit) -> str:
    from mpcs_bench.report.audit import SEVERITIES

    counts = Counter(finding.severity for finding in audit.findings)
    parts = [f"{n} {severity}" for severity in SEVERITIES if (n := counts[severity])]
    listed = f": {', '.join(parts)}" if parts else ""
    return f"{audit.publication}: {_findings(len(audit.findings))}{listed}"


def _findings(number: int) -> str:
    return f"{number} finding{'' if number == 1 else 's'}"


def _show_details(found: Sequence[Finding]) -> None:
    for finding in found:
        if finding.details:
            say(f"{finding.place}: {finding.printed} ({finding.recomputed})")
            for line in finding.details:
                say(f"  {line}")


def _show_skipped(audit: Audit) -> None:
    print_table(
        ["rule", "not checked", "why"],
        [(item.rule, item.what, item.reason) for item in audit.skipped],
    )
