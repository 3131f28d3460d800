"""From arrays to a job: parts of a batch."""

import numpy as np
import pytest

from skreg._job import MOST_BYTES_OF_REPLICAS, Task, count_parts


@pytest.mark.parametrize(
    ("parts", "settings"),
    [
        (1, {"batch_size": 15}),
        (2, {"batch_size": 16}),
        (2, {"batch_size": 200}),
        (3, {"batch_size": 300}),
        (8, {"batch_size": 5000}),
        (1, {"batch_size": 200, "for_training": False}),
        (1, {"batch_size": 200, "augmentation": ()}),
    ],
)
def test_parts_of_a_batch_follow_from_the_task(parts, settings):
    small, large = MOST_BYTES_OF_REPLICAS // 8, MOST_BYTES_OF_REPLICAS // 8 + 1
    task = Task(None, np.dtype(np.float64), **settings)
    assert count_parts(task, small) == parts
    assert count_parts(task, large) == 1
    assert count_parts(task._replace(n_threads=7), small) == parts
