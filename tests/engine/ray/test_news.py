"""Progress of a stage, between the thread that makes it and the one that waits for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mpcs_bench.engine.ray.news import News
from mpcs_bench.stages.job import Tick


def test_the_newest_is_handed_on_and_what_it_replaced_is_not() -> None:
    news = News()
    news.tell("stage", Tick(1, 9, 10))
    news.tell("stage", Tick(2, 9, 20))
    assert news.next() == ("stage", Tick(2, 9, 20))
    news.tell("stage", Tick(3, 9, 30))
    assert news.next() == ("stage", Tick(3, 9, 30))


def test_who_waits_is_told_when_something_happens() -> None:
    news = News()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(news.next)
        news.tell("stage", Tick(1, 9, 10))
        assert waiting.result(10) == ("stage", Tick(1, 9, 10))


def test_the_end_of_a_stage_lets_go_who_waits() -> None:
    news = News()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(news.next)
        while not waiting.running():
            pass
        while not waiting.done():
            news.end()
        assert waiting.result() is None


def test_what_was_not_asked_for_ends_with_its_stage() -> None:
    news = News()
    news.tell("first", Tick(1, 9, 10))
    news.end()
    news.tell("second", Tick(0, 9, 0))
    assert news.next() == ("second", Tick(0, 9, 0))
