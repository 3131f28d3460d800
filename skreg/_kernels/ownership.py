"""Who updates what: the rows of a matrix, and the bias, that belong to a member of the team."""

from skreg._jit import jit
from skreg._kernels.job import PADDED_FAN_IN
from skreg._kernels.team import share
from skreg._kernels.tiles import TILE_ROWS


@jit
def own_rows(tid, team, job, k):
    """Return the half-open range of rows of matrix k that member ``tid`` updates."""
    return share(tid, team.n_threads, job.layout[PADDED_FAN_IN, k], TILE_ROWS)


@jit
def owns_bias(tid, team, k):
    """Return whether member ``tid`` updates the bias of matrix k."""
    return tid == (k + 1) % team.n_threads
