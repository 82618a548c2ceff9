"""The decision ledger: where a paper is silent, or disagrees with its code, and what we do.

An entry's options hold the settings that carry them out. A protocol that names an option under
`decisions` gets these settings, so that two fidelities differ in named decisions and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpcs_bench.errors import ProtocolError, did_you_mean
from mpcs_bench.protocol.document import Document, load_document
from mpcs_bench.protocol.dotted import value_at
from mpcs_bench.protocol.per import PER, Canonical, leaves, matching, without_per
from mpcs_bench.protocol.problems import validate
from mpcs_bench.protocol.schema import PerAxis

FILE = "ledger.yaml"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Option(_Record):
    """One way to decide: what it is in words, and the settings that carry it out.

    `per` below `set` gives settings of some encoders, data sets or strategies. `cannot_run` says
    why the harness has no way to do it.
    """

    says: str = Field(min_length=1)
    set: dict[str, Any] = {}
    cannot_run: str | None = None


class Entry(_Record):
    """One question; the option `default` is what protocols take unless they name another.

    An entry without options is decided once for all: `default` says how, in words. `applies`
    limits it to some values of an axis, and `needs_pretraining` to cells that have it.
    """

    question: str = Field(min_length=1)
    paper: str = Field(min_length=1, description="what the paper says")
    where: str | None = Field(None, description="its section, table or equation")
    released: str = Field(min_length=1, description="what the released code does")
    default: str = Field(min_length=1)
    why: str = Field(min_length=1)
    options: dict[str, Option] = {}
    applies: dict[PerAxis, list[str]] = {}
    needs_pretraining: bool = False


class _File(_Record):
    entries: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Entries by id, and the documents they stand in, for errors that name file and line."""

    entries: Mapping[str, Entry]
    documents: Mapping[str, Document]

    def entry(self, name: str) -> Entry:
        """Return an entry; raises ProtocolError with the nearest id where there is none."""
        if name not in self.entries:
            raise ProtocolError(
                f"the ledger has no decision '{name}'.{did_you_mean(name, list(self.entries))}",
                hint="`mpcs-bench ledger` lists all.",
            )
        return self.entries[name]

    def settings(self, name: str, option: str) -> Document:
        """Return the settings of an option, `per` among them. Raises ProtocolError."""
        entry = self.entry(name)
        if not entry.options:
            raise ProtocolError(
                f"the decision '{name}' is made once for all ({entry.default}): it has no options"
            )
        if option not in entry.options:
            raise ProtocolError(
                f"the decision '{name}' has no option '{option}'."
                f"{did_you_mean(option, list(entry.options))}",
                hint=f"Its options: {', '.join(entry.options)}.",
            )
        chosen = entry.options[option]
        if chosen.cannot_run is not None:
            raise ProtocolError(f"'{name}: {option}' cannot be run: {chosen.cannot_run}")
        places = self.documents[name].places_within(("entries", name, "options", option, "set"))
        return Document(dict(chosen.set), places)

    def chosen(self, document: Document) -> Iterator[Document]:
        """Yield the settings of every decision that `document` names, in order."""
        named = document.values.get("decisions")
        for name, option in named.items() if isinstance(named, Mapping) else ():
            if not isinstance(option, str):
                continue  # validation refuses it, with its place
            try:
                settings = self.settings(str(name), option)
            except ProtocolError as error:
                place = document.locate(("decisions", name))
                raise ProtocolError(error.message, location=place, hint=error.hint) from None
            if settings.values:
                yield settings

    def standing(
        self,
        named: Mapping[str, str],
        values: Mapping[str, Any],
        names: Mapping[str, str],
        canonical: Canonical,
    ) -> dict[str, str]:
        """Return the decisions that a cell's numbers rest on: entry -> option, in words.

        `named` are those of its protocol, `values` its final settings, `names` its place on the
        axes. Where the settings are no longer those of the option named, that is said. A protocol
        that names no decision is none of the ledger's.
        """
        found: dict[str, str] = {}
        if not named:
            return found
        for name, entry in self.entries.items():
            if not _applies(entry, values, names):
                continue
            if not entry.options:
                found[name] = entry.default
            elif name in named and self._bears(entry, values, names, canonical):
                option = entry.options[named[name]]
                changed = _changed(_fragment(option, names, canonical), values)
                but = f"; changed: {', '.join(changed)}" if changed else ""
                found[name] = f"{named[name]}: {option.says}{but}"
        return found

    @staticmethod
    def _bears(
        entry: Entry, values: Mapping[str, Any], names: Mapping[str, str], canonical: Canonical
    ) -> bool:
        paths = {
            path
            for option in entry.options.values()
            for path, _ in leaves(_fragment(option, names, canonical))
        }
        return any(
            path[0] != "pretraining" or values.get("pretraining") is not None for path in paths
        )


NO_LEDGER = Ledger({}, {})


def read_ledger(folders: Sequence[Path]) -> Ledger:
    """Return the entries of `ledger.yaml` in each folder that has one.

    Raises ProtocolError for a file that is no ledger, and for an id that stands in two of them.
    """
    entries: dict[str, Entry] = {}
    documents: dict[str, Document] = {}
    for path in dict.fromkeys((folder / FILE).resolve() for folder in folders):
        if not path.is_file():
            continue
        document, listed = _read(path, path.stat().st_mtime_ns)
        for name, entry in listed.items():
            place = document.locate(("entries", name))
            if name in entries:
                raise ProtocolError(f"'{name}' stands in another ledger too", location=place)
            if entry.options and entry.default not in entry.options:
                raise ProtocolError(
                    f"the default of '{name}', '{entry.default}', is none of its options",
                    location=place,
                )
            entries[name], documents[name] = entry, document
    return Ledger(entries, documents)


@lru_cache(maxsize=8)
def _read(path: Path, _changed_ns: int) -> tuple[Document, dict[str, Entry]]:
    """Read a ledger once for all protocols of a command; anew where the file has changed."""
    document = load_document(path)
    return document, validate(_File, document).entries


def _applies(entry: Entry, values: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    if entry.needs_pretraining and values.get("pretraining") is None:
        return False
    return all(names.get(axis) in wanted for axis, wanted in entry.applies.items())


def _fragment(option: Option, names: Mapping[str, str], canonical: Canonical) -> dict[str, Any]:
    """Return what an option sets for a cell with these names."""
    document = Document(dict(option.set))
    result = without_per(document)
    if PER in document.values:
        for settings in matching(document, names, canonical):
            result = result.overlaid(settings)
    return result.values


def _changed(wanted: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Return dotted names of what is set to something else than `wanted`."""
    found = []
    for path, value in leaves(wanted):
        above = [value_at(values, path[:length]) for length in range(1, len(path))]
        if any(item is None for item in above):
            continue  # a part of what this cell does not have, such as pre-training
        has = value_at(values, path)
        if isinstance(has, Mapping) and isinstance(value, str):
            has = has.get("plugin", has.get("source"))
        if _plain(has) != _plain(value):
            found.append(".".join(path))
    return found


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
