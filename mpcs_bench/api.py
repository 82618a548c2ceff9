"""The Python face of the command line: load, plan, run, connect, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpcs_bench.errors import BenchError, DataError, PluginError, did_you_mean
from mpcs_bench.shipped import folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pandas import DataFrame

    from mpcs_bench.check.compare_cost import Slack
    from mpcs_bench.check.items import Check
    from mpcs_bench.check.verification import Verification
    from mpcs_bench.engine.binding import Binder
    from mpcs_bench.engine.plan import Plan
    from mpcs_bench.engine.running import Observer, Outcome
    from mpcs_bench.engine.workspace import Workspace
    from mpcs_bench.protocol.cells import Cell
    from mpcs_bench.protocol.ledger import Entry
    from mpcs_bench.protocol.load import LoadedProtocol
    from mpcs_bench.registry.registry import Registry
    from mpcs_bench.report.audit import Audit
    from mpcs_bench.report.compare.build import Significance
    from mpcs_bench.report.figures.entry import FigureEntry
    from mpcs_bench.report.model import Report
    from mpcs_bench.report.paper import PaperReport
    from mpcs_bench.report.variance.build import VarianceReport
    from mpcs_bench.store import Store


@dataclass(frozen=True, slots=True)
class Options:
    """How protocols are read and run; the defaults are those of the command line.

    `overlays` are names or paths; `assignments` are `a.b=c`; `only` maps an axis to the values to
    keep; `data_roots` data set names to folders; `plugins` are plugin files; `trust` lets a
    protocol's own `plugins:` list run. `jobs` None: one per core (CPU), one (GPU).
    """

    overlays: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()
    only: Mapping[str, set[str]] = field(default_factory=dict)
    data_roots: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    trust: bool = False
    device: str = "auto"
    jobs: int | None = None


DEFAULTS = Options()


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


def expand(protocols: Sequence[LoadedProtocol], plugins: Registry) -> list[Cell]:
    """Return all cells of the protocols; raises ProtocolError."""
    from mpcs_bench.engine.catalogue import RegistryCatalogue
    from mpcs_bench.protocol.expand import expand as expand_protocol

    names = [loaded.protocol.name for loaded in protocols]
    for name in names:
        if names.count(name) > 1:
            raise BenchError(f"Two of the protocols are called '{name}'.", hint="Rename one.")
    catalogue = RegistryCatalogue(plugins)
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


def plan(
    references: Sequence[str],
    workspace: Workspace,
    options: Options = DEFAULTS,
    *,
    observer: Observer | None = None,
) -> Plan:
    """Plan protocols for a workspace: generates and decodes data where needed, trains nothing.

    Raises BenchError for anything that is there and cannot be used; what is missing blocks.
    """
    from mpcs_bench.engine.device import resolve_device
    from mpcs_bench.engine.planning import Planner

    protocols = [load(reference, options) for reference in references]
    files = plugin_files(protocols, options)
    plugins = registry(files)
    cells = expand(protocols, plugins)
    chosen = choose(cells, options)
    workspace.create()
    planner = Planner(
        workspace=workspace,
        registry=plugins,
        binder=_binder(plugins, workspace, observer),
        device=resolve_device(options.device),
        plugin_files=[str(path) for path in files],
    )
    return planner.plan(protocols, cells, chosen, _variation(options))


def run(
    references: Sequence[str],
    workspace: Workspace,
    options: Options = DEFAULTS,
    *,
    observer: Observer,
) -> tuple[Plan, Outcome]:
    """Plan and run protocols; returns the plan and what came of it.

    The workspace is locked meanwhile. On KeyboardInterrupt finished results are kept and the
    workspace can be resumed by running again.
    """
    from mpcs_bench.engine.running import Run, default_jobs

    workspace.create()
    with workspace.lock():
        planned = plan(references, workspace, options, observer=observer)
        jobs = options.jobs or default_jobs(planned.device, planned.threads)
        with suppress(BenchError):  # `report` tries again
            load_published(workspace, wait=1.0)
        outcome = Run(planned, workspace, jobs, observer).execute()
    return planned, outcome


def splits(
    reference: str,
    workspace: Workspace,
    options: Options = DEFAULTS,
    *,
    observer: Observer | None = None,
) -> dict[str, DataFrame]:
    """Return fold, part, patient, sample and path of every sample, by data set of a protocol.

    With several split seeds a name ends in `-seedN`.

    Raises DataError where a data set is not on this machine.
    """
    from mpcs_bench.data.splits import export_split
    from mpcs_bench.engine.binding import Blocked

    loaded = load(reference, options)
    plugins = registry(plugin_files([loaded], options))
    workspace.create()
    binder = _binder(plugins, workspace, observer)
    needs = {
        (stage.data.name, stage.data.split_seed): stage.data
        for cell in choose(expand([loaded], plugins), options)
        for stage in (cell.stage.upstream, cell.stage)
        if stage is not None
    }
    several = len(needs) > len({name for name, _ in needs})
    tables = {}
    for (name, seed), need in needs.items():
        bound = binder.data(need)
        if isinstance(bound, Blocked):
            raise DataError(bound.reason, hint=bound.hint)
        title = f"{name}-seed{seed}" if several else name
        tables[title] = export_split(bound.split, bound.index)
    return tables


def connect(workspace: Workspace) -> Store:
    """Return the store of an existing workspace. Raises StoreError where there is none."""
    from mpcs_bench.store import Store

    workspace.require()
    return Store(workspace.root)


def report(workspace: Workspace, protocol: str) -> Report:
    """Build the report of one protocol and store its comparisons in the table `comparison`.

    Where it holds experiments of a publication, it opens with the verdicts on these.
    """
    from dataclasses import replace

    from mpcs_bench.report import build_report, comparison_rows
    from mpcs_bench.store import ComparisonRow

    store = connect(workspace)
    load_published(workspace)
    with store.reader() as connection:
        built = build_report(connection, protocol)
        built = replace(built, verdicts=_opening(connection, protocol))
    store.save_comparisons(ComparisonRow(**row) for row in comparison_rows(built))
    return built


def _opening(connection: DuckDBPyConnection, protocol: str) -> tuple[str, ...]:
    """Return the sentences that say what a protocol's results make of published values."""
    from mpcs_bench.report.paper import (
        Intention,
        held_experiments,
        opening_verdicts,
        publications_fed,
        read_intention,
    )

    held = held_experiments(connection, [protocol])
    papers = publications_fed(list(held))
    if not papers:
        return ()

    def intention() -> Intention:
        plugins = registry()
        return read_intention(held, load, lambda loaded: expand([loaded], plugins))

    return opening_verdicts(connection, protocol, papers, intention)


