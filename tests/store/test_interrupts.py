"""Ctrl-C amid a commit or a query reaches the caller as what it is, and harms no database."""

from __future__ import annotations

import signal
import threading

import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.store.connection import translated
from mpcs_bench.store.interrupts import interrupts_kept

INTERRUPTED = """
    import os, random, signal, sys, threading, time
    from pathlib import Path
    from mpcs_bench.records import read_plans
    from mpcs_bench.store import Store

    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started this
    workspace = Path(sys.argv[1])
    store, plans = Store(workspace), list(read_plans(workspace))
    chance = random.Random(20230107)

    def interrupt(delay, sent):
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGINT)
        sent.set()

    kept = 0
    for _ in range(int(sys.argv[2])):
        sent, late = threading.Event(), 0
        sender = threading.Thread(target=interrupt, args=(chance.uniform(0, 0.15), sent))
        try:
            sender.start()
            while late < 2:
                late += sent.is_set()
                store.commit(plans=plans)
                store.query("SELECT cell_id, avg(score) FROM predictions GROUP BY ALL")
        except KeyboardInterrupt:
            kept += 1
        sender.join()
    print(kept)
"""


@pytest.fixture(autouse=True)
def interruptible():
    """A shell lets what it starts in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_every_interrupt_of_many_commits_reaches_the_caller(workspace, start):
    results = [workspace.result(fold) for fold in range(4)]
    workspace.store.commit(
        plans=[workspace.plan(*(workspace.cell(fold, fold) for fold in range(4)))],
        results=results,
    )
    before = workspace.store.digest()

    with start(INTERRUPTED, workspace.path, 10) as child:
        output, _ = child.communicate(timeout=120)

    assert (child.returncode, output) == (0, "10\n")
    assert workspace.store.digest() == before
    assert not list(workspace.path.glob("*damaged*"))


def test_an_interrupt_that_is_told_as_another_error_is_an_interrupt():
    with pytest.raises(KeyboardInterrupt), translated("Reading failed", None):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("Query interrupted") from None


def test_an_interrupt_that_is_swallowed_is_raised_at_the_end():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts_kept():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            done.append("swallowed")
    assert done == ["swallowed"]


def test_a_handler_that_only_takes_note_interrupts_nothing_and_is_put_back():
    asked = []
    before = signal.signal(signal.SIGINT, lambda *_: asked.append("stop"))
    try:
        noting = signal.getsignal(signal.SIGINT)
        with interrupts_kept():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is noting
    finally:
        signal.signal(signal.SIGINT, before)
    assert asked == ["stop"]


def test_another_error_stays_what_it_is_in_any_thread():
    caught = []

    def use():
        try:
            with interrupts_kept():
                raise StoreError("no")
        except StoreError as error:
            caught.append(error.message)

    use()
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert caught == ["no", "no"]
