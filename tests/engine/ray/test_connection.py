"""Joining a cluster: what cannot be joined is said at once, and what to do."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from mpcs_bench.engine.ray import RayOptions, ray_device, ray_executor
from mpcs_bench.errors import BenchError


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_address_that_does_not_answer_is_named(unused_port: int) -> None:
    address = f"127.0.0.1:{unused_port}"
    with pytest.raises(BenchError, match=f"No Ray cluster answers at {address}") as refused:
        ray_executor(RayOptions(address=address))
    assert "ray start --head" in (refused.value.hint or "")


@pytest.mark.parametrize("address", ["ray://head:10001", "http://head:8265", "head", "head:gcs"])
def test_an_address_that_no_driver_can_join_is_refused(address: str) -> None:
    with pytest.raises(BenchError, match="no address of a Ray cluster") as refused:
        ray_executor(RayOptions(address=address))
    assert "ray job submit" in (refused.value.hint or "")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BenchError, match="not installed") as refused:
        ray_executor(RayOptions())
    assert "mpcs-bench[ray]" in (refused.value.hint or "")


@pytest.mark.usefixtures("ray_here")
def test_the_device_is_what_the_cluster_has() -> None:
    assert ray_device("auto", RayOptions()) == "cuda"  # as far as this Ray knows
    assert ray_device("cpu", RayOptions()) == "cpu"
    with pytest.raises(BenchError, match="cuda:1"):
        ray_device("cuda:1", RayOptions())


def test_offering_ray_imports_no_ray() -> None:
    code = "import sys, mpcs_bench.engine.ray; print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.slow
def test_a_ray_of_our_own_is_silent_keeps_our_signals_and_ends_with_us() -> None:
    code = """if True:
        import json, signal, sys
        from mpcs_bench.engine.ray import RayOptions, ray_executor
        ours = lambda number, frame: None
        signal.signal(signal.SIGTERM, ours)
        with ray_executor(RayOptions()) as executor:
            import ray
            told = {
                "free": executor.free,
                "cpus": ray.cluster_resources()["CPU"],
                "kept": signal.getsignal(signal.SIGTERM) is ours,
            }
        told["ended"] = not ray.is_initialized()
        print(json.dumps(told))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told == {"free": told["cpus"], "cpus": told["cpus"], "kept": True, "ended": True}
    assert done.stderr == ""