def report_paper(workspace: Workspace, protocols: Sequence[str]) -> tuple[PaperReport, ...]:
    """Build the tables and figures of each publication that prints values of these protocols.

    Their verdicts are stored in the table `verdicts`, in the place of earlier ones. None where no
    protocol holds an experiment of a published table. Raises ReportError where the workspace has
    no cell of one of `protocols`.
    """
    from mpcs_bench.report.figures import declared_strategies
    from mpcs_bench.report.paper import (
        build_paper,
        held_experiments,
        paper_verdict_rows,
        publications_fed,
        read_intention,
    )
    from mpcs_bench.store import VerdictRow

    store = connect(workspace)
    load_published(workspace)
    with store.reader() as connection:
        held = held_experiments(connection, protocols)
        papers = publications_fed(list(held))
        if not papers:
            return ()
        plugins = registry()
        intention = read_intention(held, load, lambda loaded: expand([loaded], plugins))
        built = tuple(
            build_paper(
                connection,
                workspace.results,
                protocols,
                publication=paper,
                intention=intention,
                strategies=declared_strategies(plugins),
            )
            for paper in papers
        )
    store.save_verdicts(VerdictRow(**row) for one in built for row in paper_verdict_rows(one))
    return built


def report_figures(workspace: Workspace, protocols: Sequence[str]) -> list[FigureEntry]:
    """Draw the figures of protocols that feed no published table, such as a supplement's."""
    from mpcs_bench.report.figures import build_figures, declared_strategies

    strategies = declared_strategies(registry())
    with connect(workspace).reader() as connection:
        found = build_figures(connection, workspace.results, protocols, None, strategies)
    return [entry for entry in found if entry.fed and entry.figure is not None and entry.of_results]


def protocols_of(workspace: Workspace) -> list[str]:
    """Return the protocols that a workspace holds, by name. Raises BenchError where none is."""
    from mpcs_bench.report.definitions import table_sql

    with connect(workspace).reader() as connection:
        rows = connection.execute(table_sql("protocols")).fetchall()
    if not rows:
        raise BenchError(
            f"There is no protocol in {workspace.root}.",
            hint="Run one first: `mpcs-bench run quickstart`.",
        )
    return [str(row[0]) for row in rows]


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


def _axis_values(cells: Sequence[Cell], axis: str) -> str:
    from mpcs_bench.engine.plan import axis_value

    values = dict.fromkeys(axis_value(cell, axis) for cell in cells)
    return f"{axis}: {', '.join(values)}"


def _variation(options: Options) -> str:
    """Say how options change what a protocol's file says."""
    parts = [f"--overlay {name}" for name in options.overlays]
    parts += [f"--set {text}" for text in options.assignments if text != "keep_weights=true"]
    return ", ".join(parts)


