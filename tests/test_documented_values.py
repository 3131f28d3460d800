"""Numbers of PyTorch and Keras, written out: label smoothing, AdamW, averages, norms, penalties.

The constants come from PyTorch 2.13 in double precision; what was called stands beside them.
Keras computes the same from the formulas of its documentation, which are quoted where they are
used.
"""

import numpy as np
import pytest

from skreg import MLPClassifier, MLPRegressor

# Older releases of scikit-learn call newer ones of SciPy in a way that these announce to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning")

STANDING = {"learning_rate_init": 1e-300, "max_iter": 1, "l2": 0, "random_state": 0}
LBFGS = {"solver": "lbfgs", "l2": 0, "tol": 1e-9, "max_iter": 1000, "random_state": 0}

# Label smoothing.

LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 1.5, -2.0], [-0.5, 0.25, 1.0]])
LABELS = np.array([0, 2, 1])


def first_loss(logits, labels, weight=None, **parameters):
    """Return the loss of the first epoch of a network with these raw outputs."""
    network = MLPClassifier((), **STANDING, **parameters)
    n, n_outputs = logits.shape
    network.fit(np.eye(n), labels, sample_weight=weight, coef_init=[logits],
                intercept_init=[np.zeros(n_outputs)])  # fmt: skip
    return network.history_["loss"][0]


