"""From a protocol's name or path to a validated protocol: find, extend, overlay, check."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpcs_bench.errors import Location, ProtocolError, did_you_mean
from mpcs_bench.protocol.anchoring import anchored, anchored_value
from mpcs_bench.protocol.document import Document, assignment, load_document
from mpcs_bench.protocol.dotted import setting_path, value_at
from mpcs_bench.protocol.layering import laid, layered, with_setting
from mpcs_bench.protocol.ledger import FILE as LEDGER_FILE
from mpcs_bench.protocol.ledger import NO_LEDGER, Ledger, read_ledger
from mpcs_bench.protocol.per import check_per
from mpcs_bench.protocol.problems import validate
from mpcs_bench.protocol.schema import CellSettings, Protocol
from mpcs_bench.protocol.variables import expand_variables
from mpcs_bench.protocol.yaml_reader import parse_yaml

__all__ = ["LoadedProtocol", "available", "expand_variables", "find", "load", "validate"]


@dataclass(frozen=True, slots=True)
class LoadedProtocol:
    """A validated protocol and the document it came from, for errors that name file and line.

    `files` are those it was read from, in the order they were read; `assigned` the dotted names
    that `--set` gave, with the text of each; `ledger` the decisions it can name.
    """

    protocol: Protocol
    document: Document
    path: Path
    files: tuple[Path, ...] = field(default=())
    assigned: tuple[tuple[str, Location], ...] = field(default=())
    ledger: Ledger = NO_LEDGER

    def error(
        self, message: str, path: Sequence[str | int], hint: str | None = None
    ) -> ProtocolError:
        """Return an error placed at `path` of the document."""
        return ProtocolError(message, location=self.document.locate(path), hint=hint)


def available(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the protocols in `folders` by name; earlier folders win."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            if path.name == LEDGER_FILE:
                continue
            found.setdefault(path.stem, path)
    return found


def find(reference: str, folders: Sequence[Path]) -> Path:
    """Return the file of a protocol given by path or by name.

    Raises ProtocolError, with the nearest known name, where there is none.
    """
    path = Path(reference)
    if path.suffix in (".yaml", ".yml") or os.sep in reference:
        if path.is_file():
            return path
        beside = [item.name for item in sorted(path.parent.glob("*.y*ml"))]
        raise ProtocolError(
            f"There is no protocol file '{reference}'.{did_you_mean(path.name, beside)}",
            hint="`mpcs-bench protocols list` lists the protocols that ship.",
        )
    known = available(folders)
    if reference in known:
        return known[reference]
    raise ProtocolError(
        f"There is no protocol '{reference}'.{did_you_mean(reference, list(known))}",
        hint=f"Known: {', '.join(known) or 'none'}. A path to a .yaml file works too.",
    )


def load(
    reference: str,
    folders: Sequence[Path],
    *,
    overlays: Sequence[str] = (),
    assignments: Sequence[str] = (),
    data_roots: Mapping[str, str] | None = None,
) -> LoadedProtocol:
    """Load, extend, overlay and validate a protocol.

    `overlays` are names under `overlays/` of a folder, or paths; `assignments` are `a.b=c`, the
    last overlay; `data_roots` give root folders by data set name (also the last word). Relative
    paths in the last two lie in the current folder. Raises ProtocolError with file, line and
    column, or naming the option.
    """
    path = find(reference, folders)
    ledger = read_ledger([path.parent, *folders])
    files: list[Path] = []
    shared = _Shared(files, ledger, folders)
    document = _extended(path, shared)
    for name in overlays:
        overlay = _extended(_find_overlay(name, path, folders), shared)
        document = layered(document, overlay)
    assigned = []
    for text in assignments:
        document, name = _assigned(document, text, ledger)
        assigned.append((name, Location(f"--set {text}")))
    for name, root in (data_roots or {}).items():
        document = _with_root(document, name, root, ledger)
    check_per(document, CellSettings)
    protocol = validate(Protocol, document)
    return LoadedProtocol(protocol, document, path, tuple(files), tuple(assigned), ledger)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What reading one file after the other has in common: files read so far, ledger, folders."""

    files: list[Path]
    ledger: Ledger
    folders: Sequence[Path]

    def parent(self, name: str, child: Path) -> Path:
        """Return the file that `child` extends by `name`: beside it, or among those that ship."""
        beside = child.parent / Path(name).expanduser()
        shipped = [folder / name for folder in self.folders]
        return next((path for path in (beside, *shipped) if path.is_file()), beside)


