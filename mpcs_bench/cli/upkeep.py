"""`gc` and `invalidate`: the upkeep of a workspace. Both list first, and ask before they act."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcs_bench import api
from mpcs_bench.cli import options as cli
from mpcs_bench.cli.output import print_json, print_table, remark, say
from mpcs_bench.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mpcs_bench.upkeep.collecting import Collected
    from mpcs_bench.upkeep.garbage import Garbage
    from mpcs_bench.upkeep.invalidating import Invalidation
    from mpcs_bench.upkeep.known import KnownStage

LISTED = 20
"""Things of one group that are listed before the rest is counted; --json has all."""

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List only.")]


def gc(
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: cli.Json = False,
) -> None:
    """Remove what no plan of the workspace needs: results, checkpoints, states, caches, leftovers.

    It is listed first, with sizes and reasons, and asked about. Where nobody can be asked,
    nothing is removed without --yes. Reports stay.
    """
    place = cli.workspace_at(workspace)
    found = api.garbage(place)
    if not as_json:
        _list_garbage(found)
    agreed = bool(found.items) and _agreed(
        "Remove it?", yes=yes, dry_run=dry_run, may_ask=not as_json
    )
    done = api.collect(place, found) if agreed else None
    if as_json:
        print_json(_garbage_as_json(found, done))
    elif done is not None:
        say(f"Removed {_counted(len(done.items), 'thing')}, {_size(done.bytes)}.")
    failed = done.failed if done is not None else ()
    for path, why in failed:
        remark(f"not removed: {path}: {why}")
    if failed:
        raise typer.Exit(ExitCode.USAGE)


def invalidate(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="Cells or stages: a number, a key or its start, a readable id."),
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option("--protocol", help="Only stages of it; repeatable.")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option("--stage", help="Only this kind: pretrain, finetune ...; repeatable."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only stages that failed.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Move back what was moved last, or the batch WHAT.")
    ] = False,
    workspace: cli.WorkspaceFolder = cli.DEFAULT_WORKSPACE,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: cli.Json = False,
) -> None:
    """Mark results as to be computed again: they are moved aside, with all that stands on them.

    What would go is listed first, and asked about; without a terminal nothing is moved unless
    --yes is given. `--undo` moves it back, until `gc` removes it.
    """
    place = cli.workspace_at(workspace)
    if undo:
        _undo(what or [], place, as_json=as_json)
        return
    found = api.invalidation(
        place, what or (), protocols=protocol or (), kinds=stage or (), failed=failed
    )
    if not as_json:
        _list_invalidation(found)
    agreed = _agreed("Move them aside?", yes=yes, dry_run=dry_run, may_ask=not as_json)
    batch = api.invalidate(place, found) if agreed else None
    if as_json:
        print_json(_invalidation_as_json(found) | {"batch": batch.name if batch else None})
    elif batch is not None:
        say(
            f"Moved {_counted(len(batch.keys), 'stage')} to {batch.path}; a run computes them anew."
        )
        say(f"To undo it: mpcs-bench invalidate --undo {batch.name} -w {workspace}")


def _undo(names: list[str], place: Any, *, as_json: bool) -> None:
    if len(names) > 1:
        raise BenchError("--undo takes one batch.", hint="Give its name, or none for the newest.")
    done = api.restore(place, names[0] if names else None)
    if as_json:
        print_json({"batch": done.batch, "back": list(done.back), "left": list(done.left)})
        return
    say(f"Moved {_counted(len(done.back), 'stage')} of {done.batch} back.")
    if done.left:
        remark(f"{_counted(len(done.left), 'stage')} had new results and kept these.")


def _agreed(question: str, *, yes: bool, dry_run: bool, may_ask: bool) -> bool:
    """Say whether to go on; where nobody can be asked and nobody said so, do not."""
    if dry_run:
        return False
    if yes:
        return True
    if not (may_ask and sys.stdin.isatty() and sys.stdout.isatty()):
        remark("Listed only: nobody can be asked here. Give --yes to go on.")
        return False
    return typer.confirm(question)


def _list_garbage(found: Garbage) -> None:
    for group, items in found.groups():
        title = f"{group}: {len(items)}, {_size(sum(item.bytes for item in items))}"
        rows = [(item.name, _size(item.bytes), item.reason) for item in items[:LISTED]]
        if len(items) > LISTED:
            rest = items[LISTED:]
            size = _size(sum(item.bytes for item in rest))
            rows.append((f"... and {len(rest)} more", size, ""))
        print_table(["what", "size", "why"], rows, title)
    for notice in found.notices:
        remark(notice)
    if found.items:
        say(f"{_counted(len(found.items), 'thing')}, {_size(found.bytes)} in all.")
    else:
        say("Nothing can go.")


def _garbage_as_json(found: Garbage, done: Collected | None) -> dict[str, Any]:
    return {
        "groups": {
            group: [
                {
                    "name": item.name,
                    "reason": item.reason,
                    "bytes": item.bytes,
                    "key": item.key,
                    "paths": [str(path) for path in item.paths],
                }
                for item in items
            ]
            for group, items in found.groups()
        },
        "bytes": found.bytes,
        "notices": list(found.notices),
        "removed": None
        if done is None
        else {"things": len(done.items), "bytes": done.bytes, "failed": len(done.failed)},
    }


def _list_invalidation(found: Invalidation) -> None:
    rows = [
        *((*_stage_row(stage), "named") for stage in found.named),
        *((*_stage_row(stage), "stands on one that is") for stage in found.standing),
    ]
    shown = rows[: 2 * LISTED]
    if len(rows) > len(shown):
        shown.append((f"... and {len(rows) - len(shown)} more", "", "", "", ""))
    print_table(["stage", "kind", "state", "key", "why"], shown)
    with_result = sum(stage.has_result for stage in (*found.named, *found.standing))
    say(f"{_counted(len(rows), 'stage')} in all, {with_result} with a result.")
    if found.protocols:
        names = ", ".join(found.protocols)
        say(f"Comparisons and verdicts of {names} go too; reports that were written stay.")


def _stage_row(stage: KnownStage) -> tuple[str, str, str, str]:
    return stage.symbolic, stage.kind or "", _state(stage), stage.key[:12]


def _state(stage: KnownStage) -> str:
    if stage.has_result:
        return "done"
    return stage.state.state if stage.state is not None else "planned"


def _invalidation_as_json(found: Invalidation) -> dict[str, Any]:
    def listed(stages: Iterable[KnownStage]) -> list[dict[str, Any]]:
        return [
            {
                "key": stage.key,
                "symbolic": stage.symbolic,
                "kind": stage.kind,
                "state": _state(stage),
                "protocols": sorted(stage.protocols),
            }
            for stage in stages
        ]

    return {
        "named": listed(found.named),
        "standing": listed(found.standing),
        "protocols": list(found.protocols),
    }


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _size(number: int) -> str:
    """Return bytes in words, in powers of 1000 as disks are sold."""
    size = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