def _binder(plugins: Registry, workspace: Workspace, observer: Observer | None) -> Binder:
    import os

    from mpcs_bench.engine.binding import Binder

    announce = observer.preparing if observer is not None else _silent
    return Binder(plugins, workspace, os.cpu_count() or 1, announce)


def _silent(what: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def load_published(workspace: Workspace, *, wait: float = 10.0) -> tuple[str, ...]:
    """Put the published values and claims that the database lacks into it; return their ids.

    Costs next to nothing where it has them: the files' digests are compared. `wait` is how many
    seconds to wait for a database that someone else holds. Raises PublishedError for files that
    say what cannot be, StoreError where the database cannot be written.
    """
    from mpcs_bench.report.published import published_digest, published_folders, read_published
    from mpcs_bench.store import Retry, Store

    store = Store(workspace.root, Retry(wait=wait))
    held = store.published_digests()
    lacking = [
        place for place in published_folders() if held.get(place.name) != published_digest(place)
    ]
    if lacking:
        from mpcs_bench.report.published.rows import published_source

        store.load_published([published_source(read_published(place)) for place in lacking])
    return tuple(place.name for place in lacking)


def audit(
    reference: str | Path | None = None,
    *,
    rules: Sequence[str] = (),
    severities: Sequence[str] = (),
) -> list[Audit]:
    """Return what published numbers say of each other: of all publications, of one by its id, or
    of those in a folder.

    `rules` and `severities` keep only theirs. Raises PublishedError for a publication, a rule or
    a severity that there is not, and for files that cannot be read.
    """
    from mpcs_bench.report.audit import audit_publication, publications

    return [audit_publication(paper, rules, severities) for paper in publications(reference)]


def compare(
    workspace: Workspace,
    baseline: str,
    candidates: Sequence[str],
    *,
    metric: str | None = None,
    rope: float = 0.01,
) -> Significance:
    """Test experiments of any protocols against one, and store every test in `comparison`.

    References are `protocol:experiment`, or either alone where that is enough; `rope`, a
    proportion, is how far from zero a difference counts as equivalent. Raises ReportError as
    `report.compare.build.compare_experiments`.
    """
    from mpcs_bench.report.compare.build import compare_experiments
    from mpcs_bench.report.compare.rows import significance_rows
    from mpcs_bench.store import ComparisonRow

    store = connect(workspace)
    with store.reader() as connection:
        found = compare_experiments(connection, baseline, candidates, metric=metric, rope=rope)
    store.save_comparisons(ComparisonRow(**row) for row in significance_rows(found))
    return found


def check(
    reference: str,
    baseline: Path,
    workspace: Workspace,
    options: Options = DEFAULTS,
    *,
    observer: Observer,
    update: bool = False,
    false_alarms: float = 0.05,
    slack: Slack | None = None,
) -> Check | None:
    """Run a protocol anew and hold it to `baseline`; with `update` store the run as baseline.

    The workspace is emptied first, of what an earlier check left. None where it was stored.
    Raises CheckError for a baseline that is missing, damaged or of another protocol, for a
    workspace that holds something else, and where nothing could run.
    """
    from mpcs_bench.check.run import Checked, held, stored
    from mpcs_bench.engine.device import resolve_device

    def execute(watch: Observer) -> tuple[Plan, Outcome]:
        return run([reference], workspace, options, observer=watch)

    loaded = load(reference, options)
    checked = Checked(
        loaded=loaded,
        workspace=workspace,
        registry=registry(plugin_files([loaded], options)),
        device=resolve_device(options.device),
        execute=execute,
        observer=observer,
    )
    if update:
        stored(checked, baseline)
        return None
    return held(checked, baseline, false_alarms=false_alarms, slack=slack)


def verify(
    workspace: Workspace,
    *,
    cells: int = 3,
    seed: int = 0,
    device: str | None = None,
    plugin_files: Sequence[Path] = (),
) -> Verification:
    """Run random stored cells again in a temporary folder; say how far they lie from the stored.

    A pre-training runs again where its weights are gone. `device` None: each cell's own. Raises
    StoreError where there is no workspace, CheckError where it holds no finished cell.
    """
    from mpcs_bench.check.verification import verify_cells

    workspace.require()
    return verify_cells(
        workspace,
        cells=cells,
        seed=seed,
        device=device,
        plugin_files=[str(path) for path in plugin_files],
    )


def variance(workspace: Workspace, protocol: str, *, metric: str | None = None) -> VarianceReport:
    """Divide the spread of a protocol's values into splits, seeds and reruns.

    Also the paired differences between rules that choose the epoch, where it has several. Raises
    ReportError as `report.variance.build.build_variance`.
    """
    from mpcs_bench.report.variance.build import build_variance

    with connect(workspace).reader() as connection:
        return build_variance(connection, protocol, metric=metric)
