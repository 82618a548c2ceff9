"""How a check of the contract suite is written, run and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


class Violation(Exception):  # noqa: N818 - what it reports is no error of the suite
    """What a check raises where the plugin does not keep its contract."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Outcome of one check; `message` says what is wrong, or is empty."""

    name: str
    passed: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One clause of a contract: `run` raises Violation; `needs` names checks it builds on."""

    name: str
    run: Callable[[], object]
    needs: tuple[str, ...] = ()


def require(condition: bool, message: str) -> None:
    """Raise Violation with `message` unless `condition` holds."""
    if not condition:
        raise Violation(message)


def run_checks(checks: Iterable[Check]) -> list[CheckResult]:
    """Run the checks in order; one that needs a failed or omitted check is left out.

    So a single fault shows as a single failure. Whatever the plugin raises is its failure.
    """
    results: list[CheckResult] = []
    passed: set[str] = set()
    for check in checks:
        if not passed.issuperset(check.needs):
            continue
        result = _run(check)
        results.append(result)
        if result.passed:
            passed.add(check.name)
    return results


def _run(check: Check) -> CheckResult:
    try:
        check.run()
    except Violation as violation:
        return CheckResult(check.name, False, str(violation))
    except Exception as error:  # whatever a stranger's plugin raises
        return CheckResult(check.name, False, f"raised {type(error).__name__}: {error}")
    return CheckResult(check.name, True)
