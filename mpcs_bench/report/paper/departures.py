"""In what our runs differ from what the published values are of: why they are not comparable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mpcs_bench.report.conditions import ABSENT
from mpcs_bench.report.paper.candidates import Candidate
from mpcs_bench.report.paper.intended import IntendedRun, Intention, ways, within
from mpcs_bench.report.paper.model import PAPER_SCALE, Departure
from mpcs_bench.report.published.records import PublishedCell

KINDS = ("scale", "data", "encoder", "method", "folds", "decision", "setting")
"""In the order in which they are told."""

PLUGIN = ".plugin"
DATA, DATA_SET = "data", "data set"
_NAMES = {"dataset.plugin": DATA, "pretraining.data.plugin": "data of pre-training"}


def departures(
    candidate: Candidate, cells: Sequence[PublishedCell], intention: Intention
) -> tuple[Departure, ...]:
    """Return in what a row of ours departs from the published `cells` that it stands beside.

    Scale, data set, encoder and method are held to the publication; everything else to the
    protocol at the paper's scale, where there is one. Settings that another option of a decision
    brings along are told with it, not one by one.
    """
    found = [
        *_of_scale(candidate),
        *_of_publication(candidate, cells),
        *(item for run in candidate.intended for item in _of_run(candidate, run, intention)),
    ]
    return merged(_data_once(found))


def _data_once(found: Sequence[Departure]) -> list[Departure]:
    """Tell another data set together with the plugin that it comes from, not as two reasons."""
    plugin = next((item for item in found if item.name == DATA), None)
    if plugin is None or not any(item.name == DATA_SET for item in found):
        return list(found)
    return [
        replace(item, ours=f"{item.ours} ({plugin.ours})") if item.name == DATA_SET else item
        for item in found
        if item.name != DATA
    ]


def merged(found: Iterable[Departure]) -> tuple[Departure, ...]:
    """Return departures in the order in which they are told, alike ones as one."""
    alike: dict[tuple[str, str, str], list[Departure]] = {}
    for item in found:
        alike.setdefault((item.kind, item.name, item.ours), []).append(item)
    joined = [
        Departure(
            *key,
            tuple(dict.fromkeys(text for item in items for text in item.intended)),
            tuple(dict.fromkeys(name for item in items for name in item.experiments)),
        )
        for key, items in alike.items()
    ]
    return tuple(sorted(joined, key=lambda item: KINDS.index(item.kind)))


def _of_scale(candidate: Candidate) -> Iterator[Departure]:
    scale = candidate.group.first.scale
    if scale != PAPER_SCALE:
        yield _departure(candidate, "scale", "scale", scale, PAPER_SCALE)


_PLUGINS = {
    "encoder": "encoder",
    "strategy": "pretraining.strategy",
    "loss": "pretraining.loss",
}
"""Where the parameters of a factor's plugin stand; those of different plugins are not compared."""

DIGEST = "weights.digest"
"""Known only where the weights are: no protocol can say what it should be."""


def _of_publication(candidate: Candidate, cells: Sequence[PublishedCell]) -> Iterator[Departure]:
    factors = candidate.factors
    named: tuple[tuple[str, str, str, Iterable[str | None]], ...] = (
        ("data", DATA_SET, candidate.group.first.dataset, (cell.dataset for cell in cells)),
        ("encoder", "encoder", factors["encoder"], (cell.encoder for cell in cells)),
        ("method", "strategy", factors["strategy"], (cell.strategy for cell in cells)),
    )
    for kind, name, ours, published in named:
        for wanted in dict.fromkeys(published):
            if wanted is not None and wanted != ours:
                yield _departure(candidate, kind, name, ours, wanted)


def _of_run(candidate: Candidate, run: IntendedRun, intention: Intention) -> Iterator[Departure]:
    for name in ("weights", "loss"):
        ours, wanted = candidate.factors[name], run.factors[name]
        if ours != wanted:
            yield _departure(candidate, "method", name, ours, wanted)
    folds = len({cell.unit.fold for cell in candidate.group.cells})
    if folds != run.folds:
        yield _departure(candidate, "folds", "folds", str(folds), str(run.folds))
    settings = candidate.settings
    other = [name for name in _PLUGINS if candidate.factors[name] != run.factors[name]]
    unlike = (DIGEST, *(f"{_PLUGINS[name]}.params" for name in other))
    differing = _differing(settings, run.settings) if settings else []
    differing = [name for name in differing if not name.startswith(unlike)]
    otherwise: list[str] = []
    changed: dict[str, str] = {}
    for entry, text in candidate.decisions.items():
        theirs = ways(run.decisions.get(entry, text))
        for option, names in ways(text).items():
            changed |= {name: option for name in names if name not in theirs.get(option, ())}
            if option not in theirs:
                otherwise += intention.governs.get(entry, ())
                yield _departure(candidate, "decision", entry, option, " / ".join(theirs))
    for name in differing:
        own = any(within(name, one) for one in changed)
        if own or not any(within(name, one) for one in otherwise):
            kind = "data" if name in _NAMES else "setting"
            shown = _shown(settings, name), _shown(run.settings, name)
            yield _departure(candidate, kind, _NAMES.get(name, name), *shown)
    for name, option in changed.items():
        if not _told(name, differing):
            yield _departure(candidate, "setting", name, "changed", option)


def _told(changed: str, differing: Sequence[str]) -> bool:
    """Whether a changed setting is among the conditions that differ: they tell both values."""
    _, _, inner = changed.partition("datasets.")
    rest = inner.partition(".")[2]
    if rest.startswith("params") and any(name.endswith(PLUGIN) for name in differing):
        return True
    names = (f"dataset.{rest}", f"pretraining.data.{rest}") if rest else (changed,)
    return any(within(name, one) for name in differing for one in names)


def _differing(ours: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return the settings that differ; parameters of different plugins are not told one by one.

    Whatever a protocol leaves to the machine (`precision: auto`) is as it wants it.
    """
    names = [
        n
        for n in {**wanted, **ours}
        if _held(ours, n) != _held(wanted, n) and (n, wanted.get(n)) != ("precision", "auto")
    ]
    plugins = [name.removesuffix(PLUGIN) for name in names if name.endswith(PLUGIN)]
    inside = tuple(f"{plugin}.params" for plugin in plugins)
    return [name for name in names if not name.startswith(inside)] if inside else names


def _held(settings: Mapping[str, Any], name: str) -> Any:
    """Return a setting; one that is null is one that is not set."""
    value = settings.get(name)
    return ABSENT if value is None else value


def _shown(settings: Mapping[str, Any], name: str) -> str:
    value = _held(settings, name)
    if isinstance(value, list | tuple):
        return " × ".join(map(str, value)) if name.endswith("_size") else ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _departure(candidate: Candidate, kind: str, name: str, ours: str, intended: str) -> Departure:
    return Departure(kind, name, ours, (intended,), (candidate.experiment,))
