"""Words for the user: warnings that point at a line of their code, errors that name what is wrong.

However deep in libraries they arise.
"""

import contextlib
import sys
import warnings
from contextvars import ContextVar

LIBRARIES = {
    "skreg", "sklearn", "joblib", "concurrent", "contextlib", "multiprocessing", "runpy",
    "threading",
}  # fmt: skip


# What `warnings.warn_explicit` wants of the line that a thread of ours works for.
_line_of_user = ContextVar("line_of_user", default=None)


def warn(message, category=UserWarning):
    """Warn where the user's code called; in a worker, where no such line is, at the caller."""
    frame, level = _frame_of_user()
    if frame is None and _line_of_user.get():
        warnings.warn_explicit(message, category, *_line_of_user.get())
    else:
        warnings.warn(message, category, stacklevel=level if frame is not None else 2)


@contextlib.contextmanager
def for_threads():
    """Note the line of the user's code, for threads with copies of the context variables."""
    frame, _ = _frame_of_user()
    line = _line_of_user.get()
    if frame is not None:
        names = frame.f_globals
        registry = names.setdefault("__warningregistry__", {})
        line = frame.f_code.co_filename, frame.f_lineno, names.get("__name__"), registry
    token = _line_of_user.set(line)
    try:
        yield
    finally:
        _line_of_user.reset(token)


def _frame_of_user():
    """Return the innermost frame that is no library's, or None, and the caller's stack level."""
    frame, level = sys._getframe(2), 2
    while frame is not None and _package(frame) in LIBRARIES:
        frame, level = frame.f_back, level + 1
    return frame, level


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
