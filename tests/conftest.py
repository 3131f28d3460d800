"""What tests of several rooms share."""

import signal
import threading

import pytest

from skreg import _threads


@pytest.fixture
def whole_teams(monkeypatch):
    """Let a fit take all threads that ``n_jobs`` allows, however little work there is for them."""
    monkeypatch.setattr(_threads, "VECTORS_PER_THREAD", 1e-9)


@pytest.fixture
def heard_interrupts():
    """Let SIGINT interrupt, even a job in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def one_thread_left(monkeypatch):
    """Let one more thread start, and the next fail as where a system has no more of them."""
    before, start = threading.active_count(), threading.Thread.start

    def fail_second(self):
        if threading.active_count() > before:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", fail_second)
