"""Read a workspace: its store, its reports, the published values beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpcs_bench.api.protocols import expand, load, registry
from mpcs_bench.errors import BenchError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from mpcs_bench.engine.workspace import Workspace
    from mpcs_bench.report.figures.entry import FigureEntry
    from mpcs_bench.report.model import Report
    from mpcs_bench.report.paper import PaperReport
    from mpcs_bench.store import Store


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
