"""Words for the user: warnings that point at a line of their code, errors that name what is wrong.

However deep in libraries they arise.
"""

import contextlib
import sys
import warnings

LIBRARIES = {
    "skreg", "sklearn", "joblib", "concurrent", "contextlib", "multiprocessing", "runpy",
    "threading",
}  # fmt: skip


def warn(message, category=UserWarning):
    """Warn where the user's code called; in a worker, where no such frame is, at the caller."""
    frame, level = sys._getframe(1), 2
    while frame is not None and _package(frame) in LIBRARIES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level if frame is not None else 2)


@contextlib.contextmanager
def named(name):
    """Put what the user calls a value before an error that does not say which one is meant."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if name in str(error):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def _package(frame):
    names = frame.f_globals
    # What runs as __main__, as a worker of joblib's does, has its own name in the specification.
    name = getattr(names.get("__spec__"), "name", None) or names.get("__name__", "")
    return name.partition(".")[0]
