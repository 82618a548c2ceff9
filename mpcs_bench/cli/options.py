"""Options that several commands share, and how their text becomes `api.Options`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench.api import Options
from mpcs_bench.errors import BenchError

if TYPE_CHECKING:
    from mpcs_bench.engine.workspace import Workspace

Protocols = Annotated[
    list[str], typer.Argument(help="Names of shipped protocols, or paths of YAML files.")
]
WorkspaceFolder = Annotated[
    Path,
    typer.Option("--workspace", "-w", envvar="MPCS_BENCH_WORKSPACE", help="The results' folder."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Overlays = Annotated[
    list[str] | None, typer.Option("--overlay", help="An overlay by name or path; repeatable.")
]
Scale = Annotated[str | None, typer.Option("--scale", help="The overlay of a smaller scale.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", help="key=value, the last overlay; repeatable.")
]
Only = Annotated[
    list[str] | None, typer.Option("--only", help="Cells to keep: fold=0,experiment=exp-1.")
]
Data = Annotated[
    list[str] | None, typer.Option("--data", help="NAME=PATH, a data set's root; repeatable.")
]
Plugins = Annotated[list[Path] | None, typer.Option("--plugin", help="A plugin file; repeatable.")]
Trust = Annotated[bool, typer.Option("--trust", help="Let the protocol's own plugin files run.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]

DEFAULT_WORKSPACE = Path("mpcs-workspace")


def workspace_at(folder: Path) -> Workspace:
    """Return the workspace in `folder`."""
    from mpcs_bench.engine.workspace import Workspace

    return Workspace(folder)


def read_options(
    *,
    overlays: Sequence[str] | None = None,
    scale: str | None = None,
    assignments: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    data: Sequence[str] | None = None,
    plugins: Sequence[Path] | None = None,
    trust: bool = False,
    device: str = "auto",
    jobs: int | None = None,
) -> Options:
    """Return the options; raises BenchError for one that cannot be read."""
    roots: dict[str, str] = {}
    for text in data or ():
        name, sign, path = text.partition("=")
        if not (sign and name and path):
            raise BenchError(f"--data takes NAME=PATH, not '{text}'.")
        roots[name] = path
    return Options(
        overlays=(*(overlays or ()), *((scale,) if scale else ())),
        assignments=tuple(assignments or ()),
        only=_only(only or ()),
        data_roots=roots,
        plugins=tuple(plugins or ()),
        trust=trust,
        device=device,
        jobs=jobs,
    )


def read_params(texts: Sequence[str] | None) -> dict[str, Any]:
    """Return plugin parameters from `key=value`, the values in YAML.

    Raises BenchError for a text that is neither.
    """
    from mpcs_bench.protocol.document import parse_document

    params: dict[str, Any] = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not (sign and name):
            raise BenchError(f"--param takes key=value, not '{text}'.")
        params |= parse_document(f"{name}: {value}", f"--param {text}").values
    return params


def _only(texts: Sequence[str]) -> dict[str, set[str]]:
    """`fold=0,fold=1,experiment=exp-1` keeps cells of both folds and that experiment."""
    wanted: dict[str, set[str]] = {}
    for text in texts:
        for item in text.split(","):
            axis, sign, value = item.partition("=")
            if not (sign and axis and value):
                raise BenchError(
                    f"--only takes axis=value, not '{item}'.", hint="For example: --only fold=0"
                )
            wanted.setdefault(axis.strip(), set()).add(value.strip())
    return wanted
