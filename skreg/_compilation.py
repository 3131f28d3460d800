"""Tell the user what a first fit is waiting for."""

import contextlib
import logging
import threading

logger = logging.getLogger("skreg")

PATIENCE = 2.0  # seconds; loading from the disk cache takes less


@contextlib.contextmanager
def note_when_slow(dispatcher, dtype):
    """Log a line if the first call of ``dispatcher`` in this process has to compile."""
    if getattr(dispatcher, "signatures", True):  # compiled already, or not a compiled function
        yield
        return
    note = threading.Timer(
        PATIENCE,
        logger.warning,
        (
            "Compiling the kernels for %s; this takes some seconds and is kept on disk for later "
            "processes, where the package's folder or NUMBA_CACHE_DIR can be written.",
            dtype,
        ),
    )
    note.daemon = True
    note.start()
    try:
        yield
    finally:
        note.cancel()
        note.join()
