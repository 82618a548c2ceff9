"""`ledger`: the decisions behind the numbers, and what each of them changes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, say


def ledger(
    entry: Annotated[
        str | None, typer.Argument(help="An entry to show in full; without it all are listed.")
    ] = None,
    as_json: cli.Json = False,
) -> None:
    """List where the paper is silent or its code does otherwise, and what is done here.

    `--set decisions.ENTRY=OPTION` takes another option.
    """
    found = api.ledger()
    entries = [item for item in found if entry is None or item["id"] == entry]
    if entry is not None and not entries:
        api.ledger_entry(entry)
    if as_json:
        print_json(entries if entry is None else entries[0])
    elif entry is None:
        print_table(
            ["entry", "paper", "released code", "default", "alternatives"],
            [_row(item) for item in entries],
        )
    else:
        _show(entries[0])


def _row(item: dict[str, Any]) -> tuple[str, ...]:
    options = item["options"]
    default = options[item["default"]]["says"] if options else item["default"]
    others = [name for name, option in options.items() if name != item["default"]]
    return item["id"], item["paper"], item["released"], default, ", ".join(others)


def _show(item: dict[str, Any]) -> None:
    place = f" ({item['where']})" if item["where"] else ""
    say(f"{item['id']}: {item['question']}")
    say(f"  paper: {item['paper']}{place}")
    say(f"  released code: {item['released']}")
    default = item["options"].get(item["default"], {}).get("says", item["default"])
    say(f"  here: {default}. {item['why']}")
    for name, option in item["options"].items():
        mark = " (default)" if name == item["default"] else ""
        say(f"  option {name}{mark}: {option['says']}")
        if option["cannot_run"]:
            say(f"    cannot be run: {option['cannot_run']}")
        elif not mark:
            say(f"    --set decisions.{item['id']}={name}")
        if option["taken_by"]:
            say(f"    taken by: {', '.join(option['taken_by'])}")
        for setting, value in option["settings"].items():
            say(f"    {setting} = {value}")
