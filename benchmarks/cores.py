"""Which cores a process may use, and how it is bound to some of them."""

import os
import re
from pathlib import Path

SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def usable():
    """Return the numbers of the cores that this process may use, whole cores first.

    Two threads of one physical core share its arithmetic units: the second one comes after
    the first threads of all other cores.
    """
    if not hasattr(os, "sched_getaffinity"):
        return list(range(os.cpu_count()))
    return sorted(os.sched_getaffinity(0), key=lambda core: (_rank(core), core))


def bind(n_threads):
    """Let this process use only ``n_threads`` cores, where the system can do so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, usable()[:n_threads])


def _rank(core):
    """Return how many threads of the same physical core have a smaller number."""
    path = Path(SIBLINGS.format(core))
    if not path.exists():
        return 0
    return sum(sibling < core for sibling in expand(path.read_text()))


def expand(ranges):
    """Return the numbers in a list such as ``0-2,8``."""
    numbers = []
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", ranges):
        numbers += range(int(first), int(last or first) + 1)
    return numbers
