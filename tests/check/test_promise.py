"""Where equality is promised: only where everything it rests on is known, and the same."""

from __future__ import annotations

from typing import Any

import pytest

from mpcs_bench.check.promise import broken_promise
from mpcs_bench.environment import describe

HERE = describe("cpu")


def _gpu(**changes: Any) -> dict[str, Any]:
    gpu = {"name": "A100", "cuda": "13.0", "cudnn": 91000} | changes
    return HERE | {"device": "cuda:0", "deterministic": True, "gpu": gpu}


def test_this_environment_promises_equality_to_itself() -> None:
    assert broken_promise(HERE | {"deterministic": True}, HERE | {"deterministic": True}) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cpu": "DEFAULT"}, f"CPU kernels {HERE['cpu']} -> DEFAULT"),
        ({"python": "3.99.0"}, f"python {HERE['python']} -> 3.99.0"),
        ({"variables": {"MKL_CBWR": "COMPATIBLE"}}, "MKL_CBWR not set -> COMPATIBLE"),
        ({"settings": {"matmul_precision": "medium"}}, "matmul_precision highest -> medium"),
        ({"installed": HERE["installed"] | {"torch": "1.0"}}, "torch "),
    ],
)
def test_what_numbers_rest_on_breaks_the_promise(changes: dict[str, Any], said: str) -> None:
    before = HERE | {"variables": {}, "deterministic": True}
    assert any(text.startswith(said) for text in broken_promise(before, before | changes))


def test_what_no_number_rests_on_breaks_nothing() -> None:
    here = HERE | {"deterministic": True}
    changes = {"variables": HERE["variables"] | {"CUDA_VISIBLE_DEVICES": "1"}, "host": "another"}
    assert broken_promise(here, here | changes) == []


def test_what_neither_says_is_not_known_to_be_equal() -> None:
    assert "not known: device" in broken_promise({}, {})
    without = {name: value for name, value in HERE.items() if name != "cpu"}
    without["deterministic"] = True
    assert broken_promise(without, without) == ["not known: CPU kernels"]


@pytest.mark.parametrize("name", ["opencv-python", "opencv-contrib-python-headless"])
def test_opencv_is_known_under_each_of_its_names(name: str) -> None:
    def here(version: str | None) -> dict[str, Any]:
        found = {"packages": HERE["packages"] | {"opencv-python-headless": None, name: version}}
        installed = {k: v for k, v in HERE["installed"].items() if not k.startswith("opencv")}
        return HERE | found | {"installed": installed, "deterministic": True}

    assert broken_promise(here("4.11.0"), here("4.11.0")) == []
    assert broken_promise(here("4.11.0"), here("4.12.0")) == ["opencv 4.11.0 -> 4.12.0"]
    assert broken_promise(here(None), here(None)) == ["not known: opencv"]


def test_of_a_gpu_its_name_and_libraries_count_and_not_its_number() -> None:
    assert broken_promise(_gpu(), _gpu() | {"device": "cuda:1"}) == []
    assert broken_promise(_gpu(), _gpu(cudnn=90000)) == ["gpu cudnn 91000 -> 90000"]
    assert broken_promise(_gpu(), HERE | {"deterministic": True})[0] == "device cuda -> cpu"
