"""What must be said of single lines of a table, alike ones together."""

from __future__ import annotations

from collections.abc import Iterable


def merged(said: Iterable[tuple[str, str, str]], lines: int) -> list[str]:
    """Return sentences from (whose, at, remark), each remark once for each of `whose`.

    A remark that holds of all `lines` is not placed. Only the first of equal triples counts.
    """
    places: dict[str, dict[str, list[str]]] = {}
    for whose, at, remark in dict.fromkeys(said):
        places.setdefault(remark, {}).setdefault(whose, []).append(at)
    found = []
    for remark, owners in places.items():
        if lines > 1 and sum(map(len, owners.values())) == lines:
            found.append(f"{remark[:1].upper()}{remark[1:]}.")
        else:
            found += [f"{whose}, at {', '.join(at)}: {remark}." for whose, at in owners.items()]
    return found
