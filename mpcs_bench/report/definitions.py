"""The report's own definitions: the SQL of its tables and its page templates, under `reports/`."""

from __future__ import annotations

from pathlib import Path

from mpcs_bench.errors import BenchError
from mpcs_bench.shipped import folder


class ReportError(BenchError):
    """A report cannot be made from what the workspace holds."""


def called_after(experiment: str) -> str:
    """Return the protocol that is called after an experiment: exp-03 of exp-3."""
    name, _, number = experiment.rpartition("-")
    return f"{name}-{int(number):02d}" if number.isdigit() else experiment


def table_sql(name: str) -> str:
    """Return the SQL of `reports/tables/<name>.sql`; raises ReportError where there is none."""
    return _text(folder("reports") / "tables" / f"{name}.sql")


def templates_folder() -> Path:
    """Return the folder of the page templates."""
    return folder("reports") / "templates"


def reading() -> tuple[tuple[str, str], ...]:
    """Return term and explanation of everything a page shows, in order."""
    lines = _text(templates_folder() / "reading.txt").splitlines()
    return tuple(_term(line) for line in lines if line.strip())


def _term(line: str) -> tuple[str, str]:
    term, _, explanation = line.partition(" | ")
    return term, explanation


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ReportError(
            f"The report definition '{path.name}' cannot be read at {path}: {error.strerror}.",
            hint="Install mpcs-bench again: it ships with the package.",
        ) from error
