"""The protocols that ship: each loads, names only plugins there are, and expands."""

from __future__ import annotations

import pytest

from mpcs_bench.engine.catalogue import RegistryCatalogue
from mpcs_bench.errors import BenchError
from mpcs_bench.protocol.expand import expand
from mpcs_bench.protocol.load import available, load
from mpcs_bench.registry import Registry
from mpcs_bench.shipped import folder

FOLDER = folder("protocols")
PROTOCOLS = available([FOLDER])
OVERLAYS = sorted((FOLDER / "overlays").glob("*.yaml"))


@pytest.fixture(scope="module")
def catalogue() -> RegistryCatalogue:
    return RegistryCatalogue(Registry.discover())


def test_there_are_protocols():
    assert "quickstart" in PROTOCOLS


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_shipped_protocol_expands(name, catalogue):
    loaded = load(name, [FOLDER])

    cells = expand(loaded, catalogue)

    assert loaded.protocol.name == name, "a protocol is called as its file"
    assert loaded.protocol.title
    assert {cell.experiment for cell in cells} == set(loaded.protocol.experiments)
    assert len({(cell.experiment, cell.stage.symbol) for cell in cells}) == len(cells)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_a_shipped_overlay_fits_a_shipped_protocol(overlay, catalogue):
    faults = {}
    for name in PROTOCOLS:
        try:
            assert expand(load(name, [FOLDER], overlays=[overlay.stem]), catalogue)
        except BenchError as error:
            faults[name] = str(error)
    assert len(faults) < len(PROTOCOLS), faults


@pytest.mark.parametrize("path", sorted((FOLDER / "base").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_base_is_used(path):
    used = {file.resolve() for name in PROTOCOLS for file in load(name, [FOLDER]).files}
    assert path.resolve() in used
