"""The protocol file as pydantic models: every field typed, documented and classified."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from mpcs_bench.errors import did_you_mean
from mpcs_bench.protocol.experiments import Experiments
from mpcs_bench.protocol.settings import MisplacedError, Settings, ShortForm, setting
from mpcs_bench.protocol.transform import Size, Transform
from mpcs_bench.protocol.variables import check_variables

H = TypeVar("H", bound=Hashable)


def _distinct(values: tuple[H, ...]) -> tuple[H, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise MisplacedError(f"{value!r} stands in the list twice", index)
    return values


Fraction = Annotated[float, Field(gt=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Magnifications = Annotated[tuple[PositiveInt, ...], Field(min_length=1), AfterValidator(_distinct)]
Parts = Annotated[
    tuple[Literal["ssl", "label"], ...], Field(min_length=1), AfterValidator(_distinct)
]
FilePath = Annotated[str, Field(min_length=1), AfterValidator(check_variables)]
PerAxis = Literal["dataset", "encoder", "weights", "strategy", "loss", "adaptation"]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class PluginRef(ShortForm):
    """A plugin by name (`package/name`, or short where unique) with its parameters."""

    short_form: ClassVar[str] = "plugin"
    plugin: str = setting("factor", min_length=1, description="name of the plugin")
    params: dict[str, Any] = setting("factor", {}, description="parameters of the plugin")


class Split(Settings):
    """How samples are divided into folds and parts (Section 4.4)."""

    scheme: Literal["kfold", "official", "file"] = setting("condition", "kfold")
    folds: int = setting("condition", 5, ge=2, description="number of folds of scheme kfold")
    group: str | None = setting(
        "condition", None, description="what may not be torn apart; null: the data set's default"
    )
    stratify: Literal["subtype", "label"] = setting("condition", "subtype")
    seed: Seed = setting("condition", 0, description="root seed of the split")
    file: FilePath | None = setting(
        "runtime",
        None,
        is_path=True,
        description="CSV with columns fold, part and sample_id, pixel_hash or patient_id",
    )
    accept: tuple[str, ...] = setting(
        "condition", (), description="leakage findings declared as known: RULE or RULE:GROUP"
    )

    @model_validator(mode="after")
    def _file_scheme(self) -> Split:
        if self.scheme == "file" and self.file is None:
            raise MisplacedError("scheme 'file' needs a `file` beside it", "scheme")
        if self.scheme != "file" and self.file is not None:
            raise MisplacedError(f"scheme '{self.scheme}' takes no file", "file")
        return self


class DatasetSettings(Settings):
    """A data set: its plugin, where its root folder is, and its split."""

    plugin: str = setting("condition", min_length=1, description="name of the plugin")
    params: dict[str, Any] = setting("condition", {}, description="parameters of the plugin")
    root: FilePath | None = setting(
        "runtime",
        None,
        is_path=True,
        description="root folder; ${NAME} is an environment variable",
    )
    image_size: Size | None = setting(
        "condition", None, description="working size; null: as stored (all images of one size)"
    )
    split: Split = setting("condition", Split())


class Weights(ShortForm):
    """Where the encoder's initial weights come from."""

    short_form: ClassVar[str] = "source"
    source: Literal["none", "imagenet", "file"] = setting("factor", "none")
    file: FilePath | None = setting(
        "runtime", None, is_path=True, description="safetensors, or a state dict"
    )

    @model_validator(mode="after")
    def _named_file(self) -> Weights:
        if self.source == "file" and self.file is None:
            raise MisplacedError("source 'file' needs a `file` beside it", "source")
        if self.source == "none" and self.file is not None:
            raise MisplacedError("source 'none' takes no file: write `source: file`", "file")
        return self


class Optimizer(Settings):
    """An optimizer of timm's factory, and the course of its learning rate."""

    name: Literal["adam", "adamw", "sgd", "lars"] = setting("condition", "adam")
    learning_rate: float = setting("condition", gt=0)
    weight_decay: float = setting("condition", 0.0, ge=0)
    momentum: float = setting("condition", 0.9, ge=0, lt=1, description="of sgd and lars")
    schedule: Literal["constant", "cosine"] = setting("condition", "constant")
    warmup: float = setting("condition", 0.0, ge=0, lt=1, description="fraction of all steps")
    bias_scale: float = setting(
        "condition", 1.0, gt=0, description="factor on the rate of biases and norms"
    )