def _extended(path: Path, shared: _Shared, chain: tuple[Path, ...] = ()) -> Document:
    """Read `path` over the files it extends; one that has been read already is not laid again.

    So two files may extend a third, and what one of them changes of it stays changed.
    """
    document = load_document(path)
    shared.files.append(path)
    values = anchored(document.values, path.parent.resolve())
    parents = values.pop("extends", ())
    listed = isinstance(parents, list)
    parents = parents if listed else [parents] if isinstance(parents, str) else parents
    base = Document({})
    for index, parent in enumerate(_file_names(parents, document)):
        place = document.locate(["extends", index] if listed else ["extends"])
        target = shared.parent(parent, path)
        circle = (*chain, path)
        if any(_same_file(target, other) for other in circle):
            names = " -> ".join(item.name for item in (*circle, target))
            raise ProtocolError(f"`extends` runs in a circle: {names}", location=place)
        if not target.is_file():
            beside = [item.name for item in sorted(target.parent.glob("*.y*ml"))]
            raise ProtocolError(
                f"extends '{parent}', and there is no such file beside it."
                f"{did_you_mean(target.name, beside)}",
                location=place,
                hint=f"Looked for {target}.",
            )
        if not any(_same_file(target, other) for other in shared.files):
            base = layered(base, _extended(target, shared, circle))
    result = laid(base, Document(values, document.places), shared.ledger)
    result.places[()] = document.places[()]  # what is missing is missing here, not in a base
    return result


def _file_names(parents: Any, document: Document) -> Sequence[str]:
    if isinstance(parents, list | tuple) and all(isinstance(item, str) for item in parents):
        return parents
    raise ProtocolError(
        "`extends` takes a file or a list of files", location=document.locate(["extends"])
    )


def _same_file(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _find_overlay(name: str, protocol: Path, folders: Sequence[Path]) -> Path:
    direct = Path(name)
    if direct.suffix in (".yaml", ".yml") and direct.is_file():
        return direct
    places = [protocol.parent / "overlays", *(folder / "overlays" for folder in folders)]
    for place in places:
        if (place / f"{name}.yaml").is_file():
            return place / f"{name}.yaml"
    known = sorted({path.stem for place in places for path in place.glob("*.yaml")})
    raise ProtocolError(
        f"There is no overlay '{name}'.{did_you_mean(name, known)}",
        hint=f"Known: {', '.join(known) or 'none'}. A path to a .yaml file works too.",
    )


def _assigned(document: Document, text: str, ledger: Ledger) -> tuple[Document, str]:
    """Lay `a.b=c` over the document; also return the name `a.b`."""
    name, sign, raw = text.partition("=")
    name, place = name.strip(), Location(f"--set {text}")
    if not sign or not name:
        raise ProtocolError(
            f"--set takes key=value, not '{text}'.", hint="For example: --set finetuning.epochs=10"
        )
    try:
        written, places = parse_yaml(raw, f"--set {text}")
    except ProtocolError as error:
        raise ProtocolError(
            f"'{raw}' is not a YAML value: {error.message.removeprefix('not valid YAML: ')}",
            location=place,
            hint="Quote it for YAML, and all of it for the shell: --set 'title=\"A: B\"'",
        ) from None
    path = setting_path(name)
    if path == ("extends",):
        raise ProtocolError(
            "`extends` is for files", location=place, hint="Lay a file over with --overlay PATH."
        )
    value = value_at(anchored(assignment(path, written, place).values, Path.cwd()), path)
    within = dict.fromkeys(places, place)
    laid_over = with_setting(
        document, name, value, model=Protocol, place=place, within=within, ledger=ledger
    )
    return laid_over, name


def _with_root(document: Document, name: str, root: str, ledger: Ledger) -> Document:
    datasets = document.values.get("datasets")
    known = list(datasets) if isinstance(datasets, Mapping) else []
    if name not in known:
        raise ProtocolError(
            f"--data names '{name}', which is not a data set of this protocol."
            f"{did_you_mean(name, known)}",
            hint=f"Its data sets: {', '.join(known) or 'none'}.",
        )
    dotted = f"datasets.{name}.root"
    value = anchored_value(root, setting_path(dotted), Path.cwd())
    place = Location(f"--data {name}={root}")
    return with_setting(document, dotted, value, model=Protocol, place=place, ledger=ledger)
