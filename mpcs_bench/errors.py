"""What can go wrong, as the user meets it: what is wrong, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of every command."""

    OK = 0
    CELL_FAILED = 1
    USAGE = 2
    REGRESSION = 3
    NOTHING_RAN = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file the user wrote; line and column count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.file, self.line, self.column]
        return ":".join(str(part) for part in parts if part is not None)


class BenchError(Exception):
    """An error meant for the user: a message, what to do (`hint`), and where (`location`).

    `message` says what is wrong in one or more lines; `hint` says what to do next.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(
        self, message: str, *, hint: str | None = None, location: Location | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.location = location

    def __str__(self) -> str:
        text = f"{self.location}: {self.message}" if self.location else self.message
        return f"{text}\n{self.hint}" if self.hint else text


class ProtocolError(BenchError):
    """A protocol file, an overlay or a `--set` says something that cannot be."""


class PluginError(BenchError):
    """A plugin is unknown, ambiguous, broken, or does not keep its contract."""


class DataError(BenchError):
    """A data set is missing, damaged, or not what its plugin declares."""


class SplitError(BenchError):
    """A split cannot be made, or leaks."""


class WeightsError(BenchError):
    """Weights are missing, damaged, or belong to another model."""


class StoreError(BenchError):
    """The workspace or its database cannot be read or written."""


class StageError(BenchError):
    """A stage ran and failed (a NaN loss, a part that turned out empty)."""

    exit_code = ExitCode.CELL_FAILED


def did_you_mean(name: str, known: list[str]) -> str:
    """Return ' Did you mean ...?' for the nearest of `known`, or '' where none is near."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its name where it says nothing.

    What follows is, of torch and DuckDB, excerpts and advice.
    """
    return str(error).strip().partition("\n")[0] or type(error).__name__
