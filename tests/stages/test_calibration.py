"""Measuring steps: the line through two batch sizes, the memory, and the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mpcs_bench.errors import StoreError
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.calibration import (
    Calibration,
    DeviceFacts,
    Measurement,
    Shape,
    ShapeKind,
    Subject,
    device_facts,
    read_calibration,
    write_calibration,
)
from mpcs_bench.stages.calibration_measuring import ShapeMeasurer
from mpcs_bench.stages.calibration_memory import ActivationCounter, state_dict_bytes, training_bytes
from mpcs_bench.stages.calibration_timing import Timing, straight, time_steps

DEVICE = DeviceFacts("cpu", "A processor", "2.11", 8_000_000_000)
SPEC: dict[str, Any] = {
    "transform": {"input_size": [32, 32], "framing": "crop", "flip": {}},
    "optimizer": {"name": "adam", "learning_rate": 1e-3},
    "head": {"widths": [16, 8]},
    "loss": {"plugin": "nt-xent", "params": {"temperature": 0.2}},
    "dropout": 0.3,
}
DETAILS: dict[ShapeKind, dict[str, Any]] = {
    "train-pairs": {"optimizer": "adam", "head": {}, "loss": "nt-xent", "views": 2},
    "train-classifier": {"optimizer": "adam"},
    "evaluate": {},
    "colour": {},
}


def subject(kind: ShapeKind, **changes: Any) -> Subject:
    encoder = Registry.discover().resolve("encoder", "timm/test_resnet").identity()
    values: dict[str, Any] = {
        "encoder": {} if kind == "colour" else encoder,
        "size": (32, 32),
        "precision": "fp32",
        "batch": 16,
        "detail": DETAILS[kind],
    }
    return Subject(Shape(kind, **(values | changes)), SPEC, (40, 32), 2)


def measurement(**changes: Any) -> Measurement:
    numbers = Measurement(
        step_seconds=0.5,
        image_seconds=0.25,
        spread=0.1,
        repeats=3,
        batches=(2, 4),
        setup_seconds=1.0,
        state_bytes=400,
        fixed_bytes=10,
        image_bytes=20,
        encoder_bytes=100,
        model_bytes=110,
    )
    return replace(numbers, **changes)


@dataclass
class Machine:
    """A clock that only steps move on: a + b n seconds for n images, `first` times as much once.

    From `bulk` images on an image costs `cheaper` times as much.
    """

    fixed: float
    per_image: float
    first: float = 1.0
    bulk: int = 1_000_000
    cheaper: float = 1.0
    now: float = 0.0

    def __post_init__(self) -> None:
        self.steps: list[int] = []

    def cost(self, images: int) -> float:
        return self.fixed + self.per_image * images * (self.cheaper if images >= self.bulk else 1)

    def step(self, images: int) -> None:
        slow = self.first if images not in self.steps else 1.0
        self.steps.append(images)
        self.now += slow * self.cost(images)

    def time(
        self,
        *,
        least: int = 2,
        most: int = 64,
        unit: int = 1,
        budget: float,
        room: int | None = None,
    ) -> Timing:
        return time_steps(
            self.step,
            least=least,
            most=most,
            unit=unit,
            budget=budget,
            clock=lambda: self.now,
            counting=lambda _images: nullcontext(),
            room=None if room is None else lambda: room,
        )


@given(
    fixed=st.floats(0.001, 0.1),
    per_image=st.floats(0.001, 0.02),
    least=st.integers(1, 6),
    unit=st.integers(1, 3),
    most=st.integers(1, 300),
)
def test_the_line_is_found_within_the_batch(
    fixed: float, per_image: float, least: int, unit: int, most: int
) -> None:
    machine = Machine(fixed, per_image, first=2.0)
    least *= unit
    timing = machine.time(least=least, most=most, unit=unit, budget=1000)
    assert set(machine.steps) <= {least, *timing.batches} or most < least
    assert max(machine.steps) <= max(most, 1)
    small, large = timing.batches
    for images in (small, large):
        taken = timing.step_seconds + images * timing.image_seconds
        assert taken == pytest.approx(fixed + images * per_image)
    assert timing.first_seconds > 0
    if small < large:
        assert large > most - unit
        assert timing.image_seconds == pytest.approx(per_image)


@given(
    per_image=st.floats(0.05, 1.0),
    cheaper=st.floats(0.6, 1.0),
    first=st.floats(1.0, 1.2),
    most=st.sampled_from([32, 64, 128]),
)
def test_a_batch_that_cannot_be_waited_for_is_near_to_a_fraction_of_it(
    per_image: float, cheaper: float, first: float, most: int
) -> None:
    machine = Machine(0.02, per_image, first, 16, cheaper)
    timing = machine.time(most=most, budget=10)
    assert max(machine.steps) <= most
    assert machine.now < 1.2 * 22 / 0.7, "two budgets, and what one step takes beyond"
    said = timing.step_seconds + most * timing.image_seconds
    assert machine.cost(most) / 1.3 < said < machine.cost(most) * 1.3


def test_a_budget_that_warming_up_eats_gives_one_sample() -> None:
    machine = Machine(0.0, 2.0)
    timing = machine.time(budget=10)
    assert machine.steps == [2, 8]
    assert (timing.repeats, timing.spread) == (1, None)
    assert timing.image_seconds == pytest.approx(2.0)


def test_no_batch_is_tried_that_memory_may_not_hold() -> None:
    machine = Machine(0.0, 0.01)
    timing = machine.time(budget=10, room=20)
    assert max(machine.steps) <= 20
    assert timing.image_seconds == pytest.approx(0.01)


def test_a_larger_budget_allows_more_repeats() -> None:
    short, long = Machine(0.1, 0.05), Machine(0.1, 0.05)
    little, much = short.time(budget=5), long.time(budget=60)
    assert much.batches == (32, 64)
    assert little.batches[1] == 64
    assert much.repeats > little.repeats
    assert short.now < 2.2 * 5 + short.cost(64)


@given(
    small=st.integers(1, 50),
    more=st.integers(1, 50),
    smaller=st.floats(0.001, 10),
    larger=st.floats(0.001, 10),
)
def test_no_line_has_a_negative_cost(small: int, more: int, smaller: float, larger: float) -> None:
    fixed, per_image = straight(small, smaller, small + more, larger)
    assert fixed >= 0
    assert per_image >= 0
    at_large = fixed + (small + more) * per_image
    assert at_large == pytest.approx(larger) or larger <= smaller


@pytest.mark.parametrize("kind", DETAILS)
def test_every_kind_of_step_is_measured(kind: ShapeKind) -> None:
    found = ShapeMeasurer(subject(kind), "cpu").measure(budget=0.3)
    assert found.seconds(10, 160) > found.seconds(1, 16) > 0
    if kind == "colour":
        assert found.state_bytes == found.encoder_bytes == 0
        return
    assert found.activation_bytes(16) > found.activation_bytes(8) > 0
    weights = 1_499_192  # bytes of the encoder's state dict
    assert found.encoder_bytes == weights
    # Adam keeps two numbers beside every weight and its gradient.
    times = 1 if kind == "evaluate" else 4
    assert times * 0.9 * weights < found.state_bytes < times * 1.1 * weights


def test_what_the_backward_pass_keeps_is_counted_to_the_byte() -> None:
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    counter = ActivationCounter(torch.device("cpu"), model, trains=True)
    for images in (3, 5):
        with counter.counting(images):
            model(torch.randn(images, 8)).sum().backward()
    # The input, and the ReLU's output, which the ReLU and the last layer keep: once.
    assert counter.line() == (0, 4 * (8 + 4))


def test_in_evaluation_the_largest_layer_is_counted() -> None:
    model = nn.Sequential(nn.Linear(8, 64), nn.Linear(64, 2)).eval()
    counter = ActivationCounter(torch.device("cpu"), model, trains=False)
    with counter.counting(2), torch.inference_mode():
        model(torch.randn(2, 8))
    assert counter.line() == (0, 4 * (8 + 64))


def test_state_holds_gradients_and_what_the_optimizer_keeps() -> None:
    model = nn.Linear(10, 10, bias=False)
    plain = torch.optim.SGD(model.parameters(), lr=0.1)
    assert training_bytes(model, None) == state_dict_bytes(model) == 400
    model(torch.randn(2, 10)).sum().backward()
    assert training_bytes(model, plain) == 800
    momentum = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    momentum.step()
    assert training_bytes(model, momentum) == 1200


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    known, unknown = subject("train-pairs").shape, subject("train-pairs", batch=8).shape
    empty = read_calibration(path, DEVICE)
    assert empty.made is None
    assert empty.of(known) is None
    made = replace(empty, start_seconds=2.0, process_bytes=7).adding(known, measurement())
    write_calibration(path, made)
    again = read_calibration(path, DEVICE)
    assert again == made
    assert again.of(known) == measurement()
    assert again.of(unknown) is None, "another batch size is another shape"


def test_what_was_measured_alone_is_not_what_two_at_once_take(tmp_path: Path) -> None:
    path, shape = tmp_path / "calibration.json", subject("evaluate").shape
    alone, paired = measurement(), measurement(at_once=2, image_seconds=0.5)
    write_calibration(path, Calibration(DEVICE).adding(shape, alone).adding(shape, paired))
    again = read_calibration(path, DEVICE)
    assert (again.of(shape), again.of(shape, 2), again.of(shape, 3)) == (alone, paired, None)
    assert again.near(shape, 3) == paired
    assert again.near(subject("colour").shape, 1) is None


def test_what_an_earlier_way_measured_is_measured_anew(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"format": 1, "devices": [{"device": {}, "shapes": []}]}))
    assert read_calibration(path, DEVICE) == Calibration(DEVICE)


@pytest.mark.parametrize(
    "other",
    [
        replace(DEVICE, name="Another processor"),
        replace(DEVICE, torch="2.12"),
        replace(DEVICE, kind="cuda"),
    ],
    ids=["name", "torch", "kind"],
)
def test_another_device_uses_none_of_it_and_leaves_it(tmp_path: Path, other: DeviceFacts) -> None:
    path = tmp_path / "calibration.json"
    shape = subject("evaluate").shape
    write_calibration(path, Calibration(DEVICE).adding(shape, measurement()))
    there = read_calibration(path, other)
    assert there.of(shape) is None
    write_calibration(path, there.adding(shape, measurement(image_seconds=9.0)))
    for device, seconds in ((DEVICE, 0.25), (other, 9.0)):
        found = read_calibration(path, device).of(shape)
        assert found is not None
        assert found.image_seconds == seconds


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"shapes"', '"forms"'),
        lambda text: text.replace('"image_bytes"', '"picture_bytes"'),
        lambda _text: json.dumps({"format": 99, "devices": []}),
    ],
    ids=["cut", "no shapes", "foreign field", "newer"],
)
def test_a_damaged_file_says_how_to_mend_it(tmp_path: Path, damage: Callable[[str], str]) -> None:
    path = tmp_path / "calibration.json"
    shape = subject("evaluate").shape
    write_calibration(path, Calibration(DEVICE).adding(shape, measurement()))
    path.write_text(damage(path.read_text()))
    with pytest.raises(StoreError) as caught:
        read_calibration(path, DEVICE)
    assert caught.value.hint


def test_the_device_is_this_one() -> None:
    facts = device_facts("cpu")
    assert torch.__version__.startswith(facts.torch)
    assert facts.name
    assert facts.memory_bytes > 0
