"""What `precision: auto` comes to, and that the plan, the keys and the tables hold that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mpcs_bench.engine import precision
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.precision import chosen_precision, cpu_has_bf16
from mpcs_bench.errors import ProtocolError
from mpcs_bench.registry import Encoder, Precisions, Preprocessing, Registry
from mpcs_bench.report.paper.departures import _differing

Write = Callable[..., Path]
PlanOf = Callable[..., Plan]


class Undeclared(Encoder):
    """Somebody's encoder, which says nothing of precision."""

    name = "undeclared"

    def build(self) -> None:  # type: ignore[override]
        raise NotImplementedError

    @property
    def preprocessing(self) -> Preprocessing:
        raise NotImplementedError

    def projection_head(self, features: int) -> tuple[int, ...]:
        raise NotImplementedError


def named(name: str) -> Encoder:
    registry = Registry.discover()
    return registry.create(registry.resolve("encoder", name), Encoder)


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Say whether the processor has bf16."""
    return lambda has: monkeypatch.setattr(precision, "cpu_has_bf16", lambda: has)


@pytest.mark.parametrize(
    ("name", "cpu", "cuda"),
    [
        ("resnet50", "bf16", "bf16"),
        ("timm/resnet18", "bf16", "bf16"),
        ("timm/resnet18.a1_in1k", "bf16", "bf16"),
        ("timm/test_resnet", "bf16", "bf16"),
        ("efficientnet-b2", "fp32", "bf16"),
        ("timm/efficientnet_b0", "fp32", "bf16"),
        ("timm/vit_tiny_patch16_224", "fp32", "tf32"),
        ("timm/resnetv2_50", "fp32", "tf32"),
    ],
)
def test_auto_is_what_an_encoder_declares(
    native: Callable[[bool], None], name: str, cpu: str, cuda: str
) -> None:
    native(True)
    encoder = named(name)
    assert encoder.precisions == Precisions(cpu, cuda)  # type: ignore[arg-type]
    assert chosen_precision(encoder, "cpu") == cpu


def test_an_encoder_that_declares_nothing_has_fp32_and_tf32() -> None:
    assert Undeclared(Undeclared.Params()).precisions == Precisions("fp32", "tf32")


def test_a_processor_without_bf16_has_fp32(native: Callable[[bool], None]) -> None:
    native(False)
    assert chosen_precision(named("timm/resnet18"), "cpu") == "fp32"


@pytest.mark.parametrize(
    ("listing", "has"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("processor : 0\nFeatures\t: fp asimd i8mm bf16\n", True),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\nother: bf16\n", False),
        ("", False),
    ],
)
def test_a_processor_says_itself_whether_it_has_bf16(
    tmp_path: Path, listing: str, has: bool
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(listing)
    assert cpu_has_bf16(file) is has
    assert not cpu_has_bf16(tmp_path / "missing")


def keys(plan: Plan) -> list[str | None]:
    return [stage.key for stage in plan.stages]


@pytest.mark.parametrize(("has", "value"), [(True, "bf16"), (False, "fp32")])
def test_a_plan_holds_what_auto_is_here_and_says_so(
    plan_of: PlanOf, tiny_protocol: Write, native: Callable[[bool], None], has: bool, value: str
) -> None:
    native(has)
    path = tiny_protocol()
    auto = plan_of(path, assignments=("precision=auto",))
    concrete = plan_of(path, assignments=(f"precision={value}",))
    assert keys(auto) == keys(concrete)
    trained = [cell for cell in auto.cells if cell.cell.names["adaptation"] == "finetune"]
    assert {cell.conditions["precision"] for cell in trained} == {value}
    said = [text for text in auto.notices if "auto" in text]
    assert said == [f"precision: auto is {value} for timm/test_resnet here (cpu)."]
    assert not [text for text in concrete.notices if "auto" in text]


def test_tf32_without_a_gpu_is_blocked_and_says_what_to_do(
    plan_of: PlanOf, tiny_protocol: Write
) -> None:
    plan = plan_of(tiny_protocol(), assignments=("precision=tf32",))
    assert {stage.spec.kind for stage in plan.stages if stage.status == "run"} == {"colour-floor"}
    (reason,) = plan.blocked_reasons()
    assert "--set precision=fp32" in reason


def test_a_misspelt_encoder_with_auto_is_an_error_with_its_line(
    plan_of: PlanOf, tiny_protocol: Write
) -> None:
    path = tiny_protocol(("encoder: timm/test_resnet", "encoder: timm/test_resnot"))
    with pytest.raises(ProtocolError, match="test_resnot") as caught:
        plan_of(path, assignments=("precision=auto",))
    assert str(caught.value.location).startswith(str(path))


@pytest.mark.parametrize(
    ("new", "line", "says"),
    [
        ("  activation_memory_budget: 0.5", "activation_memory_budget", "compile: default"),
        ("  processes: 2", "processes", "one process"),
    ],
)
def test_settings_that_do_not_go_together_are_told_at_their_line(
    plan_of: PlanOf, tiny_protocol: Write, new: str, line: str, says: str
) -> None:
    mode = "default" if line == "processes" else "off"
    path = tiny_protocol(
        ("weights: none", f"weights: none\ncompile: {mode}"),
        ("  strategy: ordered", f"  strategy: ordered\n{new}"),
    )
    number = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if line in text)
    with pytest.raises(ProtocolError, match=says) as caught:
        plan_of(path)
    assert f"{path}:{number}:" in str(caught.value.location)


def test_off_is_a_text_and_compiles_nothing(plan_of: PlanOf, tiny_protocol: Write) -> None:
    off = tiny_protocol(("weights: none", "weights: none\ncompile: off"))
    assert keys(plan_of(off)) == keys(plan_of(tiny_protocol()))


def test_what_a_protocol_leaves_to_the_machine_is_no_departure_from_it() -> None:
    ours = {"precision": "bf16", "epochs": 3}
    assert _differing(ours, {"precision": "auto", "epochs": 3}) == []
    assert _differing(ours, {"precision": "fp32", "epochs": 3}) == ["precision"]
