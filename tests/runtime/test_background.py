"""Calls in another thread."""

import threading

import pytest

from segkit.runtime.background import in_background


def test_outcomes_come_in_order_from_one_other_thread():
    outcomes = list(in_background(lambda item: (item * item, threading.get_ident()), range(20)))
    assert [square for square, _ in outcomes] == [item * item for item in range(20)]
    assert len({thread for _, thread in outcomes}) == 1
    assert outcomes[0][1] != threading.get_ident()


def test_items_are_taken_here_and_no_further_ahead_than_the_limit():
    taken = []

    def items():
        for item in range(10):
            taken.append((item, threading.get_ident()))
            yield item

    outcomes = in_background(str, items(), limit=3)
    assert taken == []
    assert next(outcomes) == "0"
    assert [item for item, _ in taken] == [0, 1, 2, 3]
    assert {thread for _, thread in taken} == {threading.get_ident()}
    assert list(outcomes) == list("123456789")


def test_an_exception_comes_in_the_place_of_its_outcome():
    outcomes = in_background(lambda item: 1 / item, [1, 2, 0, 4])
    assert [next(outcomes), next(outcomes)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(outcomes)


def test_an_exception_of_the_items_drops_the_calls_that_have_not_begun():
    begun, threads, release = [], set(), threading.Event()

    def call(item):
        begun.append(item)
        threads.add(threading.current_thread())
        release.wait(10)

    def items():
        yield from range(3)
        release.set()
        raise KeyError("items")

    with pytest.raises(KeyError):
        list(in_background(call, items()))
    assert begun[0] == 0
    assert [thread.is_alive() for thread in threads] == [False]


def test_who_stops_early_leaves_nothing_behind():
    calls = []
    outcomes = in_background(calls.append, range(100))
    next(outcomes)
    outcomes.close()
    assert len(calls) <= 5


def test_no_items():
    assert list(in_background(str, [])) == []
