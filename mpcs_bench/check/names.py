"""Readable ids of stages, less the parts that may differ between two runs that are compared."""

from __future__ import annotations

from collections.abc import Iterable

SEEDS = ("seed=", "replicate=")
PLACES = ("fold=", "split-seed=", *SEEDS)


def without(symbolic: str, prefixes: tuple[str, ...]) -> str:
    """Return a readable id without the parts that begin with one of `prefixes`."""
    return "/".join(part for part in symbolic.split("/") if not part.startswith(prefixes))


def seeds_in(names: Iterable[str]) -> frozenset[tuple[str, ...]]:
    """Return which seeds and replicates the ids name, together as each names them."""
    return frozenset(
        tuple(part for part in name.split("/") if part.startswith(SEEDS)) for name in names
    )


def bare(name: str) -> str:
    """Return the readable id of a stage without the digest that tells it from another of it."""
    return name.partition(" [")[0]


def stage_of(subject: str) -> str:
    """Return the readable id in a subject: `experiment: id`, or the id of a pre-training alone."""
    return subject.rpartition(": ")[2]


def told(subject: str) -> str:
    """Return a subject as a reader should see it: an experiment may be called `baseline`."""
    experiment, colon, stage = subject.rpartition(": ")
    return f"experiment {experiment}, {stage}" if colon else stage
