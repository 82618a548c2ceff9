"""The contract of an encoder, as checks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.suite_result import Check, require

if TYPE_CHECKING:
    from torch import Tensor, nn


def encoder_checks(encoder: Encoder, image_size: int) -> list[Check]:
    """Return the checks of `encoder` on two images of `image_size` pixels a side."""
    suite = _EncoderSuite(encoder, image_size)
    return [
        Check("builds", suite.builds),
        Check("features", suite.features, needs=("builds",)),
        Check("same seed, same weights", suite.same_seed, needs=("builds",)),
        Check("deterministic in eval", suite.deterministic, needs=("features",)),
        Check("projection head", suite.projection_head, needs=("builds",)),
        Check("preprocessing", suite.preprocessing),
    ]


class _EncoderSuite:
    def __init__(self, encoder: Encoder, image_size: int) -> None:
        self.encoder = encoder
        self.image_size = image_size
        self._module: nn.Module | None = None

    def _build(self) -> nn.Module:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.encoder.build()

    def _built(self) -> nn.Module:
        if self._module is None:
            self._module = self._build().eval()
        return self._module

    def _encode(self) -> Tensor:
        import torch

        generator = torch.Generator().manual_seed(0)
        images = torch.randn(2, 3, self.image_size, self.image_size, generator=generator)
        with torch.inference_mode():
            h: Tensor = self._built()(images)
        return h

    def builds(self) -> None:
        import torch

        with _no_network() as attempts:
            module = self._built()
        require(not attempts, f"build() reached for the network: {', '.join(attempts)}")
        require(isinstance(module, torch.nn.Module), f"build() returns {type(module).__name__}")
        features = getattr(module, "num_features", None)
        require(
            isinstance(features, int) and features > 0,
            f"the module's num_features is {features!r}, not a positive whole number",
        )

    def features(self) -> None:
        h = self._encode()
        expected = [2, self._built().num_features]
        require(list(h.shape) == expected, f"h has the shape {list(h.shape)}, not {expected}")
        require(bool(h.isfinite().all()), "h is not finite")

    def same_seed(self) -> None:
        first, again = self._built().state_dict(), self._build().state_dict()
        require(list(first) == list(again), "two builds have different parameters")
        differing = [name for name, value in first.items() if not value.equal(again[name])]
        require(not differing, f"equally seeded builds differ in {', '.join(differing[:3])}")

    def deterministic(self) -> None:
        first, again = self._encode(), self._encode()
        require(first.equal(again), "two passes over the same images in eval mode differ")

    def projection_head(self) -> None:
        features: Any = self._built().num_features
        widths = self.encoder.projection_head(features)
        whole = isinstance(widths, tuple) and all(type(width) is int for width in widths)
        require(
            whole and len(widths) > 0 and min(widths) > 0,
            f"projection_head({features}) is {widths!r}, not a tuple of positive whole numbers",
        )

    def preprocessing(self) -> None:
        given = self.encoder.preprocessing
        require(
            len(given.mean) == 3 and all(0 <= value <= 1 for value in given.mean),
            f"mean {given.mean} is not three values in [0, 1]",
        )
        require(
            len(given.std) == 3 and all(0 < value <= 1 for value in given.std),
            f"std {given.std} is not three values in (0, 1]",
        )
        require(
            given.channels in ("RGB", "BGR"), f"channels are {given.channels!r}, not RGB or BGR"
        )


@contextmanager
def _no_network() -> Iterator[list[str]]:
    """Refuse every connection and name look-up within the block; yields what was tried."""
    attempts: list[str] = []

    def refuse(*arguments: Any, **_: Any) -> NoReturn:
        target = next((a for a in arguments if isinstance(a, str | bytes | tuple)), "?")
        attempts.append(str(target))
        raise OSError("an encoder must not touch the network while it is built")

    kept = socket.socket.connect, socket.getaddrinfo
    socket.socket.connect, socket.getaddrinfo = refuse, refuse  # type: ignore[method-assign]
    try:
        yield attempts
    finally:
        socket.socket.connect, socket.getaddrinfo = kept  # type: ignore[method-assign]
