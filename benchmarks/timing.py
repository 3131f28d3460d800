"""Alternating runs, minima and ratios.

Clocks change and neighbours come and go: runs of different programs are only comparable when
they take turns, and the smallest of several times is the one least disturbed.
"""

import time
from typing import NamedTuple

# The threads of a peer that has just finished spin for a while, and would take a core from the
# next one. Let them fall asleep.
PAUSE = 0.2


class Timing(NamedTuple):
    """What one peer took.

    ``seconds`` is the minimum of ``runs``; ``first`` is the very first call, compilation
    included; ``result`` is what the last call returned.
    """

    seconds: float
    runs: list[float]
    first: float
    result: float


def timed(call):
    """Return the seconds that ``call()`` takes, and what it returns."""
    time.sleep(PAUSE)
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def alternate(calls, rounds, at_least=0.0):
    """Time callables in turns.

    Parameters
    ----------
    calls : dict of str to callable
        They take no argument.
    rounds : int
        How often each is run after its first, separately reported call.
    at_least : float
        Seconds to spend: quick work gets more rounds than slow work.

    Returns
    -------
    timings : dict of str to Timing
    """
    first = {name: timed(call)[0] for name, call in calls.items()}
    runs = {name: [] for name in calls}
    results = {}
    end = time.perf_counter() + at_least
    while len(next(iter(runs.values()))) < rounds or time.perf_counter() < end:
        for name, call in calls.items():
            seconds, results[name] = timed(call)
            runs[name].append(seconds)
    return {name: Timing(min(runs[name]), runs[name], first[name], results[name]) for name in calls}


def ratios(seconds, base):
    """Return how many times longer than ``base`` everybody takes.

    Parameters
    ----------
    seconds : dict of str to float
    base : str
        A key of ``seconds``.
    """
    return {name: value / seconds[base] for name, value in seconds.items()}
