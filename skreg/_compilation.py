"""Tell the user what a first fit is waiting for."""

import contextlib
import logging
import threading

logger = logging.getLogger("skreg")

PATIENCE = 2.0  # seconds; loading from the disk cache takes less
_waited_for = set()  # dtypes; several threads may wait for the same compilation, one says so


@contextlib.contextmanager
def note_when_slow(dispatcher, dtype):
    """Log a line if the first call of ``dispatcher`` in this process has to compile."""
    is_compiled = getattr(dispatcher, "overloads", True)  # or not a compiled function at all
    if is_compiled or dtype in _waited_for:
        yield
        return
    note = threading.Timer(
        PATIENCE,
        logger.warning,
        (
            "Compiling the kernels for %s. This takes some seconds, once: the program is kept on "
            "disk if the package's folder or NUMBA_CACHE_DIR can be written to.",
            dtype,
        ),
    )
    note.daemon = True
    _waited_for.add(dtype)
    note.start()
    try:
        yield
    finally:
        _waited_for.discard(dtype)
        note.cancel()
        note.join()
