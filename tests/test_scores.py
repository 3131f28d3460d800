"""Default scores against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from skreg._scores import accuracy, r2


def weights(kind, n=40):
    return None if kind == "none" else np.random.default_rng(7).uniform(0, 2, n)


@pytest.mark.parametrize("weighted", ["none", "weighted"])
def test_accuracy_of_classes(weighted):
    rng = np.random.default_rng(0)
    raw, target, weight = rng.normal(size=(40, 3)), rng.integers(0, 3, (40, 1)), weights(weighted)
    expected = accuracy_score(target[:, 0], raw.argmax(axis=1), sample_weight=weight)
    assert accuracy(raw, target.astype(float), weight) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("weighted", ["none", "weighted"])
@pytest.mark.parametrize("n_labels", [1, 4])
def test_accuracy_of_signs(n_labels, weighted):
    rng = np.random.default_rng(1)
    target = rng.integers(0, 2, (40, n_labels))
    raw = 2 * target - 1 + rng.normal(size=target.shape)
    weight = weights(weighted)
    expected = accuracy_score(target, (raw > 0).astype(int), sample_weight=weight)
    assert 0 < expected < 1
    assert accuracy(raw, target.astype(float), weight) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("weighted", ["none", "weighted"])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("n_rows", [2, 40])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_coefficient_of_determination(scale, n_rows, n_outputs, weighted):
    rng = np.random.default_rng(2)
    target = scale * rng.normal(size=(n_rows, n_outputs))
    prediction = target + scale * rng.normal(size=target.shape)
    weight = weights(weighted, n_rows)
    expected = r2_score(target, prediction, sample_weight=weight)
    assert r2(prediction, target, weight) == pytest.approx(expected, rel=1e-12)


def test_constant_targets_score_as_scikit_learn_scores_them():
    target = np.column_stack([np.ones(5), np.ones(5), np.arange(5.0)])
    prediction = np.column_stack([np.ones(5), np.arange(5.0), np.arange(5.0)])
    assert r2(prediction, target) == r2_score(target, prediction) == pytest.approx(2 / 3)


@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
@pytest.mark.parametrize("weight", [None, np.array([0.0, 2.0, 0.0])])
def test_a_single_row_has_no_coefficient_of_determination(weight):
    target = np.arange(3.0)[:, None] if weight is not None else np.ones((1, 1))
    assert np.isnan(r2(target, target, weight))
    assert weight is not None or np.isnan(r2_score(target, target))


def test_predictions_that_are_not_finite_have_no_score():
    assert np.isnan(r2(np.array([[np.inf], [1.0]]), np.array([[0.0], [1.0]])))