class Head(Settings):
    """The projection head g(.) (Section 4.2)."""

    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] | None = setting(
        "condition", None, description="hidden widths, then the output; null: the encoder's own"
    )
    bias: bool = setting("condition", True)
    batch_norm: bool = setting("condition", False, description="after each hidden layer")
    output_norm: bool = setting("condition", False, description="batch norm without affine on z")


class Sets(Settings):
    """What makes a set X(i) (Section 3.2)."""

    by: Literal["sequence", "number", "patient"] = setting(
        "condition",
        "sequence",
        description="sequence: same subtype, patient and image number; number: same patient number "
        "and image number, whatever the subtype; patient: same subtype and patient",
    )
    require: Literal["complete", "strategy"] = setting(
        "condition", "complete", description="all magnifications, or what the strategy needs"
    )


class Pretraining(Settings):
    """Self-supervised pre-training (Sections 3.2 and 4.3.1)."""

    dataset: str = setting("condition", description="a name under `datasets`")
    strategy: PluginRef = setting("factor")
    loss: PluginRef = setting("factor")
    encoder_params: dict[str, Any] = setting(
        "condition", {}, description="parameters of the encoder that differ in pre-training"
    )
    magnifications: Magnifications | None = setting(
        "condition", None, description="null: all of the data set"
    )
    image_size: Size | None = setting(
        "condition", None, description="working size in pre-training; null: the data set's"
    )
    sets: Sets = setting("condition", Sets())
    parts: Parts = setting("condition", ("ssl",))
    transform: Transform = setting("condition")
    head: Head = setting("condition", Head())
    optimizer: Optimizer = setting("condition")
    epochs: int = setting("condition", ge=1)
    batch_size: int = setting(
        "condition", ge=2, description="pairs; all sets where there are fewer"
    )
    processes: int = setting(
        "condition", 1, ge=1, description="that share each batch; on GPUs, one GPU each"
    )
    activation_memory_budget: Fraction = setting(
        "condition",
        1.0,
        description="share of what the backward pass would keep that is kept; the rest is computed "
        "again; below 1 it needs `compile`",
    )


class Selection(Settings):
    """Which epoch is kept."""

    rule: Literal["last", "validation", "test"] = setting("condition", "last")
    fraction: Fraction = setting(
        "condition", 0.2, lt=1, description="of the training groups, for rule validation"
    )
    metric: Literal["image_accuracy", "patient_accuracy", "loss"] = setting("condition", "loss")
    patience: PositiveInt | None = setting(
        "condition",
        None,
        description="stop after so many epochs without a better one; rule `last` looks at none",
    )


