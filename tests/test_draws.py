"""Monte-Carlo dropout: variance in closed form, masks against NumPy, seeds, threads, shapes."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from skreg import MLPClassifier, MLPRegressor, _draws
from skreg._kernels.job import COLUMNS, SPARSE
from skreg._kernels.random import bits, halves, mix
from tests.kernels.engines import JIT

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
Y = X[:, 0] - 2 * X[:, 1] + 0.5
OUTPUTS = np.c_[Y, -Y, Y**2]
N_DRAWS = 20_000 if JIT else 2_000
TOLERANCE = 6 * np.sqrt(2 / N_DRAWS)  # six standard errors of a variance of normal draws


def make(Estimator=MLPRegressor, y=Y, X=X, **parameters):
    """Return an estimator fitted for a moment: what it has learned does not matter."""
    defaults = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0, "dropout": 0.3}
    return Estimator(**{**defaults, **parameters}).fit(X, y)


def hidden_values(model, X):
    """Return the last hidden layer of a network of identities."""
    for coef, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        X = X @ coef + intercept
    return X


@pytest.mark.parametrize("dtype, p", [(np.float64, 0.3), (np.float32, 0.3), (np.float64, 0.8)])
def test_variance_of_hidden_dropout_on_a_linear_network(dtype, p):
    x = X[:3].astype(dtype)
    model = make(X=X.astype(dtype), activation="identity", dropout=p)
    mean, std = model.predict(x, return_std=True, n_draws=N_DRAWS)
    values = hidden_values(model, x)
    variance = (values**2 @ model.coefs_[1] ** 2).ravel() * p / (1 - p)
    assert_allclose(std**2, variance, rtol=TOLERANCE)
    assert (abs(mean - model.predict(x)) < 5 * np.sqrt(variance / N_DRAWS)).all()
    assert mean.dtype == std.dtype == dtype


def test_variance_of_input_dropout_on_a_linear_network():
    p, x = 0.4, X[:3]
    model = make(y=OUTPUTS, activation="identity", dropout=0.0, input_dropout=p)
    mean, std = model.predict(x, return_std=True, n_draws=N_DRAWS)
    slopes = model.coefs_[0] @ model.coefs_[1]
    variance = x**2 @ slopes**2 * p / (1 - p)
    assert_allclose(std**2, variance, rtol=TOLERANCE)
    assert (abs(mean - model.predict(x)) < 5 * np.sqrt(variance / N_DRAWS)).all()


def test_variance_with_one_rate_per_layer():
    p, x = 0.25, X[:3]
    model = make(hidden_layer_sizes=(4, 7), activation="identity", dropout=[0.0, p])
    draws = model.sample_predictions(x, n_draws=N_DRAWS)[:, :, 0]
    variance = (hidden_values(model, x) ** 2 @ model.coefs_[2] ** 2).ravel() * p / (1 - p)
    assert_allclose(draws.var(axis=0), variance, rtol=TOLERANCE)
    # Rows of a draw are independent of one another.
    assert (abs(np.corrcoef(draws.T)[np.triu_indices(3, 1)]) < 6 / np.sqrt(N_DRAWS)).all()


def mask(seed, number, level, row, shape_and_rate):
    """Return the factors of a row of a chunk, as the kernels define them."""
    n_units, rate = shape_and_rate
    key = np.uint64(seed)
    for coordinate in (number, level, row):
        key = np.uint64(mix(key, coordinate))
    low, high = map(np.uint32, halves(key))
    drawn = np.array([bits(low, high, j) for j in range(n_units)])
    return (drawn >= rate * 2.0**32) / (1 - rate)


def draws_by_numpy(model, x, n_draws, seed):
    """Return what one block of draws is, row by row."""
    chunk = min(256, n_draws * len(x))
    out = []
    for at in range(n_draws * len(x)):
        number, row = divmod(at, chunk)
        values = x[at % len(x)] * mask(seed, number, 0, row, (x.shape[1], model.input_dropout))
        values = np.tanh(values @ model.coefs_[0] + model.intercepts_[0])
        values = values * mask(seed, number, 1, row, (6, model.dropout))
        out.append(values @ model.coefs_[1] + model.intercepts_[1])
    return np.reshape(out, (n_draws, len(x), -1))


@pytest.mark.parametrize("n_rows, n_draws", [(3, 4), (40, 20)])
def test_draws_are_those_of_numpy(n_rows, n_draws):
    model = make(y=OUTPUTS, activation="tanh", input_dropout=0.2)
    seed = np.random.RandomState(5).randint(2**32, dtype=np.uint32)
    expected = draws_by_numpy(model, X[:n_rows], n_draws, seed)
    found = model.sample_predictions(X[:n_rows], n_draws, random_state=5)
    assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_change_no_bit(n_threads):
    model = make(y=OUTPUTS, input_dropout=0.2)
    alone = model.set_params(n_jobs=1).sample_predictions(X, 30)
    together = model.set_params(n_jobs=n_threads).sample_predictions(X, 30)
    assert_array_equal(alone, together)


@pytest.mark.parametrize("block", [2**21, 100, 1])
def test_no_two_draws_share_a_mask(block, monkeypatch):
    monkeypatch.setattr(_draws, "BLOCK_OUTPUTS", block)
    model = make(hidden_layer_sizes=(64,), activation="identity", dropout=0.5)
    same = np.repeat(X[:1], 70, axis=0)
    draws = model.sample_predictions(same, 9)
    assert draws.shape == (9, 70, 1)
    assert np.unique(draws.round(12)).size == draws.size


def test_blocks_of_rows_are_put_together_in_order(monkeypatch):
    model = make(y=OUTPUTS, dropout=1e-12)  # too seldom for 32 bits to show
    monkeypatch.setattr(_draws, "BLOCK_OUTPUTS", 84)  # 7 rows of 4 draws of 3 outputs
    draws = model.sample_predictions(X, 4)
    assert_allclose(draws, np.broadcast_to(model.predict(X), draws.shape), rtol=1e-8)
    assert_allclose(model.predict(X, return_std=True)[0], model.predict(X), rtol=1e-8)


def test_seeds():
    model = make()
    draws = model.sample_predictions(X, 5, random_state=1)
    assert_array_equal(draws, model.sample_predictions(X, 5, random_state=1))
    assert not np.array_equal(draws, model.sample_predictions(X, 5, random_state=2))
    own = model.sample_predictions(X, 5)
    assert_array_equal(own, model.sample_predictions(X, 5, random_state=model.random_state))
    assert_array_equal(own.mean(axis=0).ravel(), model.predict(X, return_std=True, n_draws=5)[0])
    state = np.random.RandomState(1)
    assert_array_equal(draws, model.sample_predictions(X, 5, random_state=state))
    assert not np.array_equal(draws, model.sample_predictions(X, 5, random_state=state))
    model.set_params(random_state=None)
    assert not np.array_equal(model.sample_predictions(X, 5), model.sample_predictions(X, 5))


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array, sp.csr_matrix])
def test_sparse_rows_have_the_same_draws(container):
    dense = np.where(RNG.random(X.shape) < 0.8, 0, X)
    dense[7] = 1  # one full row, which a chunk of draws repeats
    model = make(X=dense, input_dropout=0.3, hidden_layer_sizes=(9,))
    for rows, n_draws in (([7], 300), (slice(None), 20)):
        found = model.sample_predictions(container(dense[rows]), n_draws)
        expected = model.sample_predictions(dense[rows], n_draws)
        assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_later_blocks_of_sparse_rows_may_be_fuller_than_the_first(monkeypatch):
    original, rooms = _draws._make_room, []

    def make_room(engine, *given):
        original(engine, *given)
        rooms.append([engine.table.arrays[slot].size for slot in (SPARSE, COLUMNS)])

    monkeypatch.setattr(_draws, "_make_room", make_room)
    monkeypatch.setattr(_draws, "BLOCK_OUTPUTS", 80)  # 4 rows of 20 draws
    rows = np.where(np.arange(40)[:, None] < 36, 0, X)
    model = make(X=rows, input_dropout=0.3)
    found = model.sample_predictions(sp.csr_array(rows), 20)
    assert_allclose(found, model.sample_predictions(rows, 20), rtol=1e-12, atol=1e-14)
    assert min(rooms[0]) >= 20 * rows[36:].size


@pytest.mark.parametrize("order", ["C", "F"])
def test_single_precision_stays_single(order):
    rows = np.asarray(X, np.float32, order=order)
    model = make(X=rows)
    draws = model.sample_predictions(rows, 50)
    mean, std = model.predict(rows, return_std=True, n_draws=50)
    assert draws.dtype == mean.dtype == std.dtype == np.float32
    assert_allclose(mean, draws.astype(float).mean(axis=0).ravel(), rtol=1e-6)
    assert_allclose(std, draws.astype(float).std(axis=0).ravel(), rtol=1e-6)


def test_shapes_of_a_regressor():
    model = make(y=OUTPUTS)
    draws = model.sample_predictions(X, 7)
    mean, std = model.predict(X, return_std=True, n_draws=7)
    assert draws.shape == (7, 40, 3) and mean.shape == std.shape == (40, 3)
    assert_allclose(mean, draws.mean(axis=0), rtol=1e-12)
    assert_allclose(std, draws.std(axis=0), rtol=1e-12)
    single = make()
    assert single.sample_predictions(X, 7).shape == (7, 40, 1)
    assert [part.shape for part in single.predict(X, return_std=True)] == [(40,), (40,)]


def test_draws_stand_behind_the_link():
    model = make(y=np.abs(Y), loss="poisson")
    assert (model.sample_predictions(X, 20) > 0).all()
    mean = model.predict(X, return_std=True, n_draws=20)[0]
    assert_allclose(mean, model.sample_predictions(X, 20).mean(axis=0).ravel(), rtol=1e-12)


LABELS = {
    "binary": (Y > 0.5, 2),
    "multiclass": (np.digitize(Y, [-1, 1]), 3),
    "multilabel": (np.c_[Y > 0, Y > 1, Y > 2, Y > 3].astype(int), 4),
    "one class": (np.ones(40), 1),
}


@pytest.mark.parametrize("kind", LABELS)
def test_probabilities_of_a_classifier(kind):
    y, n_columns = LABELS[kind]
    model = make(MLPClassifier, y, activation="tanh", max_iter=30)
    n_draws = 400 if JIT else 80
    draws = model.sample_predictions(X, n_draws)
    assert draws.shape == (n_draws, 40, n_columns)
    assert (draws >= 0).all() and (draws <= 1).all()
    if kind != "multilabel":
        assert_allclose(draws.sum(axis=2), 1, rtol=1e-12)
    mean = model.predict_proba(X, n_draws)
    assert_allclose(mean, draws.mean(axis=0), rtol=1e-12)
    assert_allclose(mean, model.predict_proba(X), atol=0.1)
    if kind != "one class":
        assert draws.std(axis=0).min() > 1e-4
        assert not np.array_equal(mean, model.predict_proba(X, n_draws, random_state=1))


def test_small_probabilities_of_two_classes_are_not_rounded():
    model = make(MLPClassifier, Y > 0.5)
    model.intercepts_[-1][:] = 60
    draws = model.sample_predictions(X, 5)
    assert (draws[:, :, 0] > 0).all() and (draws[:, :, 0] < 1e-20).all()


def test_nothing_to_drop_is_an_error():
    with pytest.raises(ValueError, match=r"dropout=0.0 and input_dropout=0.0 drop nothing"):
        make(dropout=0.0).sample_predictions(X)
    model = make(dropout=0.5, hidden_layer_sizes=())  # which has no unit to drop
    with pytest.raises(ValueError, match="input_dropout"):
        model.predict(X, return_std=True)
    model = make(MLPClassifier, Y > 0.5, dropout=0.0)
    with pytest.raises(ValueError, match="drop nothing"):
        model.predict_proba(X, n_draws=3)
    assert model.set_params(dropout=0.1).predict_proba(X, n_draws=3).shape == (40, 2)


@pytest.mark.parametrize("n_draws", [0, -1, 2.0, True, "many"])
def test_a_wrong_number_of_draws(n_draws):
    with pytest.raises(ValueError, match=r"n_draws=.* at least 1"):
        make().sample_predictions(X, n_draws=n_draws)


def test_rows_are_checked():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        MLPRegressor(dropout=0.5).sample_predictions(X)
    with pytest.raises(NotFittedError):
        MLPClassifier(dropout=0.5).predict_proba(X, n_draws=3)
    with pytest.raises(ValueError, match="3 features"):
        make().sample_predictions(X[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        make().predict(np.full((1, 5), np.nan), return_std=True)


def test_draws_leave_the_estimator_alone():
    model = make()
    before = pickle.dumps(model)
    model.predict(X, return_std=True)
    assert pickle.dumps(model) == before
