"""Stability selection: the bound's formula, known supports, the subsamples themselves."""

import numpy as np
import pytest
import scipy.sparse as sp

from skreg import MLPRegressor, mlp_path, stability_selection
from skreg._stability import _subsamples, error_bound
from skreg.augmentation import FeatureSwap

# Older releases of scikit-learn call newer ones of SciPy in a way that these announce to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning")

INFORMATIVE = [2, 11, 29]


def draw(seed=0, n_rows=150, n_features=40):
    """Draw normal features, three of which carry the target."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    return X, X[:, INFORMATIVE] @ [1.0, -1.0, 0.8] + rng.normal(size=n_rows)


LINEAR = {"hidden_layer_sizes": (), "n_subsamples": 20, "eps": 0.3, "random_state": 0}


@pytest.fixture(scope="module")
def linear():
    return stability_selection(*draw(), **LINEAR)


def test_the_bound_by_hand():
    assert error_bound(10.0, 1000, 0.9) == pytest.approx(100 / (0.8 * 1000))
    assert error_bound(10.0, 200, 0.6) == pytest.approx(2.5)


def test_informative_features_are_found(linear):
    assert linear.stable_features.tolist() == INFORMATIVE
    assert linear.axis == "l1" and linear.threshold == 0.6
    assert linear.probabilities.shape == (10, 40)
    assert linear.max_probabilities[INFORMATIVE].min() > 0.9


def test_what_the_record_says_of_itself(linear):
    np.testing.assert_array_equal(linear.max_probabilities, linear.probabilities.max(axis=0))
    assert (np.diff(linear.strengths) > 0).all()
    np.testing.assert_allclose(linear.strengths[0] / linear.strengths[-1], 0.3)
    # A union over strengths has at least the features of the weakest.
    assert linear.probabilities[0].sum() <= linear.n_selected + 1e-9 <= 40
    assert linear.error_bound == pytest.approx(linear.n_selected**2 / (0.2 * 40))
    assert np.allclose(linear.probabilities * 20 % 1, 0)


def test_the_repr_is_one_line(linear):
    first, last = linear.strengths[[0, -1]]
    assert repr(linear) == (
        f"<StabilitySelection along l1 from {first:.3g} to {last:.3g}: n_strengths=10, "
        "n_features=40, 3 stable>"
    )


def test_probabilities_are_shares_of_subsamples(linear):
    """Count by hand, on copies of the rows."""
    X, y = draw()
    random_state, count = np.random.RandomState(0), 0
    union = []
    for _, sample in _subsamples(np.ones(150), 20, 0.5, False, random_state):
        rows = np.flatnonzero(sample)
        assert rows.size == 75
        path = mlp_path(X[rows], y[rows], l1s=linear.strengths, hidden_layer_sizes=())
        alive = np.zeros((10, 40), dtype=int)
        for place, features in enumerate(path.active_features):
            alive[place, features] = 1
        count = count + alive
        union.append(alive.any(axis=0).sum())
    np.testing.assert_allclose(linear.probabilities, count / 20, atol=1 / 20)
    assert linear.n_selected == pytest.approx(np.mean(union), abs=0.1)


@pytest.mark.slow
def test_stable_noise_stays_under_the_bound():
    n_wrong, bounds = [], []
    for seed in range(3):
        selection = stability_selection(*draw(seed), **LINEAR | {"eps": 0.2})
        n_wrong.append(len(set(selection.stable_features.tolist()) - set(INFORMATIVE)))
        bounds.append(selection.error_bound)
    assert np.mean(n_wrong) <= np.mean(bounds)
    assert max(n_wrong) > 0  # so that the bound had something to bound


def test_any_number_of_threads_finds_the_same():
    given = LINEAR | {"n_subsamples": 6}
    one, two = (stability_selection(*draw(), **given, n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    assert one.n_selected == two.n_selected


def test_the_seed_decides():
    few = LINEAR | {"n_subsamples": 4}
    first, other = (stability_selection(*draw(), **few | {"random_state": s}) for s in (0, 1))
    assert (other.probabilities != first.probabilities).any()


def test_networks_find_features_that_bend_the_target():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 10))
    y = np.tanh(2 * X[:, 4]) - 2 * np.maximum(X[:, 7], 0) + 0.3 * rng.normal(size=300)
    network = {"hidden_layer_sizes": (8,), "max_iter": 60, "batch_size": 50, "n_subsamples": 5}
    selections = [
        stability_selection(X, y, group_l1s=[0.02, 0.03, 0.05], random_state=0, n_jobs=n_jobs,
                            **network)
        for n_jobs in (1, 2)
    ]  # fmt: skip
    assert selections[0].stable_features.tolist() == [4, 7]
    assert selections[0].max_probabilities[[4, 7]].min() == 1.0
    assert selections[0].axis == "group_l1"
    np.testing.assert_array_equal(selections[0].probabilities, selections[1].probabilities)


def test_classes_that_a_subsample_misses():
    X = draw(n_rows=60)[0]
    y = np.r_[np.zeros(30), np.ones(29), 2].astype(int)
    selection = stability_selection(X, y, **LINEAR | {"n_subsamples": 4})
    assert selection.probabilities.shape == (10, 40)


# Subsamples.


def test_subsamples_have_the_weights_of_their_rows():
    weight = np.arange(21.0)
    for seed, sample in _subsamples(weight, 5, 0.4, False, np.random.RandomState(0)):
        chosen = np.flatnonzero(sample)
        assert chosen.size == 8 and 0 <= seed < 2**31  # a row of weight zero does not count
        np.testing.assert_array_equal(sample[chosen], weight[chosen])


def test_complementary_pairs_share_no_row():
    samples = [s for _, s in _subsamples(np.ones(21), 6, 0.5, True, np.random.RandomState(0))]
    for first, second in zip(samples[::2], samples[1::2], strict=True):
        assert first.sum() == second.sum() == 10
        assert not (first * second).any()
    assert (samples[0] != samples[2]).any()


def test_complementary_pairs_find_the_features():
    selection = stability_selection(*draw(), complementary_pairs=True, **LINEAR)
    assert selection.stable_features.tolist() == INFORMATIVE


def test_sample_weights_leave_rows_out():
    X, y = draw()
    y[:50] = X[:50, 5] * 30  # rows that would say something else
    weight = np.r_[np.zeros(50), np.ones(100)]
    selection = stability_selection(X, y, sample_weight=weight, **LINEAR)
    assert selection.stable_features.tolist() == INFORMATIVE


# Data and parameters.


def test_sparse_rows(linear):
    X, y = draw()
    sparse = stability_selection(sp.csr_matrix(X), y, **LINEAR)
    np.testing.assert_allclose(sparse.probabilities, linear.probabilities, atol=1 / 20)


def test_frames_of_sparse_bools_leave_the_weights_what_they_are():
    pandas, rng = pytest.importorskip("pandas"), np.random.default_rng(0)
    X = rng.normal(size=(60, 4)) > 0
    y, weight = X[:, 0] + 0.3 * rng.normal(size=60), rng.uniform(0, 1, 60)
    dense = pandas.DataFrame(X.astype(float), columns=list("abcd"))
    sparse = dense.astype(bool).astype(pandas.SparseDtype("bool", False))
    given = {"l1s": [0.3, 0.1], "n_subsamples": 6, "random_state": 0, "sample_weight": weight}
    estimator = MLPRegressor((), solver="lbfgs")
    found, expected = (
        stability_selection(rows, y, estimator=estimator, **given).probabilities
        for rows in (sparse, dense)
    )
    np.testing.assert_array_equal(found, expected)


def test_frames_and_groups_by_name():
    pd = pytest.importorskip("pandas")
    X, y = draw()
    frame = pd.DataFrame(X[:, :8], columns=[f"x{i}" for i in range(8)])
    network = MLPRegressor((), learning_rate="cosine", learning_rate_init=0.05, max_iter=30,
                           feature_groups=[["x2", "x5"]], l2=0.0, batch_size=40)  # fmt: skip
    selection = stability_selection(
        frame, pd.Series(y), estimator=network, group_l1s=[0.2], n_subsamples=2, random_state=0
    )
    probabilities = selection.probabilities[0]
    assert probabilities[2] == probabilities[5] > probabilities[6]
    assert network.feature_groups == [["x2", "x5"]]


def test_frames_and_groups_of_a_transform_by_name():
    pd = pytest.importorskip("pandas")
    X, y = draw()
    frame = pd.DataFrame(X[:, :8], columns=[f"x{i}" for i in range(8)])
    named, numbered = FeatureSwap(0.5, [["x2", "x5"]]), FeatureSwap(0.5, [[2, 5]])
    given = {"l1s": [0.1], "max_iter": 5, "n_subsamples": 2, "random_state": 0}
    found, expected = (
        stability_selection(rows, y, augmentation=transforms, learning_rate_init=0.05, **given)
        for rows, transforms in [(frame, [named]), (X[:, :8], [numbered])]
    )
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert named.feature_groups == [["x2", "x5"]]


def test_large_fractions_have_no_bound():
    selection = stability_selection(
        *draw(), **LINEAR | {"n_subsamples": 4}, l1s=[0.3], sample_fraction=0.8
    )
    assert np.isnan(selection.error_bound)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"l1s": 3, "group_l1s": 3}, "l1s and group_l1s were given"),
        ({"n_subsamples": 0}, "n_subsamples=0 must be an integer of at least 1"),
        ({"n_subsamples": True}, "n_subsamples=True must be an integer"),
        ({"complementary_pairs": "x"}, "complementary_pairs='x' must be True or False"),
        ({"n_jobs": 0}, "n_jobs=0 must be None or an integer other than 0"),
        ({"n_jobs": "a"}, "n_jobs='a' must be None or an integer other than 0"),
        ({"solver": "lbfgs", "group_l1s": [0.1]}, "group_l1s=.* needs the steps"),
        ({"sample_fraction": 1.0}, r"sample_fraction=1.0 must be in \(0, 1\)"),
        ({"threshold": 0.5}, r"threshold=0.5 must be in \(0.5, 1\]"),
        ({"complementary_pairs": True, "n_subsamples": 7}, "needs an even n_subsamples.* 7 and"),
        ({"complementary_pairs": True, "sample_fraction": 0.7}, "at most 0.5, but they are"),
        ({"sample_weight": -np.ones(150)}, "sample_weight"),
        ({"sample_weight": np.zeros(150)}, "sample_weight has .*not every row"),
        ({"sample_weight": np.ones(3)}, "inconsistent numbers of samples"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        stability_selection(*draw(), **arguments)
