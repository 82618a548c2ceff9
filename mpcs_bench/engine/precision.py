"""What `precision: auto` comes to: by the encoder's declaration and the kind of device."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mpcs_bench.registry.encoder import Encoder

CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""How Linux names that a processor computes in bf16 itself (x86 twice, ARM)."""

AMPERE = 8
"""Major compute capability from which a GPU has TF32 and bf16."""


def chosen_precision(encoder: Encoder, device: str) -> str:
    """Return fp32, tf32 or bf16 for an encoder on `device` (cpu, cuda or cuda:N).

    fp32 where the device has no such arithmetic of its own. A GPU that this machine cannot see
    (a cluster's) is taken to have it.
    """
    on_cpu = device == "cpu"
    declared: str = encoder.precisions.cpu if on_cpu else encoder.precisions.cuda
    if declared == "fp32" or (cpu_has_bf16() if on_cpu else _gpu_has_it(device)):
        return declared
    return "fp32"


def cpu_has_bf16(listing: Path = Path("/proc/cpuinfo")) -> bool:
    """Say whether the processor computes in bf16 itself; False where nobody says so.

    torch computes in bf16 on every processor, on most of them more slowly than in fp32.
    """
    with suppress(OSError, UnicodeDecodeError):
        for line in listing.read_text(encoding="utf-8").splitlines():
            name, _, flags = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return not CPU_FLAGS.isdisjoint(flags.split())
    return False


def _gpu_has_it(device: str) -> bool:
    import torch

    if not torch.cuda.is_available():
        return True
    return torch.cuda.get_device_capability(torch.device(device))[0] >= AMPERE
