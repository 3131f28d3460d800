"""The average of the parameters against plain NumPy; in a step: `test_structure`."""

from itertools import pairwise

import numpy as np
import pytest

from skreg._kernels.averaging import average, average_rows
from skreg._kernels.job import BIASES_AT, PADDED_FAN_IN, PANELS, lanes_of
from tests.kernels.engines import SGD_RULE, features, make_engine, starting_weights, targets

UNITS = (11, 35, 3)


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_the_average_moves_towards_the_weights(dtype):
    rows, rule = (features(5, 11), targets(0, 5, 3)), SGD_RULE._replace(averaging=0.9)
    w, mean = starting_weights(UNITS), starting_weights(UNITS, seed=5)
    with make_engine(UNITS, *rows, dtype=dtype, rule=rule) as engine:
        job = engine.job
        engine.load(w.astype(dtype))
        engine.set_average(mean.astype(dtype))
        for k in range(2):
            for stretch in pairwise(np.array([0, 4, 9, job.layout[PADDED_FAN_IN, k]])):
                average_rows(job, k, stretch)
            average(job, job.layout[BIASES_AT, k], job.layout[PANELS, k] * lanes_of(job))
        found = engine.average()
        np.testing.assert_array_equal(engine.parameters(), w.astype(dtype))
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(found, 0.9 * mean + 0.1 * w, rtol=0, atol=tolerance)
