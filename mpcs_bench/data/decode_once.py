"""Decode every image of a root exactly once, in threads, and remember it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import PIL
from PIL import features

from mpcs_bench.data.decode import UndecodableError, decode_file
from mpcs_bench.data.pixels import PixelCache
from mpcs_bench.data.pixels_seen import Decoded, FileState, SeenLog
from mpcs_bench.registry.dataset import Progress, Unreadable

FLUSH_FILES = 200
FLUSH_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """What decoding did: files decoded now, files taken from the cache, files that failed."""

    decoded: int
    reused: int
    problems: tuple[Unreadable, ...] = ()


def decode_all(
    root: Path,
    paths: Sequence[str],
    cache: Path,
    workers: int,
    progress: Progress | None = None,
) -> tuple[Mapping[str, Decoded], DecodeReport]:
    """Bring the images `paths` (relative to `root`) into the pixel cache under `cache`.

    Returns path -> decoded pixels for those that could be read, and the report. A file whose
    size and modification time are known, and whose pixels are in the cache and by the decoders
    of now, is not opened. The codecs release the interpreter's lock, so `workers` threads decode
    at once. An interrupt loses at most what was in flight. Raises DataError where the cache
    cannot be written.
    """
    pixels = PixelCache.under(cache)
    log = SeenLog.of_root(pixels.folder, root, decoders())
    decoded: dict[str, Decoded] = {}
    problems: list[Unreadable] = []
    todo: dict[str, FileState] = {}
    for path in dict.fromkeys(paths):
        state = FileState.of(root / path)
        if state is None:
            problems.append(Unreadable(path, "the file is not there"))
            continue
        known = log.get(path, state)
        if known is not None and pixels.holds(known.pixel_hash, known.width, known.height):
            decoded[path] = known
        else:
            todo[path] = state
    reused = len(decoded)
    total = reused + len(todo) + len(problems)
    executor = ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode")
    try:
        futures = {executor.submit(_decode_one, root / path, pixels): path for path in todo}
        _collect(
            futures,
            states=todo,
            log=log,
            decoded=decoded,
            problems=problems,
            total=total,
            progress=progress,
        )
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        log.flush()
    problems.sort(key=lambda problem: problem.path)
    return decoded, DecodeReport(len(decoded) - reused, reused, tuple(problems))


def decoders() -> str:
    """Return what `decode` decodes with, and the versions: another may give other pixels."""
    codecs = [name for name in ("PNG", "TIFF") if getattr(imagecodecs, name).available]
    jpeg = features.version("libjpeg_turbo") or features.version("jpg")
    return (
        f"imagecodecs {imagecodecs.__version__} ({' '.join(codecs)}), "
        f"Pillow {PIL.__version__} (JPEG {jpeg})"
    )


def _decode_one(file: Path, pixels: PixelCache) -> Decoded:
    image = decode_file(file)
    return Decoded(pixels.put(image), width=image.shape[1], height=image.shape[0])


def _collect(
    futures: Mapping[Future[Decoded], str],
    *,
    states: Mapping[str, FileState],
    log: SeenLog,
    decoded: dict[str, Decoded],
    problems: list[Unreadable],
    total: int,
    progress: Progress | None,
) -> None:
    flushed = time.monotonic()
    for future in as_completed(futures):
        path = futures[future]
        try:
            decoded[path] = future.result()
        except UndecodableError as error:
            problems.append(Unreadable(path, str(error)))
        else:
            pending = log.add(path, states[path], decoded[path])
            if pending >= FLUSH_FILES or time.monotonic() - flushed > FLUSH_SECONDS:
                log.flush()
                flushed = time.monotonic()
        if progress is not None:
            progress(len(decoded) + len(problems), total)
