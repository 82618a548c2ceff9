"""Real small trainings: trees of tiny images, their index and split, and jobs on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import torch

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.index_build import build_index
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.data.splits_make import make_split
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.protocol.schema import Finetuning, Pretraining, Split
from mpcs_bench.protocol.settings import identity
from mpcs_bench.records import Result, check_result, read_result
from mpcs_bench.registry.dataset import Dataset
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.watch import Watch

PLUGIN_FILES = Path(__file__).parent / "plugin_files"
PATIENTS = {"B": ("A", 6), "M": ("DC", 6)}  # class -> tumour type, patients
SEQUENCES = {"B": 2, "M": 3}  # images of a patient at each magnification: classes are unequal
MAGNIFICATIONS = (40, 100, 200, 400)
WIDTH, HEIGHT = 40, 32

TRANSFORM: dict[str, Any] = {
    "input_size": [32, 32],
    "framing": "crop",
    "test_framing": "centre-crop",
    "flip": {},
    "rotation": {"degrees": 20},
    "colour": {"brightness": 0.1, "contrast": 0.1},
}
PRETRAINING: dict[str, Any] = {
    "dataset": "tissue",
    "strategy": "random",
    "loss": {"plugin": "nt-xent", "params": {"temperature": 0.2}},
    "transform": TRANSFORM,
    "head": {"widths": [32, 16]},
    "optimizer": {"name": "adam", "learning_rate": 3e-3},
    "epochs": 2,
    "batch_size": 4,
}
FINETUNING: dict[str, Any] = {
    "dataset": "tissue",
    "parts": ["ssl", "label"],
    "transform": TRANSFORM,
    "optimizer": {"name": "adam", "learning_rate": 3e-3},
    "epochs": 2,
    "batch_size": 8,
}
AXES: dict[str, Any] = {"fold": 0, "seed": 0, "replicate": 0}
SHARED: dict[str, Any] = {
    "precision": "fp32",
    "compile": "off",
    "threads": 1,
    "deterministic": True,
}
COUNTED: dict[str, Any] = {"epochs": 1, "encoder": "counted", "plugin_files": ("counted.py",)}
TASK: dict[str, Any] = {
    "train_magnification": 100,
    "test_magnifications": [100],
    "label_fraction": 1.0,
}


@dataclass(frozen=True)
class Prepared:
    """A data set as the data layer leaves it: a cache, an index and a split."""

    cache: Path
    index: SampleIndex
    split: SplitTable
    plugin_files: tuple[str, ...] = ()


def prepare(dataset: Dataset, root: Path, cache: Path, settings: Split) -> Prepared:
    index = build_index(dataset, root, cache, workers=1)
    split = make_split(index, settings, dataset, root, settings.seed)
    split.write(cache)
    return Prepared(cache, index, split)


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))


def blobs(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Coarse patches of colour: what the images of one set have in common."""
    coarse = rng.integers(40, 216, (4, 4, 3)).astype(np.float64)
    return coarse[np.arange(height) * 4 // height][:, np.arange(width) * 4 // width]


def with_texture(image: np.ndarray, period: int, rng: np.random.Generator) -> np.ndarray:
    """Stripes of a period of pixels, and noise: what tells the classes apart."""
    stripes = 30 * np.sign(np.sin(2 * np.pi * (np.arange(image.shape[1]) + 0.5) / period))
    noisy = image + stripes[None, :, None] + rng.normal(0, 4, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """120 images of 12 patients, named and laid out as BreakHis, in three folds by patient."""
    from mpcs_paper.datasets.breakhis import BreakHis

    root = tmp_path_factory.mktemp("breakhis")
    tree = root / "BreaKHis_v1/histology_slides/breast"
    kinds = {"B": ("benign", "adenosis", 8), "M": ("malignant", "ductal_carcinoma", 2)}
    for code, (label, folder, period) in kinds.items():
        subtype, patients = PATIENTS[code]
        for patient in range(patients):
            number = f"14-{1000 + patient}" if code == "B" else f"14-{2000 + patient}"
            stem = f"SOB_{code}_{subtype}"
            for sequence in range(1, SEQUENCES[code] + 1):
                rng = np.random.default_rng([ord(code), patient, sequence])
                shared = blobs(rng, WIDTH, HEIGHT)
                for magnification in MAGNIFICATIONS:
                    write_png(
                        tree
                        / label
                        / "SOB"
                        / folder
                        / f"{stem}_{number}"
                        / f"{magnification}X"
                        / f"{stem}-{number}-{magnification}-{sequence:03d}.png",
                        with_texture(shared, period, rng),
                    )
    cache = tmp_path_factory.mktemp("tissue-cache")
    settings = Split(folds=3, group="patient", stratify="label")
    return prepare(BreakHis(), root, cache, settings)


@pytest.fixture(scope="session")
def patched(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """18 images of three classes, four patches each, from a data set that is a plugin file."""
    file = PLUGIN_FILES / "patched.py"
    registry = Registry.discover([file])
    root = tmp_path_factory.mktemp("patched")
    for position, label in enumerate(("normal", "benign", "invasive")):
        for number in range(6):
            rng = np.random.default_rng([position, number])
            picture = with_texture(blobs(rng, 48, 32), 2 + 3 * position, rng)
            write_png(root / f"{label}_{number:02d}.png", picture)
    dataset = registry.create(registry.resolve("dataset", "patched"), Dataset)
    cache = tmp_path_factory.mktemp("patched-cache")
    prepared = prepare(dataset, root, cache, Split(folds=3, stratify="label"))
    return Prepared(prepared.cache, prepared.index, prepared.split, (str(file),))


JobMaker = Callable[..., StageJob]


@pytest.fixture
def make_job(tissue: Prepared, tmp_path: Path) -> JobMaker:
    """Make a job of `kind` in a fresh workspace; keywords replace settings of the protocol."""

    def make(
        kind: str,
        *,
        data: Prepared = tissue,
        workspace: str = "workspace",
        encoder: str = "timm/test_resnet",
        encoder_params: dict[str, Any] | None = None,
        plugin_files: tuple[str, ...] = (),
        job: dict[str, Any] | None = None,
        **changes: Any,
    ) -> StageJob:
        files = tuple(str(PLUGIN_FILES / name) for name in plugin_files) + data.plugin_files
        registry = Registry.discover([Path(file) for file in files])
        spec = _spec(kind, changes, registry, data.index.dataset.magnifications)
        if kind != "colour-floor":
            spec["encoder"] = registry.resolve("encoder", encoder, encoder_params or {}).identity()
        key = digest([kind, spec, data.index.fingerprint, data.split.hash])
        folder = tmp_path / workspace
        folder.mkdir(exist_ok=True)
        if not (folder / "cache").exists():
            _share(data.cache, folder / "cache")
        given: dict[str, Any] = {
            "key": key,
            "symbolic": f"{kind}/test",
            "image_size": None,
            "plugin_files": files,
            "hashed": {"spec": spec},
        }
        return StageJob(
            kind=kind,
            spec=spec,
            fingerprint=data.index.fingerprint,
            split_hash=data.split.hash,
            group_column=data.split.group_column,
            workspace=str(folder),
            device="cpu",
            **(given | (job or {})),
        )

    return make


def _share(cache: Path, place: Path) -> None:
    """Make a cache that has what data were prepared to, and encodings of its own."""
    place.mkdir()
    for path in cache.iterdir():
        (place / path.name).symlink_to(path)


def _spec(
    kind: str, changes: dict[str, Any], registry: Registry, magnifications: tuple[int, ...]
) -> dict[str, Any]:
    outside = AXES | SHARED | (TASK if kind != "pretrain" else {})
    spec = {name: changes.pop(name, value) for name, value in outside.items()}
    if kind == "pretrain":
        settings = Pretraining.model_validate(PRETRAINING | changes)
        spec |= identity(settings)
        spec["magnifications"] = list(settings.magnifications or magnifications)
        for name in ("strategy", "loss"):
            ref = getattr(settings, name)
            spec[name] = registry.resolve(name, ref.plugin, ref.params).identity()
        return spec
    task = identity(Finetuning.model_validate(FINETUNING | changes))
    del task["test_magnifications"]
    if kind == "colour-floor":
        names = ("parts", "threshold", "class_weights", "vote", "selection")
        spec = {n: v for n, v in spec.items() if n in TASK or n == "fold"}
        return spec | {name: task[name] for name in names}
    return spec | task


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    """A stage sets its process up for itself; the tests after it get theirs back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


Runner = Callable[[StageJob], Result]


@pytest.fixture(scope="session")
def run() -> Runner:
    """Execute a job and return its result, which must be whole."""

    def execute_and_read(job: StageJob) -> Result:
        ticks: list[Tick] = []
        execute(job, Watch(ticks.append))
        done = [tick.done for tick in ticks]
        assert sorted({*done, 0}) == list(range(ticks[-1].total + 1))
        assert done == sorted(done)
        assert check_result(job.results / job.key) == []
        return read_result(job.results / job.key)

    return execute_and_read


def column(table: Any, name: str, /, **where: Any) -> list[Any]:
    """Return a column of the rows of a pyarrow table that have these values."""
    rows = table.to_pylist()
    return [row[name] for row in rows if all(row[key] == value for key, value in where.items())]


@pytest.fixture(scope="session")
def pick() -> Callable[..., list[Any]]:
    """Read a column of a result's table, of the rows that have these values."""
    return column


@pytest.fixture
def passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Counter[str]]:
    """Count how often each image passed each encoder."""
    file = tmp_path / "passes.txt"
    file.touch()
    monkeypatch.setenv("COUNTED", str(file))
    return lambda: Counter(file.read_text().split("\n")[:-1])


@pytest.fixture
def cell(make_job: Any, passes: Any) -> JobMaker:
    """Make a linear cell of a workspace, which has encodings of its own."""

    def make(workspace: str = "own", **changes: Any) -> StageJob:
        job: StageJob = make_job("linear", workspace=workspace, **(COUNTED | changes))
        return job

    return make
