"""Linear evaluation: the encoder stays as it was, and a layer on its features learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from mpcs_bench.records import Result
from mpcs_bench.stages.job import StageJob

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]
Pick = Callable[..., list[Any]]

QUICK = {"epochs": 30, "optimizer": {"name": "adam", "learning_rate": 0.02}, "dropout": 0.0}


def test_it_learns_from_features_and_predicts_every_test_image(
    make_job: JobMaker, run: Runner, pick: Pick, tissue: Any
) -> None:
    result = run(make_job("linear", **QUICK))

    losses = pick(result.history(), "value", name="training_loss")
    assert losses[-1] < 0.5 * losses[0]
    rows = tissue.split.rows(0, "test")
    at_100 = rows[tissue.index.number("magnification")[rows] == 100]
    expected = set(tissue.index.text("sample_id")[at_100])
    assert set(pick(result.predictions(), "sample_id", part="test")) == expected


def test_the_encoder_s_weights_are_those_it_was_given(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    """With the pre-trained encoder as upstream, other logits come out than from scratch."""
    pretrained = run(make_job("pretrain"))
    scratch = run(make_job("linear", workspace="a", **QUICK))
    upstream = make_job("linear", job={"upstream_key": pretrained.key}, **QUICK)
    file = upstream.results / pretrained.key / "weights.safetensors"
    before = file.read_bytes()

    tuned = run(upstream)

    assert file.read_bytes() == before
    logits = [np.stack(pick(r.predictions(), "logits", part="test")) for r in (scratch, tuned)]
    assert not np.allclose(logits[0], logits[1])


def test_it_repeats_to_the_last_bit_and_another_seed_differs(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    results = [
        run(make_job("linear", workspace=f"w{i}", seed=seed)) for i, seed in enumerate((0, 0, 1))
    ]
    first, again, other = (pick(r.predictions(), "logits", part="test") for r in results)
    assert first == again
    assert first != other


def test_a_validation_part_selects_its_epoch(make_job: JobMaker, run: Runner, pick: Pick) -> None:
    result = run(make_job("linear", selection={"rule": "validation"}, epochs=4))
    seen = pick(result.history(), "value", name="validation_loss")
    assert result.manifest.notes["selected_epoch"] == int(np.argmin(seen))


def test_global_random_state_is_only_seeded_not_drawn_by_the_order_of_stages(
    make_job: JobMaker, run: Runner, pick: Pick
) -> None:
    alone = run(make_job("linear", workspace="a"))
    torch.rand(7)
    after = run(make_job("linear", workspace="b"))
    assert pick(alone.predictions(), "logits") == pick(after.predictions(), "logits")
