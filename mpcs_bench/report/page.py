"""A page of tables in words: what every rendering of a report shows, and nothing of how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Strip(NamedTuple):
    """An interval and its middle on an axis from 0 to 100 whose zero is at 50."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a table cell; `detail` is a second, quieter line; `strip` draws an interval."""

    text: str
    detail: str = ""
    strip: Strip | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A table line; `head` names it."""

    head: Cell
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a common `title` ('' for none), or `message` where there is nothing to list."""

    lines: tuple[Line, ...]
    title: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its caption, and notes below it; the first header stands over the heads.

    `optional` are the groups of columns that a narrow terminal may leave out, in that order.
    """

    caption: str
    headers: tuple[Cell, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    optional: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """One metric on one data set: accuracies, comparisons (None where none), other averages.

    `comparison` has the tests over folds, `trained` those for the trained models on new cases.
    """

    heading: str
    accuracy: Sheet
    comparison: Sheet | None
    trained: Sheet | None
    averages: Sheet


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report; `reading` explains the terms, `provenance` lists name and value."""

    title: str
    protocol: str
    summary: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    missing: Sheet | None
    decisions: Sheet | None
    reading: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    created: str
    verdicts: tuple[str, ...] = ()
