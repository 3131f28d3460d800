"""The programs that are compared, one file each.

A peer is a module with two functions:

``supports(workload)``
    Whether it can do this work.
``prepare(workload, dtype, n_threads)``
    Return a function without arguments that does one complete fit, from arrays to a fitted
    network: as many epochs of Adam, as large batches, shuffled anew each epoch, no penalty, no
    early stop. It returns the mean loss over the last epoch, which shows that all did the same
    work. Whatever compilation is needed happens in its first call.
"""

import importlib.util
import sys

NAMES = ("skreg", "sklearn", "torch", "jax")
LEARNING_RATE = 1e-3


def available(names=NAMES):
    """Return the modules of those peers that are installed; say which are not."""
    modules = {}
    for name in names:
        if importlib.util.find_spec(name) is None:
            print(f"{name} is skipped: it is not installed", file=sys.stderr)
        else:
            modules[name] = importlib.import_module(f"benchmarks.peers.{name}_peer")
    return modules
