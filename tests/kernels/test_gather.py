"""Gathering: the rows of an index, from every container, and nothing beyond them."""

import numpy as np
import pytest

from skreg._kernels.gather import gather
from skreg._kernels.job import COLUMNS, LEAD, MEMORY, SAMPLE_WEIGHT, SPARSE, STARTS, TARGET, VALUES
from tests.kernels.engines import CONTAINERS, features, make_engine, targets

N_ROWS, N_FEATURES = 20, 7
INDEX = np.random.default_rng(8).permutation(N_ROWS)[:13]


def gathered(container, is_weighted, first, last):
    """Return features, targets and weights of the batch after gathering some of its rows."""
    X, y = features(N_ROWS, N_FEATURES), targets(0, N_ROWS, 2)
    weight = np.arange(N_ROWS) + 0.5 if is_weighted else None
    with make_engine((N_FEATURES, 3, 2), CONTAINERS[container](X), y, weight) as engine:
        arrays, layout = engine.table.arrays, engine.job.layout
        for slot in (TARGET, SAMPLE_WEIGHT):
            arrays[slot][:] = -7
        gather(engine.job, engine.job.train, INDEX, first, last)
        if container == "sparse":
            batch = np.zeros((INDEX.size, N_FEATURES))
            for i in range(first, last):
                at = slice(*arrays[STARTS][i : i + 2])
                batch[i, arrays[COLUMNS][at]] = arrays[SPARSE][at]
        else:
            block = arrays[MEMORY][layout[VALUES, 0] :][: INDEX.size * layout[LEAD, 0]]
            batch = block.reshape(INDEX.size, -1)[:, :N_FEATURES].copy()
        size = INDEX.size
        return batch, arrays[TARGET][: 2 * size].reshape(size, 2), arrays[SAMPLE_WEIGHT][:size]


@pytest.mark.parametrize(("first", "last"), [(0, 13), (0, 5), (8, 13)])
@pytest.mark.parametrize("is_weighted", (True, False))
@pytest.mark.parametrize("container", CONTAINERS)
def test_rows_of_the_index_and_only_these(container, is_weighted, first, last):
    batch, target, weight = gathered(container, is_weighted, first, last)
    mine, others = slice(first, last), np.delete(np.arange(INDEX.size), slice(first, last))
    X, y = features(N_ROWS, N_FEATURES), targets(0, N_ROWS, 2)
    np.testing.assert_array_equal(batch[mine], X[INDEX[mine]])
    np.testing.assert_array_equal(batch[others], 0)
    np.testing.assert_array_equal(target[mine], y[INDEX[mine]])
    np.testing.assert_array_equal(weight[mine], INDEX[mine] + 0.5 if is_weighted else 1)
    assert (target[others] == -7).all() and (weight[others] == -7).all()
