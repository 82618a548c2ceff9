"""The files of a protocol, laid out so that a copy of them reads as the originals do."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

from mpcs_bench.protocol.document import load_document
from mpcs_bench.protocol.ledger import FILE as LEDGER
from mpcs_bench.protocol.load import LoadedProtocol

OVERLAYS = "overlays"
"""Where an overlay is found by its name: in this folder, beside the protocol."""


class Layout:
    """Gives every file of a protocol a place in a folder of their own.

    A file that another extends lies as that one names it, an overlay under `overlays/`. `places`
    maps a place, relative and with `/`, to the file; `main` is the protocol's own; `overlays` are
    the names that the overlays have there; `lacking` says what the copy cannot hold.
    """

    def __init__(
        self, loaded: LoadedProtocol, overlays: Sequence[str], folders: Sequence[Path]
    ) -> None:
        self._folders = [folder.resolve() for folder in folders]
        self._found: dict[str, Path] = {}
        self.lacking: list[str] = []
        main = loaded.path.resolve()
        self._put(main.name, main)
        named = [self._overlay(loaded, name) for name in overlays]
        ledger = main.parent / LEDGER
        if ledger.is_file() and main.parent not in self._folders:
            self._found.setdefault(LEDGER, ledger)
        prefix = _prefix(main, self._found)
        self.places: dict[str, Path] = {
            posixpath.normpath(posixpath.join(prefix, place)): source
            for place, source in sorted(self._found.items())
        }
        self.main = posixpath.join(prefix, main.name)
        self.overlays = tuple(named)

    def _overlay(self, loaded: LoadedProtocol, name: str) -> str:
        """Place an overlay, given by name or path; return its name in the copy."""
        given = Path(name)
        for path in loaded.files:
            by_name = path.stem == name and path.parent.name == OVERLAYS
            by_path = given.is_file() and path.resolve() == given.resolve()
            if by_name or by_path:
                self._put(f"{OVERLAYS}/{path.stem}.yaml", path.resolve())
                return path.stem
        raise AssertionError(f"the overlay '{name}' was read and is not among the files")

    def _put(self, place: str, source: Path) -> None:
        """Place a file and those it extends; one file in two places would be read twice."""
        elsewhere = [known for known, file in self._found.items() if file == source]
        if elsewhere:
            if place not in elsewhere:
                self._lack(f"{source.name} is named in two ways, as {elsewhere[0]} and {place}")
            return
        if place in self._found:
            self._lack(f"{self._found[place]} and {source} would both be {place}")
            return
        self._found[place] = source
        for name in _extended(source):
            written = Path(name).expanduser()
            if written.is_absolute():
                self._lack(f"{place} extends '{name}', which is an absolute path")
                continue
            inner = posixpath.normpath(posixpath.join(posixpath.dirname(place), name))
            self._put(inner, self._target(source, written))

    def _target(self, child: Path, name: Path) -> Path:
        # As `protocol.load` finds it: beside the file that extends it, or among those that ship.
        beside = child.parent / name
        places = (beside, *(folder / name for folder in self._folders))
        return next((path for path in places if path.is_file()), beside).resolve()

    def _lack(self, what: str) -> None:
        self.lacking.append(f"The protocol's files cannot be copied as they are: {what}.")


def _extended(source: Path) -> Iterator[str]:
    named = load_document(source).values.get("extends", ())
    yield from [named] if isinstance(named, str) else named


def _prefix(main: Path, found: dict[str, Path]) -> str:
    """Return the folders above the protocol that `../` in its files leads through."""
    above = max(place.split("/").count("..") for place in found)
    return "/".join(main.parent.parts[-above:]) if above else ""
