"""How protocols are read and run: what the command line's options say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


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
