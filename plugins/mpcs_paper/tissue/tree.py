"""Write specimens' pictures as a tree of files: in parallel, and whole or not at all.

Everything is written to a hidden folder beside the root, which takes the root's name only when
the last file is in it. So a root that exists is complete; a killed run leaves no root, and its
hidden folder (`.NAME.partial-...`) may be deleted.
"""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import cv2

from mpcs_bench.errors import DataError
from mpcs_bench.registry.dataset import Progress
from mpcs_paper.tissue.specimen import Specimen, TissueSettings, draw_sample

# PNG's level 1 costs a fifth of OpenCV's default and 7 % more bytes; TIFF is LZW by default.
ENCODING = {".png": [cv2.IMWRITE_PNG_COMPRESSION, 1], ".tif": []}
Task = tuple[TissueSettings, Specimen, Path]


def write_tree(
    root: Path,
    specimens: Sequence[Specimen],
    settings: TissueSettings,
    *,
    texts: Mapping[str, str],
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Draw every specimen under `root`; `texts` is path -> content of text files among them.

    `progress(done, total)` counts images. With one worker all happens in this process.
    Raises DataError where `root` is a file or holds anything, and where a worker dies.
    """
    _refuse_occupied(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{root.name}.partial-", dir=root.parent))
    try:
        _write_specimens(partial, specimens, settings, workers, progress)
        for name, text in texts.items():
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        partial.chmod(0o755)  # mkdtemp made it private
        _take_name(partial, root)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _refuse_occupied(root: Path) -> None:
    if root.is_dir() and not any(root.iterdir()):
        return
    if root.exists() or root.is_symlink():
        what = "is not empty" if root.is_dir() else "is not a folder"
        raise DataError(
            f"Synthetic data cannot be written to {root}: it {what}.",
            hint="Give a folder that does not exist yet; nothing is ever overwritten.",
        )


def _take_name(partial: Path, root: Path) -> None:
    _refuse_occupied(root)
    if root.is_dir():
        root.rmdir()
    partial.rename(root)


def _write_specimens(
    folder: Path,
    specimens: Sequence[Specimen],
    settings: TissueSettings,
    workers: int,
    progress: Progress | None,
) -> None:
    tasks: list[Task] = [(settings, specimen, folder) for specimen in specimens]
    total = len(tasks) * len(settings.magnifications)
    finished = _in_process(tasks) if workers <= 1 else _in_pool(tasks, workers)
    for done in finished:
        if progress is not None:
            progress(done * len(settings.magnifications), total)


def _in_process(tasks: list[Task]) -> Iterator[int]:
    """Write specimens one after the other; yields how many are done."""
    with _one_thread():
        for done, task in enumerate(tasks, start=1):
            _write_specimen(*task)
            yield done


def _in_pool(tasks: list[Task], workers: int) -> Iterator[int]:
    """Write specimens in `workers` processes; yields how many are done, ever more."""
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        workers, mp_context=spawn, initializer=cv2.setNumThreads, initargs=(1,)
    )
    try:
        pending = {pool.submit(_write_specimen, *task) for task in tasks}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            yield len(tasks) - len(pending)
    except BrokenProcessPool as error:
        raise DataError(
            "A worker process died while drawing synthetic data.",
            hint="The machine may have run out of memory: try fewer workers.",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV to one thread, as in a worker, and give back what it had."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _write_specimen(settings: TissueSettings, specimen: Specimen, folder: Path) -> None:
    pictures = draw_sample(settings, specimen.subject, specimen.sample)
    for magnification, picture in pictures.items():
        path = folder / specimen.paths[magnification]
        path.parent.mkdir(parents=True, exist_ok=True)
        encoded, data = cv2.imencode(path.suffix, picture, ENCODING[path.suffix])
        if not encoded:
            raise DataError(f"OpenCV could not encode {path.name}.")
        path.write_bytes(data.tobytes())
