"""The protocol file as pydantic models: every field typed, documented and classified."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mpcs_bench.protocol.settings import Settings, setting
from mpcs_bench.protocol.transform import Transform

Fraction = Annotated[float, Field(gt=0, le=1)]
Size = Annotated[tuple[int, int], Field(description="width, height in pixels")]
GroupName = str
Part = Literal["ssl", "label"]


def _reference(value: Any) -> Any:
    """Let `strategy: ordered` stand for `strategy: {plugin: ordered}`."""
    return {"plugin": value} if isinstance(value, str) else value


class PluginRef(Settings):
    """A plugin by name (`package/name`, or short where unique) with its parameters."""

    plugin: str = setting("factor", description="name of the plugin")
    params: dict[str, Any] = setting("factor", {}, description="parameters of the plugin")


Ref = Annotated[PluginRef, BeforeValidator(_reference)]


class Split(Settings):
    """How samples are divided into folds and parts (Section 4.4)."""

    scheme: Literal["kfold", "official", "file"] = setting("condition", "kfold")
    folds: int = setting("condition", 5, ge=2, description="number of folds of scheme kfold")
    group: GroupName | None = setting(
        "condition", None, description="what may not be torn apart; null: the data set's default"
    )
    stratify: Literal["subtype", "label"] = setting("condition", "subtype")
    seed: int = setting("condition", 0, description="root seed of the split")
    file: str | None = setting(
        "runtime", None, description="CSV with columns fold, part and sample_id or patient_id"
    )
    accept: tuple[str, ...] = setting(
        "condition", (), description="leakage findings declared as known: RULE or RULE:GROUP"
    )

    @model_validator(mode="after")
    def _file_scheme(self) -> Split:
        if (self.scheme == "file") != (self.file is not None):
            raise ValueError("scheme 'file' needs `file`, and the other schemes take none")
        return self


class DatasetSettings(Settings):
    """A data set: its plugin, where its root folder is, and its split."""

    plugin: str = setting("condition")
    params: dict[str, Any] = setting("condition", {})
    root: str | None = setting(
        "runtime", None, description="root folder; ${NAME} is an environment variable"
    )
    image_size: Size | None = setting(
        "condition", None, description="working size; null: as stored (all images of one size)"
    )
    split: Split = setting("condition", Split())


class Weights(Settings):
    """Where the encoder's initial weights come from."""

    source: Literal["none", "imagenet", "file"] = setting("factor", "none")
    file: str | None = setting("runtime", None, description="safetensors, or a state dict")

    @model_validator(mode="after")
    def _named_file(self) -> Weights:
        if self.source == "file" and self.file is None:
            raise ValueError("source 'file' needs `file`")
        return self


