"""What a protocol's table compares beside the usual factors, as names of conditions."""

from __future__ import annotations

from collections.abc import Iterator

from mpcs_bench.errors import ProtocolError, did_you_mean
from mpcs_bench.protocol.dotted import setting_path, unknown_setting
from mpcs_bench.protocol.ledger import Ledger
from mpcs_bench.protocol.load import LoadedProtocol
from mpcs_bench.protocol.per import leaves
from mpcs_bench.protocol.schema import CellSettings

DECISIONS = "decisions"


def compared(loaded: LoadedProtocol) -> tuple[str, ...]:
    """Return the conditions that `report.factors` lets differ, as cells name theirs.

    `decisions` stands for all that the ledger's options set, `decisions.ENTRY` for one entry's.
    A data set's settings have its role in their name, as those of cells do. Raises ProtocolError
    for a name that is no setting and no decision.
    """
    names: dict[str, None] = {}
    for index, written in enumerate(loaded.protocol.report.factors):
        try:
            for path in _paths(loaded, written):
                names |= dict.fromkeys(_as_conditions(path))
        except ProtocolError as error:
            raise loaded.error(error.message, ["report", "factors", index], error.hint) from None
    return tuple(names)


def set_by(ledger: Ledger, entry: str) -> tuple[str, ...]:
    """Return the conditions that the options of an entry set; raises ProtocolError."""
    names = (name for path in _of_entry(ledger, entry) for name in _as_conditions(path))
    return tuple(dict.fromkeys(names))


def _paths(loaded: LoadedProtocol, written: str) -> Iterator[tuple[str, ...]]:
    first, _, entry = written.partition(".")
    if first == DECISIONS:
        for name in [entry] if entry else list(loaded.ledger.entries):
            yield from _of_entry(loaded.ledger, name)
        return
    path = setting_path(written)
    problem = unknown_setting(CellSettings, path, loaded.document.values)
    if problem is not None:
        near = did_you_mean(written, list(CellSettings.model_fields))
        raise ProtocolError(problem, hint=near.strip() or None)
    yield path


def _of_entry(ledger: Ledger, name: str) -> Iterator[tuple[str, ...]]:
    for option in ledger.entry(name).options.values():
        for path, _ in leaves(option.set):
            yield path[3:] if path[0] == "per" else path


def _as_conditions(path: tuple[str, ...]) -> Iterator[str]:
    if path[0] == "datasets":
        rest = ".".join(path[2:])
        yield f"dataset.{rest}"
        yield f"pretraining.data.{rest}"
    else:
        yield ".".join(path)
