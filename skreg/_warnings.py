"""Warnings that point at the line of the user's code, however deep in libraries they arise."""

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


def _package(frame):
    names = frame.f_globals
    # What runs as __main__, as a worker of joblib's does, has its own name in the specification.
    name = getattr(names.get("__spec__"), "name", None) or names.get("__name__", "")
    return name.partition(".")[0]
