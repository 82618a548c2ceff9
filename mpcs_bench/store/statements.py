"""The SQL of the store: one file per step, under `sql/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """Return the text of `sql/<name>.sql`."""
    return (files("mpcs_bench.store") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
