"""The garbage collector, at rest where all that is made stays."""

import contextlib
import gc


@contextlib.contextmanager
def no_garbage_collection():
    """Keep the garbage collector from walking, again and again, over what grows.

    An import leaves hundreds of modules, a compiler the parts of a program: nothing to give back.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
