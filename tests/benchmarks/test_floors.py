"""A training step beside the least that its arithmetic and its memory traffic can take.

Peaks of the same core are measured in turns with the steps, in one process with the settings of a
worker; `floor_model` says what is counted.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from ways import run_program

from mpcs_bench.engine.worker_environment import SETTINGS, THREAD_COUNTS

CASES = [
    ("resnet18", 96, 32, 5),
    ("resnet18", 224, 32, 2),
    ("resnet50", 224, 32, 2),
    ("efficientnet_b2", 224, 32, 2),
]


def test_a_step_against_its_floors(
    benchmark: Any, aims: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = os.environ | SETTINGS | dict.fromkeys(THREAD_COUNTS, "1")
    found: dict[tuple[str, str], dict[str, float]] = {}

    def run() -> None:
        for encoder, size, batch, rounds in CASES:
            for precision in ("fp32", "bf16"):
                given = {
                    "encoder": encoder,
                    "size": size,
                    "batch": batch,
                    "precision": precision,
                    "rounds": rounds,
                }
                name = f"{encoder} at {size}, batch {batch}"
                found[name, precision] = run_program("floor_model", given, dict(environment))

    benchmark.pedantic(run, rounds=1, iterations=1)
    lines = [
        f"{'':32}{'step, s':>9}{'arithmetic':>12}{'traffic':>9}{'step/floor':>12}"
        f"{'GFLOP':>9}{'GB':>7}{'peak GFLOP/s':>14}{'(mm)':>6}{'GB/s':>7}"
    ]
    for (name, precision), cost in found.items():
        over = cost["seconds"] / max(cost["arithmetic"], cost["traffic"])
        aims.row(
            f"step / the larger of its floors, {name}, {precision}",
            f"{over:.2f}",
            "",
            None,
            f"arithmetic {cost['arithmetic']:.2f} s, traffic {cost['traffic']:.2f} s",
        )
        lines.append(
            f"{name + ', ' + precision:32}{cost['seconds']:9.3f}{cost['arithmetic']:12.3f}"
            f"{cost['traffic']:9.3f}{over:12.2f}{cost['gflop']:9.1f}{cost['gbyte']:7.2f}"
            f"{cost['gflops']:14.0f}{cost['mm_gflops']:6.0f}{cost['gbytes']:7.1f}"
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))
