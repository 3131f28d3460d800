"""The note on a compilation: once, and only where it takes long."""

import threading
import time
from types import SimpleNamespace

from skreg import _compilation
from skreg._compilation import note_when_slow

NOT_COMPILED = SimpleNamespace(overloads={})
COMPILED = SimpleNamespace(overloads={"a signature": "a program"})


def test_threads_that_wait_together_say_so_once(monkeypatch, caplog):
    monkeypatch.setattr(_compilation, "PATIENCE", 0.0)
    inside = threading.Barrier(3)

    def wait(n_told=1):
        with note_when_slow(NOT_COMPILED, "float64"):
            inside.wait()
            limit = time.perf_counter() + 10
            while len(caplog.records) < n_told and time.perf_counter() < limit:
                time.sleep(0.01)

    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait()
    for thread in threads:
        thread.join()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Compiling the kernels for float64" in caplog.text
    inside = threading.Barrier(1)
    wait(n_told=2)  # another compilation is told of again
    assert len(caplog.records) == 2


def test_what_is_compiled_or_quick_is_not_worth_a_word(caplog):
    with note_when_slow(NOT_COMPILED, "float32"):
        pass
    with note_when_slow(COMPILED, "float32"):
        pass
    assert not caplog.records
