"""Protocols: found, read, expanded into cells, narrowed; and the ledger of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpcs_bench.api.options import DEFAULTS, Options
from mpcs_bench.errors import BenchError, PluginError, did_you_mean
from mpcs_bench.shipped import folder

if TYPE_CHECKING:
    from mpcs_bench.protocol.cells import Cell
    from mpcs_bench.protocol.ledger import Entry
    from mpcs_bench.protocol.load import LoadedProtocol
    from mpcs_bench.registry.registry import Registry


def protocol_folders() -> list[Path]:
    """Return where protocols are looked for by name: the shipped ones, then installed packages'.

    A package names its folder by an entry point `mpcs_bench.protocols = "package:folder"`; one
    that cannot be imported is passed over, so that it breaks no other protocol.
    """
    from importlib.metadata import entry_points
    from importlib.resources import files

    folders = [folder("protocols")]
    for entry in entry_points(group="mpcs_bench.protocols"):
        package, _, inner = entry.value.partition(":")
        with suppress(Exception):
            place = Path(str(files(package))) / inner
            if place.is_dir():
                folders.append(place)
    return folders


def load(reference: str, options: Options = DEFAULTS) -> LoadedProtocol:
    """Load and validate one protocol, by name or path. Raises ProtocolError."""
    from mpcs_bench.protocol.load import load as load_protocol

    return load_protocol(
        reference,
        protocol_folders(),
        overlays=options.overlays,
        assignments=options.assignments,
        data_roots=options.data_roots,
    )


def plugin_files(protocols: Sequence[LoadedProtocol], options: Options) -> list[Path]:
    """Return the plugin files of `options` and, where trusted, of the protocols.

    Raises PluginError where a protocol names one and is not trusted: it would run its code.
    """
    files = [Path(path) for path in options.plugins]
    for loaded in protocols:
        for name in loaded.protocol.plugins:
            path = (loaded.path.parent / name).resolve()
            if not options.trust:
                raise PluginError(
                    f"The protocol names the plugin file '{name}', which is code that would run.",
                    location=loaded.document.locate(["plugins"]),
                    hint="Read it; then allow it with --trust.",
                )
            files.append(path)
    return files


def registry(files: Sequence[Path] = ()) -> Registry:
    """Return the registry of installed plugins and plugin files."""
    from mpcs_bench.registry.registry import Registry

    return Registry.discover(files)


def expand(
    protocols: Sequence[LoadedProtocol], plugins: Registry, device: str | None = None
) -> list[Cell]:
    """Return all cells of the protocols; raises ProtocolError.

    `device` (cpu, cuda or cuda:N) decides what they leave to it (`precision: auto`); None: that
    stays open.
    """
    from mpcs_bench.engine.catalogue import RegistryCatalogue
    from mpcs_bench.protocol.expand import expand as expand_protocol

    names = [loaded.protocol.name for loaded in protocols]
    for name in names:
        if names.count(name) > 1:
            raise BenchError(f"Two of the protocols are called '{name}'.", hint="Rename one.")
    catalogue = RegistryCatalogue(plugins, device)
    return [cell for loaded in protocols for cell in expand_protocol(loaded, catalogue)]


def choose(cells: Sequence[Cell], options: Options) -> list[Cell]:
    """Return the cells that `options.only` keeps.

    Raises BenchError where it names an unknown axis or keeps nothing.
    """
    from mpcs_bench.engine.plan import filter_cells
    from mpcs_bench.protocol.cells import LIGHT_AXES
    from mpcs_bench.protocol.expand import ALIASES

    known = ["experiment", *LIGHT_AXES, *ALIASES]
    for axis in options.only:
        if axis not in known:
            raise BenchError(
                f"--only: there is no axis '{axis}'.{did_you_mean(axis, known)}",
                hint=f"Axes: {', '.join(known)}.",
            )
    kept = filter_cells(cells, dict(options.only))
    if not kept:
        wanted = ", ".join(f"{name}={'|'.join(sorted(v))}" for name, v in options.only.items())
        raise BenchError(
            f"--only {wanted} keeps none of {len(cells)} cells.",
            hint="; ".join(_axis_values(cells, axis) for axis in options.only),
        )
    return kept


def _axis_values(cells: Sequence[Cell], axis: str) -> str:
    from mpcs_bench.engine.plan import axis_value

    values = dict.fromkeys(axis_value(cell, axis) for cell in cells)
    return f"{axis}: {', '.join(values)}"


def ledger() -> list[dict[str, Any]]:
    """Return the decisions of the ledger, with the settings of each option and who takes it."""
    from mpcs_bench.protocol.alternatives import taken_by
    from mpcs_bench.protocol.canonical import canonical_json
    from mpcs_bench.protocol.ledger import read_ledger
    from mpcs_bench.protocol.per import leaves

    folders = protocol_folders()
    found = read_ledger(folders)
    takers = taken_by(found, folders)
    return [
        {"id": name}
        | entry.model_dump(mode="json", exclude={"options"})
        | {
            "options": {
                option: {
                    "says": item.says,
                    "cannot_run": item.cannot_run,
                    "taken_by": takers.get((name, option), []),
                    "settings": {".".join(p): canonical_json(v) for p, v in leaves(item.set)},
                }
                for option, item in entry.options.items()
            }
        }
        for name, entry in found.entries.items()
    ]


def ledger_entry(name: str) -> Entry:
    """Return one entry; raises ProtocolError, with the nearest id, where there is none."""
    from mpcs_bench.protocol.ledger import read_ledger

    return read_ledger(protocol_folders()).entry(name)
