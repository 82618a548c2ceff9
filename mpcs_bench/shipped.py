"""Where the files that ship with the harness lie: in a checkout, an editable install, a wheel."""

from __future__ import annotations

from pathlib import Path

from mpcs_bench.errors import BenchError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the shipped folder `protocols` or `reports`.

    In a wheel it lies inside the package; in a checkout (and so in an editable install) beside it.
    """
    for candidate in (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise BenchError(
        f"The folder '{name}' that ships with mpcs-bench is missing.",
        hint="Install mpcs-bench again: `pip install --force-reinstall mpcs-bench`.",
    )
