"""A copy of a protocol's files reads as the originals do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.protocol.load import load
from mpcs_bench.provenance.portable import Layout
from mpcs_bench.shipped import folder

SHIPPED = [folder("protocols")]


def _copied(layout: Layout, target: Path) -> Path:
    for place, source in layout.places.items():
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        (target / place).write_bytes(source.read_bytes())
    return target / layout.main


def _settings(path: Path, overlays: tuple[str, ...]) -> dict[str, Any]:
    loaded = load(str(path), SHIPPED, overlays=overlays)
    return loaded.protocol.model_dump(mode="json")


@pytest.mark.parametrize("overlays", [(), ("released-code", "smoke")])
def test_a_shipped_protocol_is_copied_with_all_that_it_extends(
    tmp_path: Path, overlays: tuple[str, ...]
) -> None:
    loaded = load("exp-03", SHIPPED, overlays=overlays)
    layout = Layout(loaded, overlays, SHIPPED)
    assert layout.lacking == []
    assert {"exp-03.yaml", "base/breakhis.yaml", "base/mpcs.yaml"} <= layout.places.keys()
    copy = _copied(layout, tmp_path)
    assert _settings(copy, layout.overlays) == _settings(loaded.path, overlays)
    # From the copies, and not from what ships:
    own = {path.resolve() for path in load(str(copy), SHIPPED, overlays=layout.overlays).files}
    assert own == {(tmp_path / place).resolve() for place in layout.places}


def test_files_that_lie_above_the_protocol_keep_their_place_to_it(
    tmp_path: Path, tiny_text: str
) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    (tmp_path / "common" / "base.yaml").write_text(tiny_text)
    protocol = tmp_path / "mine" / "deep" / "one.yaml"
    protocol.write_text("extends: ../../common/base.yaml\nname: one\n")
    overlay = tmp_path / "fast.yaml"
    overlay.write_text("finetuning: {epochs: 1}\n")
    loaded = load(str(protocol), SHIPPED, overlays=[str(overlay)])
    layout = Layout(loaded, [str(overlay)], SHIPPED)
    assert layout.main == "mine/deep/one.yaml"
    assert set(layout.places) == {
        "mine/deep/one.yaml",
        "common/base.yaml",
        "mine/deep/overlays/fast.yaml",
    }
    copy = _copied(layout, tmp_path / "copy")
    assert _settings(copy, layout.overlays) == _settings(protocol, (str(overlay),))


def test_what_cannot_be_copied_is_said(tmp_path: Path, tiny_text: str) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(tiny_text)
    protocol = tmp_path / "one.yaml"
    protocol.write_text(f"extends: {base}\nname: one\n")
    (sentence,) = Layout(load(str(protocol), SHIPPED), [], SHIPPED).lacking
    assert str(base) in sentence
    assert "absolute" in sentence