class Finetuning(Settings):
    """Training and testing on the downstream task (Section 4.3.2)."""

    dataset: str = setting("condition", description="a name under `datasets`")
    parts: Parts = setting("condition", ("label",))
    test_magnifications: Magnifications | None = setting(
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
    vote: Literal["majority", "majority-but-first"] = setting(
        "condition",
        "majority",
        description="over the patches of an image; majority-but-first loses the first patch's "
        "vote and gives ties to the lowest class, as the released code does",
    )
    selection: Selection = setting("condition", Selection())


class CellSettings(Settings):
    """Everything that decides a cell's numbers, but for the cell's own axes."""

    datasets: dict[DatasetName, DatasetSettings] = setting("condition", min_length=1)
    encoder: PluginRef = setting("factor")
    weights: Weights = setting("factor", Weights())
    adaptation: Literal["finetune", "linear", "colour-floor"] = setting(
        "factor",
        "finetune",
        description="finetune: all layers; linear: the last layer on features encoded once; "
        "colour-floor: ridge on colour statistics, the control",
    )
    pretraining: Pretraining | None = setting("factor", None)
    finetuning: Finetuning = setting("condition")
    precision: Literal["fp32", "tf32", "bf16", "auto"] = setting(
        "condition",
        "fp32",
        description="of the networks; auto: one of the others, by encoder and kind of device, "
        "when the plan is made",
    )
    compile: Literal["off", "default", "reduce-overhead", "max-autotune"] = setting(
        "condition", "off", description="mode of torch.compile in training"
    )
    threads: int = setting("condition", 1, ge=1, description="CPU threads of a stage")
    deterministic: bool = setting("condition", True)
    keep_weights: bool = setting("runtime", False, description="store fine-tuned weights too")
    attention_images: int = setting(
        "runtime", 0, ge=0, description="test images of each class to store Grad-CAM maps of"
    )
    decisions: dict[str, str] = setting(
        "label", {}, description="entry of the ledger -> option, whose settings it brings along"
    )

    @model_validator(mode="after")
    def _compiled_pretraining(self) -> CellSettings:
        pretraining = self.pretraining
        if pretraining is None:
            return self
        if self.compile == "off" and pretraining.activation_memory_budget < 1:
            raise MisplacedError(
                "a budget below 1 needs `compile: default` or another mode than off",
                "pretraining",
                "activation_memory_budget",
            )
        if self.compile != "off" and pretraining.processes > 1:
            raise MisplacedError(
                f"`compile: {self.compile}` is for one process: a network that is compiled cannot "
                "wait for the batch norms of others",
                "pretraining",
                "processes",
            )
        return self

    @model_validator(mode="after")
    def _known_datasets(self) -> CellSettings:
        for section in ("pretraining", "finetuning"):
            settings = getattr(self, section)
            if settings is not None and settings.dataset not in self.datasets:
                known = list(self.datasets)
                raise MisplacedError(
                    f"there is no data set '{settings.dataset}' under `datasets` "
                    f"(there: {', '.join(known)}).{did_you_mean(settings.dataset, known)}",
                    section,
                    "dataset",
                )
        return self


class ReportSettings(Settings):
    """What the report compares."""

    baseline: str | None = setting("label", None, description="experiment that others are held to")
    notes: tuple[str, ...] = setting("label", (), description="sentences printed with the table")
    factors: tuple[str, ...] = setting(
        "label",
        (),
        description="further settings that the table compares: dotted names, or decisions.ENTRY",
    )
    margin: float = setting(
        "label",
        3.0,
        gt=0,
        description="percentage points within which a value counts as the published one",
    )


class Protocol(CellSettings):
    """One protocol file: an experiment or a sweep."""

    complete_when: ClassVar[dict[str, Any]] = {
        "required": ["name"],
        "not": {"required": ["extends"]},
    }
    extends: str | tuple[str, ...] = setting(
        "label", (), description="files, beside this one, that it is laid over"
    )
    name: str = setting("label", pattern=r"^[a-z0-9][a-z0-9._-]*$")
    title: str = setting("label", "")
    description: str = setting("label", "")
    plugins: tuple[str, ...] = setting(
        "label", (), is_path=True, description="plugin files (need --trust)"
    )
    scale: str = setting(
        "label", "paper", min_length=1, description="paper, or the name of a smaller scale"
    )
    experiments: Experiments = setting(
        "label", description="id -> one row of the comparison, in this order"
    )
    matrix: dict[str, Annotated[list[Any], Field(min_length=1)]] = setting(
        "label", {}, description="axis -> values; an axis is a cell axis or a dotted setting"
    )
    per: dict[PerAxis, dict[str, dict[str, Any]]] = setting(
        "label",
        {},
        description="axis -> value -> settings of cells that have it; '*' is any but none",
    )
    report: ReportSettings = setting("label", ReportSettings())

    @model_validator(mode="after")
    def _known_baseline(self) -> Protocol:
        ids = list(self.experiments)
        baseline = self.report.baseline
        if baseline is not None and baseline not in ids:
            raise MisplacedError(
                f"no experiment is called '{baseline}' (there: {', '.join(ids)})."
                f"{did_you_mean(baseline, ids)}",
                "report",
                "baseline",
            )
        return self
