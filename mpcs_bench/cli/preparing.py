"""`data prepare` and `data unpack`: from a published archive to data that a run can use."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, remark, say
from mpcs_bench.cli.progress import observing
from mpcs_bench.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from mpcs_bench.data.archives import Unpacked
    from mpcs_bench.engine.archive_roots import ArchiveRoot
    from mpcs_bench.engine.plan import Plan
    from mpcs_bench.engine.running import Observer
    from mpcs_bench.engine.workspace import Workspace
    from mpcs_bench.protocol.load import LoadedProtocol

MEGABYTE = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class _Ready:
    """An unpacked archive and the data set's root in it."""

    place: ArchiveRoot
    unpacked: Unpacked
    root: Path

    @property
    def usage(self) -> str | None:
        """How a run is told of the root; None where the protocol says it already."""
        if self.place.named and self.root == self.unpacked.root:
            return None
        path = shlex.quote(str(self.root))
        option = f"--data {self.place.name}={path}"
        return (
            f"export {self.place.variable}={path}, or {option}" if self.place.variable else option
        )


def prepare(
    protocols: cli.Protocols,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    archive: Annotated[
        list[str] | None,
        typer.Option("--archive", help="NAME=FILE, a data set's published archive; repeatable."),
    ] = None,
    overlay: cli.Overlays = None,
    scale: cli.Scale = None,
    assign: cli.Assignments = None,
    data: cli.Data = None,
    plugin: cli.Plugins = None,
    trust: cli.Trust = False,
    as_json: cli.Json = False,
) -> None:
    """Make the data of protocols ready: unpack archives, draw what is synthetic, decode, split.

    An archive goes into its data set's root, or into the workspace where there is none.
    """
    options = cli.read_options(
        overlays=overlay,
        scale=scale,
        assignments=assign,
        data=data,
        plugins=plugin,
        trust=trust,
        device="cpu",
    )
    archives, place = _named_files(archive or ()), cli.workspace_at(workspace)
    ready: list[_Ready] = []
    with observing() as observer:
        if archives:
            loaded = [api.load(reference, options) for reference in protocols]
            ready = _unpack_all(archives, loaded, place, options, observer)
            for item in ready:
                if not as_json:
                    _say_unpacked(item.unpacked, item.place.name)
                    if item.usage:
                        say(f"{item.place.name}: to use it, {item.usage}")
            plans = [
                api.plan([reference], place, _with_roots(options, ready, one), observer=observer)
                for reference, one in zip(protocols, loaded, strict=True)
            ]
        else:
            plans = [api.plan(protocols, place, options, observer=observer)]
    _report(plans, ready, as_json=as_json)


def unpack(
    file: Annotated[Path, typer.Argument(help="A .tar, .tar.gz, .tar.bz2, .tar.xz or .zip.")],
    folder: Annotated[Path, typer.Argument(help="Where to; empty, or not there yet.")],
    as_json: cli.Json = False,
) -> None:
    """Unpack a data set's published archive: whole or not at all, never over anything else.

    A record of every file with its checksum is left beside them: `data verify` compares.
    """
    with observing() as observer:
        done = _unpack(file, folder, observer)
    if as_json:
        print_json(_facts(done))
    else:
        _say_unpacked(done)


def _named_files(texts: Sequence[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for text in texts:
        name, sign, path = text.partition("=")
        if not (sign and name and path):
            raise BenchError(f"--archive takes NAME=FILE, not '{text}'.")
        if name in files:
            raise BenchError(f"--archive names the data set '{name}' twice.")
        files[name] = Path(path).expanduser()
    return files


def _unpack_all(
    archives: dict[str, Path],
    protocols: Sequence[LoadedProtocol],
    workspace: Workspace,
    options: api.Options,
    observer: Observer,
) -> list[_Ready]:
    from mpcs_bench.engine.archive_roots import archive_root, root_within

    plugins = api.registry(api.plugin_files(protocols, options))
    # All places first: a misspelt name is said before gigabytes are unpacked.
    places = [archive_root(name, protocols, workspace) for name in archives]
    ready = []
    for place in places:
        unpacked = _unpack(archives[place.name], place.folder, observer)
        root = root_within(unpacked.root, place.settings, plugins)
        ready.append(_Ready(place, unpacked, root))
    return ready


def _unpack(file: Path, folder: Path, observer: Observer) -> Unpacked:
    from mpcs_bench.data.archives import unpack as unpack_archive

    what = f"unpacking {file.name} (MB)"
    return unpack_archive(
        file,
        folder,
        lambda done, of: observer.preparing(what, done // MEGABYTE, max(of // MEGABYTE, 1)),
    )


def _with_roots(
    options: api.Options, ready: Sequence[_Ready], protocol: LoadedProtocol
) -> api.Options:
    """Return the options for one protocol, with the roots of those archives that it has a use for.

    Planning goes on as if the user had followed our advice.
    """
    roots = {
        item.place.name: str(item.root)
        for item in ready
        if item.place.name in protocol.protocol.datasets
    }
    return dataclasses.replace(options, data_roots={**options.data_roots, **roots})


def _report(plans: Sequence[Plan], ready: Sequence[_Ready], *, as_json: bool) -> None:
    samples = dict.fromkeys(pair for plan in plans for pair in plan.samples)
    blocked = list(dict.fromkeys(why for plan in plans for why in plan.blocked_reasons()))
    if as_json:
        rows = [{"dataset": name, "fingerprint": mark} for name, mark in samples]
        facts = [
            {"dataset": item.place.name, **_facts(item.unpacked)}
            | {"root": str(item.root), "usage": item.usage}
            for item in ready
        ]
        print_json({"ready": rows, "blocked": blocked, "unpacked": facts})
    else:
        for name, mark in samples:
            say(f"{name}: ready, fingerprint {mark[:16]}")
        for reason in blocked:
            remark(f"blocked: {reason}")
    if blocked:
        raise typer.Exit(ExitCode.USAGE)


def _say_unpacked(done: Unpacked, dataset: str = "") -> None:
    record, prefix = done.record, f"{dataset}: " if dataset else ""
    what = f"{len(record.files)} files ({record.size / MEGABYTE:.1f} MB) of {record.archive.name}"
    verb = "already unpacked" if done.already else "unpacked"
    say(f"{prefix}{verb} {what} into {done.root}")
    say(f"{prefix}SHA-256 of the archive {record.archive.sha256}")
    if record.left_out:
        say(f"{prefix}left out {len(record.left_out)} files that macOS adds to archives")


def _facts(done: Unpacked) -> dict[str, Any]:
    record = done.record
    return {
        "archive": record.archive.model_dump(),
        "folder": str(done.root),
        "files": len(record.files),
        "bytes": record.size,
        "already": done.already,
    }
