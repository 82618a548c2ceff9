"""A training step waits for the device nowhere, and what goes there comes from pinned memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from begun_training import begun
from torch.utils._python_dispatch import TorchDispatchMode

from mpcs_bench.data import rendering
from mpcs_bench.stages import classifying, images, linear
from mpcs_bench.stages.job import StageJob

JobMaker = Callable[..., StageJob]

META = torch.device("meta")
"""A device without numbers: whatever waits for one there fails."""

OPTIMIZERS = {
    name: {"name": name, "learning_rate": 0.01, "weight_decay": 0.1}
    for name in ("adam", "adamw", "sgd")
}
"""All but timm's LARS, which compares with numbers of the host."""


class Looks(TorchDispatchMode):
    """Counts numbers that are read, and copies from one kind of device to another."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0
        self.copies: Counter[tuple[str, str]] = Counter()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._local_scalar_dense.default:
            self.read += 1
        if func is torch.ops.aten._to_copy.default:
            self._note(args[0], given)
        if func is torch.ops.aten.copy_.default:
            self._note(args[1], args[0])
        return given

    def _note(self, source: torch.Tensor, target: torch.Tensor) -> None:
        if source.device.type != target.device.type:
            self.copies[source.device.type, target.device.type] += 1


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_reads_no_number(make_job: JobMaker, kind: str, name: str) -> None:
    training = begun(make_job(kind, optimizer=OPTIMIZERS[name]))
    training.step(0)
    looks = Looks()
    with looks:
        training.step(1)
    assert looks.read == 0


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_a_step_needs_no_number_of_the_device(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    sent = 0

    def counted(values: Any, device: torch.device) -> torch.Tensor:
        nonlocal sent
        sent += 1
        return rendering_to_device(values, device)

    rendering_to_device = rendering.to_device
    for module in (rendering, images, classifying, linear):
        monkeypatch.setattr(module, "to_device", counted)
    # torch has no autocast for this device; all that stands within it is float32 here.
    monkeypatch.setattr(torch, "autocast", lambda *_given, **_options: nullcontext())
    job = replace(make_job(kind), device="meta")
    training = begun(job)
    training.step(0)
    sent = 0
    looks = Looks()
    with looks:
        training.step(1)
    # Everything that goes to the device went by the function that pins it; nothing came back.
    assert looks.copies == {("cpu", "meta"): sent}
    assert sent > 0
    assert training.model is not None
    assert {p.device for p in training.model.parameters()} == {META}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_a_step_waits_for_the_gpu_nowhere(
    make_job: JobMaker, kind: str, name: str, precision: str
) -> None:
    changes = {"optimizer": OPTIMIZERS[name], "precision": precision}
    training = begun(replace(make_job(kind, **changes), device="cuda"))
    training.step(0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        training.step(1)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_views_reach_the_network_as_its_weights_lie(make_job: JobMaker, kind: str) -> None:
    training = begun(make_job(kind))
    seen: list[bool] = []
    network = training._network.module  # type: ignore[attr-defined]
    network.register_forward_pre_hook(
        lambda _module, given: seen.append(
            given[0].is_contiguous(memory_format=torch.channels_last)
        )
    )
    training.step(0)
    assert seen == [True]
