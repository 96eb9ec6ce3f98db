"""A stop request that is set from a signal handler and from threads."""

import os
import signal
import threading
import time

from reaper.stop import Stop


def test_waiting_ends_when_the_stop_is_asked_for_by_a_thread() -> None:
    stop = Stop()
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    assert stop.wait(20)
    assert time.monotonic() - began < 10


def test_waiting_ends_when_a_signal_handler_asks_for_the_stop() -> None:
    stop = Stop()
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        began = time.monotonic()
        assert stop.wait(20)
        assert time.monotonic() - began < 10
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_that_does_not_interrupt_the_wait_is_seen_nevertheless() -> None:
    stop = Stop()
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    # Another thread takes the signal, so that the wait goes on, as after one that came a moment before it.
    taker = threading.Timer(0.05, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1))
    try:
        taker.start()
        began = time.monotonic()
        assert stop.wait(60)
        assert time.monotonic() - began < 30
    finally:
        taker.join()
        signal.signal(signal.SIGUSR1, before)


def test_all_who_wait_are_woken() -> None:
    stop = Stop()
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(stop.wait(20))) for _ in range(5)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join(10)
    assert woken == [True] * 5


def test_without_a_stop_the_time_passes() -> None:
    stop = Stop()
    assert not stop.wait(0.01)
    assert not stop.is_set()


def test_a_stop_stays() -> None:
    stop = Stop()
    stop.set()
    assert stop.is_set()
    assert stop.wait(20)
    assert stop.wait(20)
