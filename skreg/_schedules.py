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


class Moment(NamedTuple):
    """When an epoch begins."""

    epoch: int  # epochs before it in the run
    n_seen: int  # samples seen since the weights were initialized
    divisions: int  # how often ``adaptive`` has divided the rate


def learning_rate(schedule, epoch, n_seen, divisions):
    """Return the learning rate of an epoch, which begins at a `Moment`."""
    return SCHEDULES[schedule.name](schedule, Moment(epoch, n_seen, divisions))


def constant(schedule, moment):
    """Keep the rate."""
    return schedule.rate


def invscaling(schedule, moment):
    """Divide by a power of the samples; what is beyond all floats leaves nothing of the rate."""
    try:
        return schedule.rate / (moment.n_seen + 1) ** schedule.power_t
    except OverflowError:
        return 0.0


def adaptive(schedule, moment):
    """Divide as often as the patience was exhausted."""
    rate = schedule.rate
    for _ in range(moment.divisions):
        rate /= ADAPTIVE_DIVISOR
    return rate


def cosine(schedule, moment):
    """Anneal to zero."""
    return _anneal(schedule.rate, 0.0, moment.epoch / schedule.n_epochs)


def one_cycle(schedule, moment):
    """Rise to the peak, then fall below the beginning."""
    peak, progress = schedule.rate, moment.epoch / schedule.n_epochs
    if progress < WARM_UP:
        return _anneal(peak / FIRST_DIVISOR, peak, progress / WARM_UP)
    return _anneal(peak, peak / LAST_DIVISOR, (progress - WARM_UP) / (1.0 - WARM_UP))


SCHEDULES = {
    "constant": constant,
    "invscaling": invscaling,
    "adaptive": adaptive,
    "cosine": cosine,
    "one_cycle": one_cycle,
}


def _anneal(first, last, progress):
    """Go from ``first`` to ``last`` along half a cosine while ``progress`` goes from 0 to 1."""
    return last + (first - last) * 0.5 * (1.0 + cos(pi * min(progress, 1.0)))