@pytest.mark.parametrize(
    "smoothing, expected",
    # torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(LOGITS, LABELS), which is also
    # keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing):
    # its labels are y (1 - smoothing) + smoothing / n_classes.
    [(0.0, 1.7483630299146888), (0.1, 1.7372519188035778), (0.5, 1.6928074743591333)],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_with_smoothed_labels(dtype, smoothing, expected):
    found = first_loss(LOGITS, LABELS, label_smoothing=smoothing, dtype=dtype)
    assert found == pytest.approx(expected, rel=1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize(
    "smoothing, expected",
    # The same with reduction="none", averaged with the weights (1, 2, 0.5).
    [(0.1, 2.3186390286803844), (0.5, 2.0710199810613363)],
)
def test_weights_of_smoothed_labels(smoothing, expected):
    weight = np.array([1.0, 2.0, 0.5])
    found = first_loss(LOGITS, LABELS, weight, label_smoothing=smoothing)
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    "smoothing, expected",
    # binary_cross_entropy_with_logits of the logits (2, -1, 0.5) and labels (1, 1, 0) smoothed as
    # keras.losses.BinaryCrossentropy(label_smoothing=smoothing): y (1 - smoothing) + smoothing / 2.
    [(0.0, 0.8047555609137674), (0.1, 0.8130888942471005), (0.5, 0.8464222275804341)],
)
def test_binary_cross_entropy_with_smoothed_labels(smoothing, expected):
    logits, labels = np.array([[2.0], [-1.0], [0.5]]), np.array([1, 1, 0])
    found = first_loss(logits, labels, label_smoothing=smoothing)
    assert found == pytest.approx(expected, rel=1e-14)
    # Labels of multilabel data add up.
    found = first_loss(np.hstack([logits, logits]), np.vstack([labels, labels]).T,
                       label_smoothing=smoothing)  # fmt: skip
    assert found == pytest.approx(2 * expected, rel=1e-14)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("counts", [[6, 3, 1], [7, 3]])
def test_a_constant_network_predicts_the_smoothed_frequencies(counts, solver):
    # The minimizer over the intercepts alone: (1 - smoothing) f_k + smoothing / n_classes.
    y, weight = np.repeat(np.arange(len(counts)), counts), np.arange(10.0)
    parameters = LBFGS
    if solver == "adam":
        parameters = {"l2": 0, "max_iter": 1000, "learning_rate": "cosine",
                      "learning_rate_init": 0.1, "random_state": 0}  # fmt: skip
    network = MLPClassifier((), label_smoothing=0.3, **parameters)
    network.fit(np.zeros((10, 1)), y, sample_weight=weight)
    frequencies = np.bincount(y, weight) / weight.sum()
    expected = 0.7 * frequencies + 0.3 / len(counts)
    np.testing.assert_allclose(network.predict_proba([[0.0]])[0], expected, atol=1e-6)


def test_labels_of_validation_rows_are_not_smoothed():
    X, y = np.eye(3), LABELS
    for labels, n_outputs in ((y, 3), (y > 0, 1)):
        network = MLPClassifier((), label_smoothing=0.5, **STANDING)
        logits = LOGITS[:, :n_outputs]
        network.fit(X, labels, X_val=X, y_val=labels, coef_init=[logits],
                    intercept_init=[np.zeros(n_outputs)])  # fmt: skip
        expected = first_loss(logits, labels)
        assert network.history_["validation_loss"][0] == pytest.approx(expected, rel=1e-14)
        assert network.history_["loss"][0] != pytest.approx(expected, rel=1e-2)


# Trajectories of a network of two hidden units on three rows, five steps.

X = np.array([[1.0, -0.5], [0.25, 2.0], [-1.5, 0.75]])
Y = np.array([1.0, -0.5, 0.25])
START = {
    "coef_init": [np.array([[0.5, -0.25], [0.75, 1.0]]), np.array([[0.6], [-0.4]])],
    "intercept_init": [np.array([0.1, -0.2]), np.array([0.05])],
}
SOLVERS = {
    # Without epsilon, which is added before the bias correction here and after it there.
    "adamw": {"solver": "adam", "beta_1": 0.8, "beta_2": 0.95, "weight_decay": 0.3,
              "epsilon": 1e-300},
    "nesterov": {"solver": "sgd", "momentum": 0.9},
}  # fmt: skip
# Weights, then biases, of torch.optim.AdamW(lr=0.1, betas=(0.8, 0.95), eps=0) with
# weight_decay=0.3 for the weights and 0 for the biases, and of torch.optim.SGD(lr=0.1,
# momentum=0.9, nesterov=True).
ENDS = {
    "adamw": [
        *(0.07779297376499446, 0.20715730786482886, 0.1973937009461799, 1.3011020198262386),
        *(0.08591820245243939, -0.7973738929809685),
        *(0.4812782098517701, -0.6592890181924635, 0.24456047031819816),
    ],
    "nesterov": [
        *(0.3924597811435242, -0.1936403779007454, 0.7596356626758536, 1.0140683097827266),
        *(0.3276441519207348, -0.7062774335245429),
        *(0.34310808786445196, -0.2943183707154192, 0.20653572805377776),
    ],
}
# Of each, the average by torch.optim.swa_utils.get_ema_multi_avg_fn(0.9), which begins at the
# starting weights when it is called with them first; Keras' ema_momentum=0.9 is the same recursion:
# average <- momentum average + (1 - momentum) weights.
AVERAGES = {
    "adamw": [
        *(0.37576993711165135, -0.12017162082300767, 0.6017724327716774, 1.0808961061743272),
        *(0.4582655068232115, -0.5084859029288156),
        *(0.21032535849183315, -0.3256985453967298, 0.12601698795113203),
    ],
    "nesterov": [
        *(0.47466605704314613, -0.23822889005230558, 0.7514160884735872, 1.0038413611799086),
        *(0.5324143044256923, -0.4755531109323555),
        *(0.16063180540178779, -0.22162467151195883, 0.08774074239646332),
    ],
}


def after_five_steps(name, **parameters):
    """Return weights and biases of the network after five steps on all rows."""
    network = MLPRegressor((2,), "tanh", l2=0, batch_size=3, learning_rate_init=0.1, max_iter=5,
                           shuffle=False, **SOLVERS[name], **parameters)  # fmt: skip
    network.fit(X, Y, **START)
    return np.concatenate([np.ravel(w) for w in network.coefs_ + network.intercepts_])


@pytest.mark.parametrize("name", SOLVERS)
def test_steps_are_those_of_pytorch(name):
    np.testing.assert_allclose(after_five_steps(name), ENDS[name], rtol=1e-13)


@pytest.mark.parametrize("name", SOLVERS)
def test_averages_are_those_of_pytorch_and_keras(name):
    found = after_five_steps(name, weight_averaging=0.9)
    np.testing.assert_allclose(found, AVERAGES[name], rtol=1e-13)


def test_an_average_begins_at_the_starting_weights():
    # One weight, one row, loss |w - y|: the weight falls from 2 by 0.1 a step. By hand, with a
    # decay of 0.5: 2, 1.95, 1.875, 1.7875.
    for n_steps, expected in enumerate([1.95, 1.875, 1.7875], start=1):
        network = MLPRegressor((), loss="absolute_error", solver="sgd", momentum=0.0, l2=0,
                               learning_rate_init=0.1, max_iter=n_steps,
                               weight_averaging=0.5)  # fmt: skip
        network.fit([[1.0]], [-9.0], coef_init=[[[2.0]]], intercept_init=[[0.0]])
        assert network.coefs_[0][0, 0] == pytest.approx(expected, rel=1e-14)


# Penalties and constraints.


def test_value_of_the_elastic_net():
    # keras.regularizers.L1L2(l1=0.01, l2=0.02) of [[1, -2], [3, -4]], l1 sum |w| + l2 sum w^2:
    # 0.1 + 0.6. Here l2 carries a half.
    network = MLPRegressor((), l1=0.01, **{**STANDING, "l2": 0.04})
    network.fit(np.eye(2), np.zeros((2, 2)), coef_init=[np.array([[1.0, -2.0], [3.0, -4.0]])],
                intercept_init=[np.zeros(2)])  # fmt: skip
    assert network.history_["l1"][0] == pytest.approx(0.1, rel=1e-14)
    assert network.history_["l2"][0] == pytest.approx(0.6, rel=1e-14)
    assert network.history_["penalty"][0] == pytest.approx(0.7, rel=1e-14)


def test_largest_norms_are_those_of_incoming_weights():
    # torch.renorm(W, 2, 1, 2.0) and keras.constraints.MaxNorm(2, axis=0), but for their 1e-7.
    network = MLPRegressor((), max_norm=2.0, **STANDING)
    network.fit(np.eye(2), np.zeros((2, 2)), coef_init=[np.array([[3.0, 0.6], [4.0, -0.8]])],
                intercept_init=[np.zeros(2)])  # fmt: skip
    np.testing.assert_allclose(network.coefs_[0], [[1.2, 0.6], [1.6, -0.8]], rtol=1e-14)
