"""Judge results and published numbers: audit, compare, check, verify, variance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mpcs_bench.api.options import DEFAULTS, Options
from mpcs_bench.api.protocols import load, plugin_files, registry
from mpcs_bench.api.reading import connect
from mpcs_bench.api.running import run

if TYPE_CHECKING:
    from mpcs_bench.check.compare_cost import Slack
    from mpcs_bench.check.items import Check
    from mpcs_bench.check.verification import Verification
    from mpcs_bench.engine.plan import Plan
    from mpcs_bench.engine.running import Observer, Outcome
    from mpcs_bench.engine.workspace import Workspace
    from mpcs_bench.report.audit import Audit
    from mpcs_bench.report.compare.build import Significance
    from mpcs_bench.report.variance.build import VarianceReport


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
    Raises CheckError for a baseline that is missing, damaged or of another protocol, or cannot be
    written, for a workspace that holds something else, and where nothing could run; StoreError for
    a workspace that another run works in.
    """
    from mpcs_bench.check.run import Checked, held, stored
    from mpcs_bench.engine.device import resolve_device

    def execute(watch: Observer) -> tuple[Plan, Outcome]:
        return run([reference], workspace, options, observer=watch, locked=True)

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
