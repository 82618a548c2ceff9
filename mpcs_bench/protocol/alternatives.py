"""Which protocols and overlays take which option of a decision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.document import load_document
from mpcs_bench.protocol.dotted import value_at
from mpcs_bench.protocol.ledger import Ledger
from mpcs_bench.protocol.load import available

DECISIONS = "decisions"


def taken_by(ledger: Ledger, folders: Sequence[Path]) -> dict[tuple[str, str], list[str]]:
    """Return (entry, option) -> who takes it, for options that are not the default.

    Named are overlays (`--overlay NAME`) and protocols, by what their own files and experiments
    say. A file that cannot be read takes nothing: `validate` says what is wrong with it.
    """
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, path in _files(folders):
        for entry, option in _choices(path):
            known = ledger.entries.get(entry)
            if known is not None and option != known.default and option in known.options:
                found[entry, option].append(name)
    return {choice: list(dict.fromkeys(names)) for choice, names in found.items()}


def _files(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    for folder in folders:
        for path in sorted((folder / "overlays").glob("*.yaml")):
            yield f"--overlay {path.stem}", path
    yield from available(folders).items()


def _choices(path: Path) -> Iterator[tuple[str, str]]:
    try:
        values = load_document(path).values
    except ProtocolError:
        return
    yield from _named(values.get(DECISIONS))
    experiments = values.get("experiments")
    for experiment in experiments.values() if isinstance(experiments, Mapping) else ():
        settings = value_at(experiment, ("set",))
        for name, value in settings.items() if isinstance(settings, Mapping) else ():
            first, _, entry = name.partition(".")
            if first == DECISIONS:
                yield from _named({entry: value} if entry else value)


def _named(decisions: Any) -> Iterator[tuple[str, str]]:
    if isinstance(decisions, Mapping):
        yield from ((str(entry), str(option)) for entry, option in decisions.items())
