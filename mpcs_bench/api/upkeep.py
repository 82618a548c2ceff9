"""Where results come from, and the upkeep of a workspace: provenance, crate, gc, invalidate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mpcs_bench.api.options import Options
from mpcs_bench.api.protocols import plugin_files, protocol_folders, registry
from mpcs_bench.api.reading import connect

if TYPE_CHECKING:
    from mpcs_bench.engine.plan import Plan
    from mpcs_bench.engine.workspace import Workspace
    from mpcs_bench.provenance.chain import Chain
    from mpcs_bench.provenance.crate import ExportedCrate
    from mpcs_bench.upkeep.collecting import Collected
    from mpcs_bench.upkeep.garbage import Garbage
    from mpcs_bench.upkeep.invalidating import Invalidation, Restored
    from mpcs_bench.upkeep.trash import Batch


def record_origins(
    workspace: Workspace, references: Sequence[str], options: Options, planned: Plan
) -> list[Path]:
    """Write down what a plan was made from: its protocols' files, overlays and `--set`.

    `references` are the protocols as they were given. Costs little, changes no result, and is
    what `provenance` and `export_crate` repeat a protocol by. Raises StoreError where a file
    cannot be read or written.
    """
    from mpcs_bench.provenance.recording import Given, record_plan

    given = Given(
        overlays=options.overlays,
        assignments=options.assignments,
        only=options.only,
        data_roots=options.data_roots,
        plugins=options.plugins,
        trust=options.trust,
    )
    return record_plan(
        workspace.root,
        planned,
        references,
        given,
        registry=registry(plugin_files(planned.protocols, options)),
        folders=protocol_folders(),
    )


def provenance(workspace: Workspace, name: str, plugins: Sequence[Path] = ()) -> Chain:
    """Return the chain behind a cell (number, key or its start, id), or behind a pre-training.

    `plugins` are plugin files, for the licences of data sets that they declare. Raises StoreError
    where nothing or several things have that name, and where it has no result.
    """
    from mpcs_bench.provenance.chain import ChainReader
    from mpcs_bench.provenance.finding import key_of

    key = key_of(connect(workspace), name)
    return ChainReader(workspace.root, registry(plugins)).chain(key)


def export_crate(
    workspace: Workspace,
    protocol: str,
    output: Path,
    *,
    plugins: Sequence[Path] = (),
    author: str | None = None,
    licence: str | None = None,
    weights: bool = False,
    force: bool = False,
) -> ExportedCrate:
    """Write a protocol with its results as an RO-Crate: a folder, or an archive (`.zip`).

    Raises BenchError as `provenance.crate.export_crate`.
    """
    from mpcs_bench.provenance.crate import export_crate as export

    return export(
        workspace,
        protocol,
        output,
        registry=registry(plugins),
        author=author,
        licence=licence,
        weights=weights,
        force=force,
    )


def garbage(workspace: Workspace) -> Garbage:
    """Return what a workspace holds that no plan of it needs; changes nothing.

    Raises StoreError where a plan, a state file or the database cannot be read.
    """
    from mpcs_bench.upkeep.collecting import survey

    return survey(workspace)


def collect(workspace: Workspace, agreed: Garbage) -> Collected:
    """Remove what `garbage` found and can still go. Raises StoreError where a run is going on."""
    from mpcs_bench.upkeep.collecting import collect as remove

    return remove(workspace, agreed)


def invalidation(
    workspace: Workspace,
    names: Sequence[str] = (),
    *,
    protocols: Sequence[str] = (),
    kinds: Sequence[str] = (),
    failed: bool = False,
) -> Invalidation:
    """Return what would be moved aside, with all that stands on it; changes nothing.

    `names` are cells and stages by number, key or its start, or readable id; of these, or of all,
    those of the `protocols`, of the `kinds` (`pretrain`, `finetune` ...), and `failed` ones.
    Raises StoreError for a name that there is not, and where nothing fits.
    """
    from mpcs_bench.upkeep.invalidating import invalidation as found
    from mpcs_bench.upkeep.selection import Selection

    return found(workspace, Selection(tuple(names), tuple(protocols), tuple(kinds), failed))


def invalidate(workspace: Workspace, agreed: Invalidation) -> Batch:
    """Move aside what `invalidation` found: it is computed again by the next run.

    Raises StoreError where a run is going on, and where it would be other stages by now.
    """
    from mpcs_bench.upkeep.invalidating import invalidate as move

    return move(workspace, agreed)


def restore(workspace: Workspace, batch: str | None = None) -> Restored:
    """Move back what `invalidate` moved aside, None: the newest batch. Raises StoreError."""
    from mpcs_bench.upkeep.invalidating import undo

    return undo(workspace, batch)
