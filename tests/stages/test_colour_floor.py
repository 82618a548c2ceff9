"""The control: it solves what colour alone solves, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from mpcs_bench.data.index_build import build_index
from mpcs_bench.data.splits_make import make_split
from mpcs_bench.protocol.schema import Split
from mpcs_bench.records import Result
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.job import StageJob

JobMaker = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]
Pick = Callable[..., list[Any]]

PATCHED = Path(__file__).parent / "plugin_files/patched.py"
WHOLE: dict[str, Any] = {"train_magnification": None, "test_magnifications": []}


@pytest.fixture
def make_data(tmp_path: Path, patched: Any) -> Callable[..., Any]:
    """A data set of 3 x 40 images whose classes differ as told, and are alike otherwise."""

    def make(draw: Callable[[int, np.random.Generator], np.ndarray]) -> Any:
        root, cache = tmp_path / "root", tmp_path / "data-cache"
        root.mkdir()
        for position, label in enumerate(("normal", "benign", "invasive")):
            for number in range(40):
                pixels = draw(position, np.random.default_rng([1, position, number]))
                file = root / f"{label}_{number:02d}.png"
                file.write_bytes(imagecodecs.png_encode(pixels.astype(np.uint8), level=1))
        registry = Registry.discover([PATCHED])
        dataset = registry.create(registry.resolve("dataset", "patched"), Dataset)
        index = build_index(dataset, root, cache, workers=1)
        split = make_split(index, Split(folds=4, stratify="label"), dataset, root, 0)
        split.write(cache)
        return type(patched)(cache, index, split, (str(PATCHED),))

    return make


def accuracy(run: Runner, pick: Pick, job: StageJob) -> float:
    return float(pick(run(job).metrics(), "value", metric="image_accuracy")[0])


def test_a_problem_of_colour_alone_is_solved(
    make_job: JobMaker, run: Runner, pick: Pick, make_data: Callable[..., Any]
) -> None:
    def tinted(position: int, rng: np.random.Generator) -> np.ndarray:
        image = rng.integers(60, 180, (32, 48, 3))
        image[..., position] += 25
        return image

    assert accuracy(run, pick, make_job("colour-floor", data=make_data(tinted), **WHOLE)) == 1.0


def test_a_problem_without_colour_is_left_at_chance(
    make_job: JobMaker, run: Runner, pick: Pick, make_data: Callable[..., Any]
) -> None:
    def arranged(position: int, rng: np.random.Generator) -> np.ndarray:
        """The same grey levels in every image: classes differ in their order alone."""
        stripes = np.resize(np.repeat([50, 200], position + 1), 48)  # whole periods a patch
        image = np.broadcast_to(stripes[None, :, None], (32, 48, 3)).copy()
        return image + rng.permutation(np.arange(image.size) % 20).reshape(image.shape)

    data = make_data(arranged)
    folds = [make_job("colour-floor", data=data, fold=fold, **WHOLE) for fold in range(4)]
    found = np.mean([accuracy(run, pick, job) for job in folds])
    print(found)
    assert abs(found - 1 / 3) < 0.13  # of 120 test images: 3 standard deviations


def test_binary_logits_are_zero_and_the_decision(make_job: JobMaker, run: Runner) -> None:
    predictions = run(make_job("colour-floor")).predictions().to_pandas()
    logits = np.stack(predictions["logits"])
    assert (logits[:, 0] == 0).all()
    assert (predictions["predicted"] == (logits[:, 1] >= 0)).all()
    assert (predictions["threshold"] == 0.5).all()


def test_its_decision_is_the_ridges_own(make_job: JobMaker, run: Runner, tissue: Any) -> None:
    from sklearn.linear_model import RidgeClassifier
    from sklearn.preprocessing import StandardScaler

    from mpcs_bench.data.working import working_frames

    frame = tissue.index.frame
    at = frame["magnification"].to_numpy() == 100
    parts = tissue.split.parts[0]
    working = working_frames(tissue.index, None, tissue.cache)
    images = working.images(np.arange(len(frame))) * 1.0
    features = np.hstack([images.mean(axis=(1, 2)), images.std(axis=(1, 2))])
    train, test = np.flatnonzero(at & (parts != 3)), np.flatnonzero(at & (parts == 3))
    scaler = StandardScaler().fit(features[train])
    ridge = RidgeClassifier().fit(
        scaler.transform(features[train]), frame["label_index"].to_numpy()[train]
    )
    expected = ridge.decision_function(scaler.transform(features[test]))
    predictions = run(make_job("colour-floor")).predictions().to_pandas()
    np.testing.assert_allclose(
        np.stack(predictions["logits"])[:, 1], expected, rtol=1e-4, atol=1e-6
    )


def test_the_validation_part_is_predicted_too(make_job: JobMaker, run: Runner) -> None:
    result = run(make_job("colour-floor", selection={"rule": "validation"}))
    assert result.manifest.notes["images"] == {"train": 15, "validation": 5, "test": 10}
    assert set(result.predictions().to_pandas()["part"]) == {"validation", "test"}


def test_it_repeats_to_the_last_bit(make_job: JobMaker, run: Runner) -> None:
    first, again = (run(make_job("colour-floor", workspace=name)) for name in ("one", "two"))
    names = ("predictions.parquet", "metrics.parquet")
    assert all(first.manifest.files[n] == again.manifest.files[n] for n in names)


def test_balanced_class_weights_and_the_threshold_have_their_effect(
    make_job: JobMaker, run: Runner
) -> None:
    def decided(**changes: Any) -> tuple[list[Any], list[int]]:
        table = run(make_job("colour-floor", **changes)).predictions().to_pandas()
        return np.stack(table["logits"]).tolist(), table["predicted"].tolist()

    plain = decided()
    assert decided(class_weights="balanced")[0] != plain[0]
    low = decided(threshold=0.01)
    assert low[0] == plain[0]
    assert sum(low[1]) > sum(plain[1])
