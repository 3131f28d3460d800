"""From a task to its job: which rows, what has room, labels, the smallest epsilon."""

import numpy as np
import pytest

from skreg._job import build_job
from skreg._kernels.activations import IDENTITY, TANH
from skreg._kernels.job import AVERAGE, FIRST, GRADIENT, ORDER, OUTPUTS, SECOND, VALID_ROWS
from skreg._kernels.links import LINK_IDENTITY
from skreg._kernels.losses import SOFT_LOG_LOSS
from skreg._kernels.solvers import ADAM
from skreg._kernels.team import new_team
from skreg._task import CHUNK_ROWS, NO_RULE, Network, Rows, Task

UNITS, ACTIVATIONS = (4, 3, 2), (TANH, IDENTITY)
ROWS = Rows(np.zeros((300, 4)), np.zeros((300, 2)))


def built(network=None, **details):
    """Return the job of a task and its table."""
    network = network or Network.plain(UNITS, ACTIVATIONS)
    task = Task(network, np.dtype(np.float64), ROWS, **details)
    return build_job(task, new_team(task.n_threads))[:2]


def test_an_index_is_copied_and_stands_for_all_rows_where_there_is_none():
    index = np.arange(5, 90, dtype=np.int64)
    _, table = built(train_index=index, valid=None)
    np.testing.assert_array_equal(table.arrays[ORDER], index)
    assert not np.shares_memory(table.arrays[ORDER], index)
    np.testing.assert_array_equal(table.arrays[VALID_ROWS], np.arange(300))
    assert table.arrays[OUTPUTS].size == 2 * 300


@pytest.mark.parametrize(
    ("size", "n_rows", "batch_size"), [(7, 7, 1), (40, 7, 40), (CHUNK_ROWS, 300, 20)]
)
def test_a_chunk_has_the_rows_of_a_batch_or_as_many_as_there_are(size, n_rows, batch_size):
    index = np.arange(n_rows)
    assert built(train_index=index, batch_size=batch_size)[0].chunk_size == size


ADAM_RULE = NO_RULE._replace(solver=ADAM)


@pytest.mark.parametrize(
    ("slots", "details"),
    [
        (set(), {"for_training": False, "rule": ADAM_RULE}),
        ({GRADIENT, FIRST}, {}),
        ({GRADIENT, FIRST, SECOND}, {"rule": ADAM_RULE}),
        ({GRADIENT, FIRST, AVERAGE}, {"rule": NO_RULE._replace(averaging=0.9)}),
    ],
)
def test_there_is_room_for_what_a_solver_remembers(slots, details):
    _, table = built(**details)
    assert {slot for slot in (GRADIENT, FIRST, SECOND, AVERAGE) if table.arrays[slot].size} == slots


@pytest.mark.parametrize("for_training", [True, False])
def test_labels_are_smoothed_for_the_objective_and_not_for_a_validation_loss(for_training):
    network = Network(UNITS, ACTIVATIONS, SOFT_LOG_LOSS, 0.0, LINK_IDENTITY, (0.0, 0.0), 0, 0.1)
    job, _ = built(network, valid=None, for_training=for_training)
    assert job.train.smoothing == 0.1
    assert job.valid.smoothing == (0.0 if for_training else 0.1)


def test_an_epsilon_divides_zeros_in_every_dtype():
    job, _ = built(rule=NO_RULE._replace(epsilon=0.0))
    assert job.rule.epsilon == np.finfo(np.float64).tiny
    assert built(rule=NO_RULE._replace(epsilon=1e-8))[0].rule.epsilon == 1e-8
