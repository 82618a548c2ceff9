"""`plugins`: list, show, new, test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, say, stdout
from mpcs_bench.errors import ExitCode, PluginError, did_you_mean

if TYPE_CHECKING:
    from mpcs_bench.registry.discovery import Entry
    from mpcs_bench.registry.plugin import Kind

app = typer.Typer(help="List, show, write and test plugins.")
Name = Annotated[str, typer.Argument(help="package/name, or the short name where unique.")]


@app.callback(invoke_without_command=True)
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_plugins()


@app.command("list")
def list_plugins(plugin: cli.Plugins = None, as_json: cli.Json = False) -> None:
    """List all plugins, broken ones with their reason."""
    entries = api.registry(plugin or ()).entries()
    rows = [_row(entry) for entry in entries]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["kind", "name", "version", "from", "summary"],
        [
            (
                row["kind"] or "?",
                row["name"],
                row["version"] or "-",
                row["origin"],
                f"broken: {row['broken']}" if row["broken"] else row["summary"],
            )
            for row in rows
        ],
    )


@app.command()
def show(name: Name, plugin: cli.Plugins = None, as_json: cli.Json = False) -> None:
    """Show one plugin: its version, parameters, what it declares; a broken one's traceback."""
    found = []
    for entry in _lookup(name, plugin):
        facts = _row(entry)
        found.append(facts)
        if entry.reason is None:
            facts["parameters"] = entry.cls.Params.model_json_schema()
            facts["declares"] = _declared(entry)
        else:
            facts["traceback"] = entry.traceback
    if as_json:
        print_json(found)
        return
    for facts in found:
        for key, value in facts.items():
            if key == "traceback":
                stdout().print(str(value), markup=False)
            elif key == "parameters":
                _print_parameters(cast(dict[str, Any], value))
            elif key == "declares":
                for fact, told in cast(dict[str, Any], value).items():
                    say(f"{fact}: {told}")
            elif value is not None:
                say(f"{key}: {value}")


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="dataset, strategy, encoder or loss.")],
    name: Annotated[str, typer.Argument(help="The new plugin's name.")],
    folder: Annotated[Path, typer.Option("--folder", help="Where to write it.")] = Path(),
    as_json: cli.Json = False,
) -> None:
    """Write a plugin file that passes its contract suite, to start from."""
    from mpcs_bench.registry.template import write_template

    written = write_template(cast("Kind", kind), name, folder)
    if as_json:
        print_json({"written": [str(path) for path in written]})
        return
    for path in written:
        say(f"Wrote {path}")
        say(f"Test it: mpcs-bench plugins test {name} --plugin {path}")


@app.command()
def test(
    name: Name,
    plugin: cli.Plugins = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", help="key=value; repeatable.")
    ] = None,
    root: Annotated[Path | None, typer.Option("--root", help="A data set's folder.")] = None,
    as_json: cli.Json = False,
) -> None:
    """Run the contract suite on a plugin."""
    from mpcs_bench.registry.suite import check

    (entry, *others) = _lookup(name, plugin)
    if others:
        names = ", ".join(f"{item.full_name} ({item.kind})" for item in (entry, *others))
        raise PluginError(f"'{name}' is ambiguous: {names}.", hint="Write the full name.")
    results = check(entry, params=cli.read_params(param), root=root)
    if as_json:
        print_json([{"check": r.name, "passed": r.passed, "message": r.message} for r in results])
    else:
        print_table(
            ["", "check", "what is wrong"],
            [("ok" if r.passed else "FAILED", r.name, r.message) for r in results],
            title=f"{entry.full_name} ({entry.kind})",
        )
    if not all(result.passed for result in results):
        raise typer.Exit(ExitCode.CELL_FAILED)


def _lookup(name: str, files: list[Path] | None) -> list[Entry]:
    registry = api.registry(files or ())
    found = registry.lookup(name)
    if not found:
        known = [entry.full_name for entry in registry.entries()]
        short = [entry.name for entry in registry.entries()]
        raise PluginError(
            f"No plugin is called '{name}'.{did_you_mean(name, [*short, *known])}",
            hint="`mpcs-bench plugins` lists them; --plugin FILE adds a file.",
        )
    return found


def _row(entry: Entry) -> dict[str, Any]:
    broken = entry.reason
    return {
        "kind": entry.kind,
        "name": entry.full_name,
        "version": entry.version,
        "origin": entry.origin,
        "summary": "" if broken else _summary(entry),
        "broken": broken,
    }


def _summary(entry: Entry) -> str:
    return entry.cls.summary or (entry.cls.__doc__ or "").partition("\n")[0]


def _declared(entry: Entry) -> dict[str, Any]:
    names = {
        "dataset": (
            "classes",
            "magnifications",
            "group_columns",
            "default_group",
            "metric_levels",
            "licence",
            "citation",
            "homepage",
        ),
        "strategy": ("views", "human_prior", "degrees_of_freedom"),
        "encoder": ("family",),
        "loss": (),
    }
    return {name: getattr(entry.cls, name) for name in names[str(entry.kind)]}


def _print_parameters(schema: dict[str, Any]) -> None:
    properties = schema.get("properties", {})
    if not properties:
        stdout().print("parameters: none")
        return
    print_table(
        ["parameter", "type", "default", "description"],
        [
            (
                name,
                about.get("type") or "/".join(o.get("type", "?") for o in about.get("anyOf", [])),
                about.get("default", "(required)"),
                about.get("description", ""),
            )
            for name, about in properties.items()
        ],
    )
