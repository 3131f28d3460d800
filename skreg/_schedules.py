"""Learning-rate schedules: from the epoch to the learning rate.

Every schedule works with every stochastic solver. ``constant``, ``invscaling`` and ``adaptive``
are scikit-learn's; ``cosine`` anneals to zero over ``max_iter`` epochs (Loshchilov & Hutter 2017,
without restarts); ``one_cycle`` rises from a twenty-fifth of the peak during the first 30 % and
then falls towards a ten-thousandth of it (Smith & Topin 2018, whose ramps are straight; halves of
a cosine are what fastai and PyTorch draw). These two are planned: they run through all
``max_iter`` epochs unless early stopping ends them; the training loss does not. An epoch has the
rate of its beginning, so that the last one does not reach the end of the ramp.
"""

from math import cos, pi
from typing import NamedTuple

SCHEDULES = ("constant", "invscaling", "adaptive", "cosine", "one_cycle")
PLANNED = ("cosine", "one_cycle")  # they run for max_iter epochs by design

SMALLEST_ADAPTIVE_RATE = 1e-6
ADAPTIVE_DIVISOR = 5.0
WARM_UP, FIRST_DIVISOR, LAST_DIVISOR = 0.3, 25.0, 1e4


class Schedule(NamedTuple):
    """A schedule by name with its parameters; ``rate`` is learning_rate_init."""

    name: str
    rate: float
    power_t: float
    n_epochs: int


def learning_rate(schedule, epoch, n_seen, divisions):
    """Return the learning rate of an epoch.

    Parameters
    ----------
    schedule : Schedule
    epoch : int
        Epochs before this one in the run.
    n_seen : int
        Samples seen since the weights were initialized, for ``invscaling``.
    divisions : int
        How often ``adaptive`` has divided the rate.
    """
    if schedule.name == "invscaling":
        return _scale_inversely(schedule, n_seen)
    if schedule.name == "adaptive":
        rate = schedule.rate
        for _ in range(divisions):
            rate /= ADAPTIVE_DIVISOR
        return rate
    if schedule.name == "cosine":
        return _anneal(schedule.rate, 0.0, epoch / schedule.n_epochs)
    if schedule.name == "one_cycle":
        return _one_cycle(schedule.rate, epoch / schedule.n_epochs)
    return schedule.rate


def _scale_inversely(schedule, n_seen):
    """Divide by a power of the samples; what is beyond all floats leaves nothing of the rate."""
    try:
        return schedule.rate / (n_seen + 1) ** schedule.power_t if n_seen else schedule.rate
    except OverflowError:
        return 0.0


def _anneal(first, last, progress):
    """Go from ``first`` to ``last`` along half a cosine while ``progress`` goes from 0 to 1."""
    return last + (first - last) * 0.5 * (1.0 + cos(pi * min(progress, 1.0)))


def _one_cycle(peak, progress):
    if progress < WARM_UP:
        return _anneal(peak / FIRST_DIVISOR, peak, progress / WARM_UP)
    return _anneal(peak, peak / LAST_DIVISOR, (progress - WARM_UP) / (1.0 - WARM_UP))
