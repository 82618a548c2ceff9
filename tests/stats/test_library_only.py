"""What the documentation calls `library only` is just what no command can reach."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import mpcs_bench
from mpcs_bench import stats

PACKAGE = Path(mpcs_bench.__file__).parent
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"


def test_a_statistic_is_used_by_the_harness_or_named_as_library_only() -> None:
    used = {
        name
        for path in PACKAGE.rglob("*.py")
        if path.parent != PACKAGE / "stats"
        for name in re.findall(r"\w+", path.read_text(encoding="utf-8"))
    }
    functions = {name for name in stats.__all__ if inspect.isfunction(getattr(stats, name))}
    (paragraph,) = re.findall(r"^\*\*Library only\.\*\*.*$", DOCUMENT.read_text(), re.M)
    named = set(re.findall(r"`(\w+)`", paragraph)) & functions
    assert functions - used == named - {"bootstrap_ratio"}
