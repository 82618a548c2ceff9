"""Where two runs of one stage are promised to be equal bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MATTER = ("torch", "torchvision", "timm", "numpy", "opencv-python-headless", "imagecodecs")
"""Packages whose numbers end in a result; others only store or print them."""
SCIKIT = "scikit-learn"
FIELDS = ("processor", "threads", "deterministic")


def broken_promise(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what differs between two environments that equal digests rest on; [] promises them.

    Another commit breaks no promise: that its numbers are the same is what is checked.
    """
    left, right = _facts(before), _facts(after)
    return [
        f"{name} {left.get(name)} -> {right.get(name)}"
        for name in dict.fromkeys([*left, *right])
        if left.get(name) != right.get(name)
    ] + (["the environment asks for no determinism"] if after.get("deterministic") is False else [])


def _facts(environment: Mapping[str, Any]) -> dict[str, Any]:
    packages = environment.get("packages", {})
    gpu = environment.get("gpu") or {}
    return {
        "device": str(environment.get("device", "")).partition(":")[0],
        **{name: packages.get(name) for name in (*MATTER, SCIKIT)},
        **{name: environment.get(name) for name in FIELDS},
        # The kernel's version does not matter, its architecture and C library do.
        "platform": _platform(str(environment.get("platform", ""))),
        "CPU kernels": environment.get("cpu"),
        **{f"gpu {name}": gpu.get(name) for name in ("name", "cuda", "cudnn")},
    }


def _platform(text: str) -> str:
    system, _, rest = text.partition("-")
    machine = next((m for m in ("x86_64", "aarch64", "arm64", "AMD64") if m in rest), "")
    library = rest.rpartition("with-")[2] if "with-" in rest else ""
    return " ".join(filter(None, (system, machine, library)))
