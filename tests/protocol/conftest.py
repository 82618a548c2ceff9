"""A small protocol to start from, and a catalogue of plugins that are not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.errors import PluginError
from mpcs_bench.protocol.cells import Cell
from mpcs_bench.protocol.expand import expand
from mpcs_bench.protocol.load import LoadedProtocol, load

SMALL = """\
name: small
datasets:
  tissue:
    plugin: slides
    root: tissue
    split: {folds: 3}
encoder: net
pretraining:
  dataset: tissue
  strategy: ordered
  loss: nt-xent
  transform: &transform
    input_size: [64, 64]
    flip: {horizontal: 0.5}
    affine: {zoom: [0.8, 1.25]}
  optimizer: {learning_rate: 1e-3}
  epochs: 4
  batch_size: 8
finetuning:
  dataset: tissue
  transform: *transform
  optimizer: {learning_rate: 1e-3}
  epochs: 3
  batch_size: 8
experiments:
  baseline: {label: No pre-training, set: {pretraining: null}}
  ordered: {label: Ordered Pair}
matrix:
  train_magnification: [40]
  fold: [0]
"""


class FakeCatalogue:
    """Plugins known by name alone, as expansion sees them; counts what it is asked."""

    known: Mapping[str, tuple[str, ...]] = {
        "dataset": ("slides", "more-slides", "cores"),
        "encoder": ("net", "wide-net"),
        "strategy": ("fixed", "ordered", "random"),
        "loss": ("nt-xent", "barlow"),
    }
    declared: Mapping[str, tuple[int, ...]] = {
        "slides": (40, 100, 400),
        "more-slides": (40, 100, 400),
        "cores": (),
    }
    parameters = ("size", "rate", "nested")

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def identity(self, kind: str, reference: str, params: dict[str, Any]) -> dict[str, Any]:
        self.asked["identity"] += 1
        reference = reference.removeprefix("fake/")
        if reference not in self.known[kind]:
            raise PluginError(f"No {kind} is called '{reference}'.", hint="Known: some.")
        wrong = [((name,), f"unknown parameter '{name}'") for name in params]
        wrong = [item for item in wrong if item[0][0] not in self.parameters]
        inner = params.get("nested", {})
        wrong += [(("nested", name), "should be above 0") for name in inner if inner[name] <= 0]
        if wrong:
            error = PluginError(f"Parameters of '{reference}' are wrong.")
            error.errors = wrong  # type: ignore[attr-defined]
            raise error
        return {"plugin": f"fake/{reference}", "version": "1", "params": params}

    def full_name(self, kind: str, reference: str) -> str:
        known = [name for name in self.known[kind] if reference in (name, f"fake/{name}")]
        if not known:
            raise PluginError(f"No {kind} is called '{reference}'.", hint="Known: some.")
        return f"fake/{known[0]}"

    def magnifications(self, reference: str) -> tuple[int, ...]:
        self.asked["magnifications"] += 1
        return self.declared[reference]


def replaced(text: str, *replacements: tuple[str, str]) -> str:
    """Return `text` with each first occurrence replaced; what is not there fails the test."""
    for old, new in replacements:
        assert old in text, f"the text to replace is not there: {old!r}"
        text = text.replace(old, new, 1)
    return text


@pytest.fixture
def line_of() -> Callable[[Path, str], int]:
    """Return the number of the only line of a file that holds a text."""

    def find(path: Path, text: str) -> int:
        lines = [n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line]
        assert len(lines) == 1, f"{text!r} stands in the lines {lines}"
        return lines[0]

    return find


@pytest.fixture
def catalogue() -> FakeCatalogue:
    return FakeCatalogue()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file below `tmp_path`; by default the small protocol, with some text replaced."""

    def make(*replacements: tuple[str, str], text: str = SMALL, name: str = "small.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(replaced(text, *replacements))
        return path

    return make


@pytest.fixture
def loaded(write: Callable[..., Path]) -> Callable[..., LoadedProtocol]:
    """Write the small protocol with some text replaced, and load it."""

    def make(*replacements: tuple[str, str], **options: Any) -> LoadedProtocol:
        return load(str(write(*replacements)), [], **options)

    return make


@pytest.fixture
def cells(
    loaded: Callable[..., LoadedProtocol], catalogue: FakeCatalogue
) -> Callable[..., list[Cell]]:
    """Write the small protocol with some text replaced, load and expand it."""

    def make(*replacements: tuple[str, str], **options: Any) -> list[Cell]:
        return expand(loaded(*replacements, **options), catalogue)

    return make
