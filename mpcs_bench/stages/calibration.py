"""What a training step costs on this device: shapes, what was measured of them, and the file.

A shape is all that decides the cost of a step. Nothing here imports torch: a plan reads what was
measured, and `calibration_steps` measures it, in a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from mpcs_bench.environment.machine import processor
from mpcs_bench.errors import StoreError
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.records.atomic_write import atomic_write_text
from mpcs_bench.records.json_file import now, read_json, to_json
from mpcs_bench.records.spec import FORMAT

ShapeKind = Literal["train-pairs", "train-classifier", "evaluate", "colour"]

FILE = "calibration.json"
METHOD = 2
"""How steps are measured: what an earlier way measured is measured anew."""

REMEDY = "Remove it, and run `mpcs-bench plan --calibrate` again."


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides the cost of one step.

    `encoder` is the plugin's identity (empty for kind colour), `size` (width, height) in pixels
    of what the network sees, `batch` the images of a whole step (all views of all pairs), `detail`
    what else a kind depends on: optimizer, projection head, loss, views.
    """

    kind: ShapeKind
    encoder: dict[str, Any]
    size: tuple[int, int]
    precision: str
    batch: int
    threads: int = 1
    deterministic: bool = True
    detail: dict[str, Any] = field(default_factory=dict)
    key: str = field(init=False, repr=False, compare=False)
    """Digest of all of it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", digest(self.as_json()))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        names = [name for name in type(self).__dataclass_fields__ if name != "key"]
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        names = [self.kind, str(self.encoder.get("plugin", ""))]
        names += [f"{name}={value}" for name, value in self.encoder.get("params", {}).items()]
        size = f"{self.size[0]}x{self.size[1]}"
        how = [f"compile={self.detail['compile']}"] if "compile" in self.detail else []
        return " ".join(
            [*filter(None, names), size, self.precision, *how, f"batch of {self.batch} images"]
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """A shape, and what it takes to build one: a stage that has it, and its working size."""

    shape: Shape
    spec: dict[str, Any]
    source: tuple[int, int]
    classes: int
    plugin_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """Seconds and bytes of one shape, linear in the images of a step.

    A step of n images takes `step_seconds + n * image_seconds`; `spread` is the interquartile
    range, over the median, of `repeats` such steps at the larger of `batches` (None: one repeat).
    The first steps of a process take `first_seconds` more, and each epoch `epoch_seconds`.
    `at_once` processes took such steps beside each other, while other programs kept `others`
    cores busy.

    A step needs `state_bytes` (weights; and gradients and the optimizer's state in training) and
    `fixed_bytes + n * image_bytes`: activations, and on the CPU what the process was seen to take
    beside them at the larger of `batches`. `encoder_bytes` and `model_bytes` are what their state
    dicts fill on disk; `setup_seconds` is the time that building them takes.
    """

    step_seconds: float
    image_seconds: float
    spread: float | None
    repeats: int
    batches: tuple[int, int]
    setup_seconds: float
    state_bytes: int
    fixed_bytes: int
    image_bytes: int
    encoder_bytes: int
    model_bytes: int
    first_seconds: float = 0.0
    epoch_seconds: float = 0.0
    at_once: int = 1
    others: float = 0.0

    def seconds(self, steps: int, images: int, epochs: int = 0) -> float:
        """Return the time of `steps` steps that take `images` images in all, in so many epochs."""
        taken = steps * self.step_seconds + images * self.image_seconds
        return taken + epochs * self.epoch_seconds

    def activation_bytes(self, images: int) -> int:
        """Return what a step of `images` images needs beyond the state."""
        return self.fixed_bytes + images * self.image_bytes


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The device that was measured: kind (cpu, cuda), its name, torch's version, its memory."""

    kind: str
    name: str
    torch: str
    memory_bytes: int

    def same_as(self, other: DeviceFacts) -> bool:
        """Say whether what was measured on one holds for the other (memory may differ)."""
        return (self.kind, self.name, self.torch) == (other.kind, other.name, other.torch)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known of one device; `made` is when (ISO 8601, UTC), None: nothing is known.

    `start_seconds` and `process_bytes` are what a worker takes before it has a model, and
    `stage_seconds` what a stage takes beside building and steps, with `disk_seconds` of waiting.
    A shape is measured for a number of stages at once.
    """

    device: DeviceFacts
    made: str | None = None
    start_seconds: float = 0.0
    process_bytes: int = 0
    stage_seconds: float = 0.0
    disk_seconds: float = 0.0
    measured: Mapping[tuple[str, int], tuple[Shape, Measurement]] = field(default_factory=dict)

    def of(self, shape: Shape, at_once: int = 1) -> Measurement | None:
        """Return what was measured of `shape` with so many at once."""
        found = self.measured.get((shape.key, at_once))
        return found[1] if found else None

    def near(self, shape: Shape, at_once: int) -> Measurement | None:
        """Return what was measured of `shape` with so many at once, or else nearest to that."""
        if found := self.of(shape, at_once):
            return found
        known = [m for (key, _), (_, m) in self.measured.items() if key == shape.key]
        return min(known, key=lambda m: abs(m.at_once - at_once), default=None)

    def adding(self, shape: Shape, measurement: Measurement) -> Calibration:
        """Return a calibration that knows `shape` too."""
        point = shape.key, measurement.at_once
        measured = {**self.measured, point: (shape, measurement)}
        return replace(self, measured=measured, made=now())


def read_calibration(path: Path, device: DeviceFacts) -> Calibration:
    """Return what the file knows of `device`; of another device's measurements nothing is used.

    Raises StoreError, saying how to mend it, where the file is damaged.
    """
    for known in _read(path):
        if known.device.same_as(device):
            return replace(known, device=device)
    return Calibration(device)


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write atomically; what the file knows of other devices stays. Raises StoreError."""
    others = [known for known in _read(path) if not known.device.same_as(calibration.device)]
    devices = [_stored(known) for known in (*others, calibration)]
    text = to_json({"format": FORMAT, "method": METHOD, "devices": devices}, "The calibration")
    atomic_write_text(path, text)


def device_facts(device: str) -> DeviceFacts:
    """Describe `cpu`, `cuda` or `cuda:N` of this machine; torch is imported for a GPU only."""
    kind, release = device.partition(":")[0], version("torch")
    if kind == "cpu":
        return DeviceFacts("cpu", processor(), release, _machine_memory())
    import torch

    properties = torch.cuda.get_device_properties(torch.device(device))
    return DeviceFacts(kind, properties.name, release, int(properties.total_memory))


def resident_bytes() -> int:
    """Return the memory that this process has in RAM; 0 where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _machine_memory() -> int:
    """Return the machine's memory, or what its container may have of it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no such limit, or "max"
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return memory


def _stored(calibration: Calibration) -> dict[str, Any]:
    return {
        "device": asdict(calibration.device),
        "made": calibration.made,
        "start_seconds": calibration.start_seconds,
        "process_bytes": calibration.process_bytes,
        "stage_seconds": calibration.stage_seconds,
        "disk_seconds": calibration.disk_seconds,
        "shapes": [
            {"shape": shape.as_json(), "measurement": asdict(measurement)}
            for shape, measurement in calibration.measured.values()
        ],
    }


def _read(path: Path) -> list[Calibration]:
    if not path.is_file():
        return []
    try:
        kept = read_json(path, REMEDY)
        devices = kept["devices"]
        return [_restored(known) for known in devices] if kept.get("method") == METHOD else []
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"The calibration is damaged: {path}", hint=REMEDY) from error


def _restored(stored: Mapping[str, Any]) -> Calibration:
    measured = {}
    for item in stored["shapes"]:
        shape = Shape(**item["shape"] | {"size": tuple(item["shape"]["size"])})
        numbers = item["measurement"]
        found = Measurement(**numbers | {"batches": tuple(numbers["batches"])})
        measured[shape.key, found.at_once] = (shape, found)
    names = ("made", "start_seconds", "process_bytes", "stage_seconds", "disk_seconds")
    return Calibration(
        DeviceFacts(**stored["device"]),
        measured=measured,
        **{name: stored[name] for name in names},
    )
