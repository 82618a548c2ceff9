"""What commands print: tables and JSON on stdout, everything about progress on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

LAID_OUT = 1000
"""The most rows that a table is fitted to the screen with."""


def stdout() -> Console:
    """Return the console for results; piped output is never cut to a width."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 200, highlight=False)


def stderr() -> Console:
    """Return the console for progress and remarks."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Print one line of results as it is: neither folded nor read as markup."""
    stdout().print(text, markup=False, soft_wrap=True)


def remark(text: str) -> None:
    """Print one line on stderr as it is."""
    stderr().print(text, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print `value` as JSON; NaN becomes null, times ISO 8601."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a plain table; one of more than `LAID_OUT` rows is not fitted to the screen."""
    cells = [["" if value is None else _cell(value) for value in row] for row in rows]
    if len(cells) > LAID_OUT:
        _print_long(columns, cells, title)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    stdout().print(table)


def _print_long(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str) -> None:
    """Print rows one a line, columns below each other: laying out 100,000 takes half a minute."""
    lines = [columns, *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)][:-1]
    head = [title] if title else []
    texts = ("  ".join([*map(str.ljust, line, widths), line[-1]]).rstrip() for line in lines)
    sys.stdout.write("\n".join([*head, *texts]) + "\n")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
