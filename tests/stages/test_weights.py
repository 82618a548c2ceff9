"""Loading initial weights: what fits is loaded, what does not is named, and no code runs."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from mpcs_bench.errors import WeightsError
from mpcs_bench.stages.models import load_weights, read_weights


def network(classes: int = 0, seed: int = 0, name: str = "test_resnet") -> nn.Module:
    torch.manual_seed(seed)
    module: nn.Module = timm.create_model(name, num_classes=classes)
    return module


def assert_loaded(path: Path, source: nn.Module) -> None:
    module = network(seed=99)
    load_weights(module, path)
    expected = source.state_dict()
    for name, value in module.state_dict().items():
        assert torch.equal(value, expected[name]), name


Save = Callable[[Any, Path], None]


def as_safetensors(state: Any, path: Path) -> None:
    save_file(dict(state), path)


SAVES: list[Any] = [
    pytest.param(as_safetensors, "w.safetensors", id="safetensors"),
    pytest.param(torch.save, "w.pth", id="torch"),
    pytest.param(lambda s, p: torch.save(OrderedDict(s), p), "w.pth", id="ordered dict"),
    pytest.param(lambda s, p: torch.save({"state_dict": s}, p), "w.pth", id="state_dict"),
    pytest.param(lambda s, p: torch.save({"model": s, "epoch": 3}, p), "w.pth", id="model"),
    pytest.param(lambda s, p: torch.save({"state_dict": {"model": s}}, p), "w.pt", id="both"),
    pytest.param(
        lambda s, p: torch.save(s, p, _use_new_zipfile_serialization=False), "w.pth", id="old torch"
    ),
]


@pytest.mark.parametrize(("save", "name"), SAVES)
@pytest.mark.parametrize("classes", [0, 1000], ids=["bare", "with classifier"])
def test_a_state_dict_is_loaded_however_it_was_saved(
    save: Save, name: str, classes: int, tmp_path: Path
) -> None:
    source = network(classes, seed=1)
    save(source.state_dict(), tmp_path / name)
    assert_loaded(tmp_path / name, source)


def test_batch_norms_step_counters_may_be_missing(tmp_path: Path) -> None:
    source = network(seed=1)
    kept = {n: v for n, v in source.state_dict().items() if not n.endswith("num_batches_tracked")}
    torch.save(kept, tmp_path / "old.pth")
    assert_loaded(tmp_path / "old.pth", source)


def test_half_precision_weights_are_loaded_as_float32(tmp_path: Path) -> None:
    source = network(seed=1).half()
    as_safetensors(source.state_dict(), tmp_path / "w.safetensors")
    module = network()
    load_weights(module, tmp_path / "w.safetensors")
    assert all(p.dtype == torch.float32 for p in module.parameters())


# Files that cannot be read


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=f"no weight file {tmp_path / name}"):
        read_weights(tmp_path / name)


@pytest.mark.parametrize(
    ("save", "name"), [(as_safetensors, "w.safetensors"), (torch.save, "w.pth")]
)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_an_error_that_names_it(
    save: Save, name: str, share: float, tmp_path: Path
) -> None:
    path = tmp_path / name
    save(network().state_dict(), path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError, match=f"{path} cannot be read"):
        read_weights(path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.bin"])
@pytest.mark.parametrize(
    "content", [b"<html>404</html>", b"\x00" * 4096, b"\x80\x02}q\x00."], ids=repr
)
def test_a_file_of_something_else_is_an_error(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        load_weights(network(), path)


class _Attack:
    """Creates a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(
            lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2)), id="pickle"
        ),
        pytest.param(torch.save, id="torch"),
        pytest.param(
            lambda value, path: torch.save(value, path, _use_new_zipfile_serialization=False),
            id="old torch",
        ),
    ],
)
def test_a_file_with_code_in_it_is_refused_and_the_code_is_not_run(
    write: Save, tmp_path: Path
) -> None:
    target = tmp_path / "owned"
    state: dict[str, Any] = dict(network().state_dict())
    state["extra"] = _Attack(target)
    path = tmp_path / "weights.pth"
    write(state, path)
    with pytest.raises(WeightsError, match="holds more than tensors"):
        load_weights(network(), path)
    assert not target.exists()


def test_the_attack_is_real(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(_Attack(tmp_path / "owned"))).close()
    assert (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "content", [[1, 2], {"epoch": 3}, torch.zeros(3), {3: torch.zeros(3)}, {"model": 5}], ids=repr
)
def test_a_torch_file_without_a_state_dict_is_an_error(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="not a state dict of tensors"):
        read_weights(tmp_path / "w.pth")


# Weights that do not fit


def test_another_architecture_is_refused_with_counts_and_names(tmp_path: Path) -> None:
    wanted = network().state_dict()
    given = network(name="test_efficientnet").state_dict()
    as_safetensors(given, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as error:
        load_weights(network(), tmp_path / "w.safetensors")
    message = error.value.message
    counters = [n for n in wanted if n.endswith("num_batches_tracked")]
    missing = [n for n in wanted if n not in given and n not in counters]
    foreign = [n for n in given if n not in wanted]
    assert f"of {len(wanted)} tensors" in message
    assert f"{len(missing)} missing (first: {missing[0]})" in message
    assert f"{len(foreign)} not of this encoder (first: " in message
    assert any(f"(first: {name})" in message for name in foreign)


def test_a_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    state = network().state_dict()
    name = next(iter(state))
    state[name] = state[name][:, :1].contiguous()
    as_safetensors(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=rf"1 of another shape \(first: {name}\)"):
        load_weights(network(), tmp_path / "w.safetensors")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = network().state_dict()
    name = next(iter(state))
    state[name] = torch.full_like(state[name], torch.nan)
    as_safetensors(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=rf"1 not finite \(first: {name}\)"):
        load_weights(network(), tmp_path / "w.safetensors")


def test_a_refused_file_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    as_safetensors(network(name="test_efficientnet").state_dict(), tmp_path / "w.safetensors")
    module, before = network(seed=5), network(seed=5).state_dict()
    with pytest.raises(WeightsError):
        load_weights(module, tmp_path / "w.safetensors")
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