def _weights(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


class Optimizer(Settings):
    """An optimizer of timm's factory, and the course of its learning rate."""

    name: Literal["adam", "adamw", "sgd", "lars"] = setting("condition", "adam")
    learning_rate: float = setting("condition", gt=0)
    weight_decay: float = setting("condition", 0.0, ge=0)
    momentum: float = setting("condition", 0.9, ge=0, lt=1, description="of sgd and lars")
    schedule: Literal["constant", "cosine"] = setting("condition", "constant")
    warmup: float = setting("condition", 0.0, ge=0, lt=1, description="fraction of all steps")


class Head(Settings):
    """The projection head g(.) (Section 4.2)."""

    widths: tuple[int, ...] | None = setting(
        "condition", None, description="hidden widths, then the output; null: the encoder's own"
    )
    bias: bool = setting("condition", True)
    batch_norm: bool = setting("condition", False, description="after each hidden layer")
    output_norm: bool = setting("condition", False, description="batch norm without affine on z")


class Sets(Settings):
    """What makes a set X(i) (Section 3.2)."""

    by: Literal["sequence", "patient"] = setting(
        "condition", "sequence", description="sequence: same subtype, patient and image number"
    )
    require: Literal["complete", "strategy"] = setting(
        "condition", "complete", description="all magnifications, or what the strategy needs"
    )


class Pretraining(Settings):
    """Self-supervised pre-training (Sections 3.2 and 4.3.1)."""

    dataset: str = setting("condition", description="a name under `datasets`")
    strategy: Ref = setting("factor")
    loss: Ref = setting("factor")
    magnifications: tuple[int, ...] | None = setting(
        "condition", None, description="null: all of the data set"
    )
    sets: Sets = setting("condition", Sets())
    parts: tuple[Part, ...] = setting("condition", ("ssl",))
    transform: Transform = setting("condition")
    head: Head = setting("condition", Head())
    optimizer: Optimizer = setting("condition")
    epochs: int = setting("condition", ge=1)
    batch_size: int = setting(
        "condition", ge=2, description="pairs; all sets where there are fewer"
    )


class Selection(Settings):
    """Which epoch is kept and which threshold decides."""

    rule: Literal["last", "validation", "test"] = setting("condition", "last")
    fraction: Fraction = setting(
        "condition", 0.2, lt=1, description="of the training groups, for rule validation"
    )
    metric: Literal["image_accuracy", "patient_accuracy", "loss"] = setting("condition", "loss")


class Finetuning(Settings):
    """Training and testing on the downstream task (Section 4.3.2)."""

    dataset: str = setting("condition", description="a name under `datasets`")
    parts: tuple[Part, ...] = setting("condition", ("label",))
    test_magnifications: tuple[int, ...] | None = setting(
        "condition", None, description="null: the one it was trained at"
    )
    transform: Transform = setting("condition")
    optimizer: Optimizer = setting("condition")
    epochs: int = setting("condition", ge=1)
    batch_size: int = setting("condition", ge=2)
    dropout: float = setting("condition", 0.3, ge=0, lt=1, description="before the last layer")
    class_weights: Literal["none", "balanced"] = setting("condition", "none")
    threshold: float = setting(
        "condition", 0.5, gt=0, lt=1, description="on P(positive class), binary data sets only"
    )
    selection: Selection = setting("condition", Selection())


class CellSettings(Settings):
    """Everything that decides a cell's numbers, but for the cell's own axes."""

    datasets: dict[str, DatasetSettings] = setting("condition")
    encoder: Ref = setting("factor")
    weights: Annotated[Weights, BeforeValidator(_weights)] = setting("factor", Weights())
    adaptation: Literal["finetune", "colour-floor"] = setting(
        "factor", "finetune", description="colour-floor: ridge on colour statistics, the control"
    )
    pretraining: Pretraining | None = setting("factor", None)
    finetuning: Finetuning = setting("condition")
    precision: Literal["fp32", "bf16"] = setting("condition", "fp32")
    threads: int = setting("condition", 1, ge=1, description="CPU threads of a stage")
    deterministic: bool = setting("condition", True)
    keep_weights: bool = setting("runtime", False, description="store fine-tuned weights too")

    @model_validator(mode="after")
    def _known_datasets(self) -> CellSettings:
        for section in (self.pretraining, self.finetuning):
            if section is not None and section.dataset not in self.datasets:
                known = ", ".join(self.datasets) or "none"
                raise ValueError(
                    f"data set '{section.dataset}' is not under `datasets` (there: {known})"
                )
        return self


class Experiment(Settings):
    """One row of the comparison: a name, a label for tables, and what it sets."""

    id: str = setting("label", min_length=1)
    label: str = setting("label", min_length=1)
    set: dict[str, Any] = setting("label", {}, description="dotted setting -> value")


class ReportSettings(Settings):
    """What the report compares."""

    baseline: str | None = setting("label", None, description="experiment that others are held to")
    notes: tuple[str, ...] = setting("label", (), description="sentences printed with the table")


def _unique_ids(experiments: tuple[Experiment, ...]) -> tuple[Experiment, ...]:
    seen = [experiment.id for experiment in experiments]
    if len(set(seen)) != len(seen):
        twice = next(name for name in seen if seen.count(name) > 1)
        raise ValueError(f"experiment id '{twice}' is used twice")
    return experiments


class Protocol(CellSettings):
    """One protocol file: an experiment or a sweep."""

    extends: str | tuple[str, ...] = setting(
        "label", (), description="files beside this one that it is laid over"
    )
    name: str = setting("label", pattern=r"^[a-z0-9][a-z0-9._-]*$")
    title: str = setting("label", "")
    description: str = setting("label", "")
    plugins: tuple[str, ...] = setting("label", (), description="plugin files (need --trust)")
    scale: str = setting("label", "paper", description="paper, or the name of a smaller scale")
    experiments: Annotated[tuple[Experiment, ...], AfterValidator(_unique_ids)] = setting(
        "label", min_length=1
    )
    matrix: dict[str, list[Any]] = setting(
        "label", {}, description="axis -> values; an axis is a cell axis or a dotted setting"
    )
    report: ReportSettings = setting("label", ReportSettings())
