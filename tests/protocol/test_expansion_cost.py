"""What expansion costs, in counts: a large matrix is no more work for each of its cells."""

from __future__ import annotations

from collections import Counter

import pytest

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol import expand as expansion
from mpcs_bench.protocol.document import Document
from mpcs_bench.protocol.expand import expand

AXES = "  train_magnification: [40]\n  fold: [0]\n"


def matrix(text: str) -> tuple[str, str]:
    return AXES, "".join(f"  {line}\n" for line in text.splitlines())


def test_settings_are_validated_and_plugins_asked_once_for_each_experiment_and_setting(
    loaded, catalogue, monkeypatch
):
    """10,000 cells of two experiments and five settings: ten validations, not ten thousand."""
    calls = Counter()
    validate = expansion.validate

    def counted(model, document):
        calls["validate"] += 1
        return validate(model, document)

    monkeypatch.setattr(expansion, "validate", counted)
    protocol = loaded(
        matrix(
            f"fold: [0, 1, 2]\nseed: {list(range(334))}\nfinetuning.epochs: [1, 2, 3, 4, 5]\n"
            "train_magnification: [40]"
        )
    )

    made = expand(protocol, catalogue)

    assert len(made) == 2 * 5 * 3 * 334
    assert calls["validate"] == 10
    # data set and encoder for each, strategy and loss where there is pre-training
    assert catalogue.asked["identity"] == 5 * 2 + 5 * 4
    assert catalogue.asked["magnifications"] <= 10 * 5


@pytest.mark.parametrize("values", [4, 40])
def test_what_is_done_for_a_setting_does_not_grow_with_the_matrix(
    values, loaded, catalogue, monkeypatch
):
    """The documents that are laid over each other stay small, and nobody searches the matrix."""
    places, searches = set(), Counter()
    overlaid, places_within = Document.overlaid, Document.places_within

    def counted(lower, upper):
        places.add(len(lower.places))
        return overlaid(lower, upper)

    def searched(document, path):
        searches[path[0]] += 1
        return places_within(document, path)

    protocol = loaded(matrix(f"fold: [0]\nfinetuning.epochs: {list(range(1, values + 1))}"))
    monkeypatch.setattr(Document, "overlaid", counted)
    monkeypatch.setattr(Document, "places_within", searched)

    expand(protocol, catalogue)

    assert max(places) < 50
    assert searches["matrix"] == 0


def test_cells_that_differ_in_light_axes_alone_hold_the_same_settings(loaded, catalogue):
    """However many cells there are, each list and mapping of settings is there once."""
    axes = f"train_magnification: [40]\nfold: [0, 1, 2]\nseed: {list(range(20))}"
    made = expand(loaded(matrix(axes)), catalogue)

    for experiment in ("baseline", "ordered"):
        cells = [cell for cell in made if cell.experiment == experiment]
        assert len(cells) > 1
        for stages in (
            [cell.stage for cell in cells],
            [cell.stage.upstream for cell in cells if cell.stage.upstream is not None],
        ):
            for name in {name for stage in stages for name in stage.spec}:
                held = [stage.spec[name] for stage in stages]
                if isinstance(held[0], dict | list):
                    assert len({id(value) for value in held}) == 1, name
            assert len({id(stage.data) for stage in stages}) <= 1
        assert len({id(cell.conditions) for cell in cells}) == 1


def test_more_cells_than_anyone_can_run_are_refused(loaded, catalogue, monkeypatch):
    monkeypatch.setattr(expansion, "MAX_CELLS", 10)
    with pytest.raises(ProtocolError, match="more than 10 cells"):
        expand(loaded(matrix(f"seed: {list(range(50))}")), catalogue)
