"""What an engine is built from: the rows to validate on, noise, parts of a batch."""

import numpy as np
import pytest

from skreg._task import (
    MOST_BYTES_OF_REPLICAS,
    NO_RULE,
    Augmentation,
    Network,
    Rows,
    Task,
    count_parts,
)


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


def test_rows_to_validate_on_are_of_their_own_or_among_those_to_train_on():
    train, valid = Rows(np.ones((3, 1))), Rows(np.ones((2, 1)))
    task = Task(None, np.dtype(np.float64), train)
    assert task._replace(valid=valid).validated is valid
    assert task._replace(valid=None).validated is train


def test_noise_and_decoupled_decay_keep_training_from_the_objectives_minimum():
    network = Network.plain((2, 3, 1), (0, 0))
    noise = Augmentation(np.zeros((1, 1)), np.zeros(0), None, 0, False)
    task = Task(network, np.dtype(np.float64))
    assert task.minimizes_objective and not task.is_adversarial
    for other in (
        task._replace(network=network._replace(dropout=(0.0, 0.5))),
        task._replace(augmentation=noise),
        task._replace(rule=NO_RULE._replace(weight_decay=0.1)),
    ):
        assert not other.minimizes_objective and not other.is_adversarial
    assert task._replace(augmentation=noise._replace(is_adversarial=True)).is_adversarial
