"""The public transforms: samples, parameters, errors, and what they do inside a fit."""

import pickle

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, StandardScaler

from skreg import MLPClassifier, MLPClassifierCV, MLPRegressor, augmentation
from skreg._augmenting import beta_quantiles
from skreg._kernels import batch
from skreg.augmentation import (
    Adversarial,
    CutOut,
    FeatureSwap,
    GaussianNoise,
    ImageTransform,
    Mixup,
    Transform,
    mixes_targets,
    plan_augmentation,
)

JIT = not numba.config.DISABLE_JIT
DTYPES = (np.float32, np.float64)
TRANSFORMS = {
    "GaussianNoise": GaussianNoise(0.3),
    "Mixup": Mixup(0.5),
    "FeatureSwap": FeatureSwap(0.2, [[0, 1], [5, 7, 9]]),
    "ImageTransform": ImageTransform((3, 4), rotation=30, zoom=0.2, shift=(0, 1), shear=5),
    "CutOut": CutOut((2, 3, 2), 1),
    "Adversarial": Adversarial(0.05),
}
SAMPLED = {name: t for name, t in TRANSFORMS.items() if name != "Adversarial"}


def rows_of(n_rows=40, n_features=12, dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features)).astype(dtype)
    return X, X[:, 0] - 2 * X[:, 1]


# Samples.


def test_every_public_transform_is_tested_here():
    assert {*TRANSFORMS, "Transform"} == set(augmentation.__all__)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SAMPLED)
def test_samples_repeat_and_leave_the_rows_alone(name, dtype):
    transform, (X, y) = SAMPLED[name], rows_of(dtype=dtype)
    kept = X.copy(), y.copy()
    X.flags.writeable = y.flags.writeable = False
    first, again, other = (transform.sample(X, random_state=seed) for seed in (0, 0, 1))
    assert first.dtype == dtype and first.shape == X.shape
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and (first != X).any()
    np.testing.assert_array_equal(transform.sample(X, y)[0], first)
    for given, before in zip((X, y), kept, strict=True):
        np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("name", SAMPLED)
def test_rows_may_be_lists_fortran_ordered_or_integers(name):
    X = np.arange(48).reshape(4, 12)
    expected = SAMPLED[name].sample(X.astype(float))
    for given in (X, X.tolist(), np.asfortranarray(X, dtype=float)):
        np.testing.assert_array_equal(SAMPLED[name].sample(given), expected)


@pytest.mark.parametrize("name", SAMPLED)
def test_targets_stay_but_for_mixup(name):
    X, y = rows_of()
    both = np.stack([y, -y], axis=1)
    for target in (y, both, (y > 0).astype(int)):
        _, found = SAMPLED[name].sample(X, target)
        assert found.shape == target.shape
        assert (found is target) == (name != "Mixup")
    if name == "Mixup":
        X_new, found = SAMPLED[name].sample(X, both)
        np.testing.assert_allclose(found[:, 0], X_new[:, 0] - 2 * X_new[:, 1], atol=1e-14)
        np.testing.assert_allclose(found[:, 1], -found[:, 0], atol=1e-14)
    else:
        labels = np.where(y > 0, "yes", "no")
        assert SAMPLED[name].sample(X, labels)[1] is labels


def test_mixup_of_labels_asks_for_probabilities():
    X, y = rows_of()
    labels = np.where(y > 0, "yes", np.where(y > -1, "perhaps", "no"))
    with pytest.raises(ValueError, match=r"y holds labels such as '(yes|no|perhaps)'; one-hot"):
        Mixup().sample(X, labels)
    X_new, mixed = Mixup(1.0).sample(X, LabelBinarizer().fit_transform(labels))
    assert mixed.shape == (40, 3)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, rtol=1e-14)
    assert (mixed.max(axis=1) < 1).any()
    np.testing.assert_array_equal(X_new, Mixup(1.0).sample(X))


def test_columns_may_be_called_by_name():
    pd = pytest.importorskip("pandas")
    X, _ = rows_of(n_features=4)
    frame = pd.DataFrame(X, columns=list("abcd"))
    by_name = FeatureSwap(0.5, [["b", "d"]]).sample(frame)
    np.testing.assert_array_equal(by_name, FeatureSwap(0.5, [[1, 3]]).sample(X))
    beside, y = FeatureSwap(0.5, [["b", "d"]]).sample(frame, np.arange(len(X)))
    np.testing.assert_array_equal(by_name, beside)
    np.testing.assert_array_equal(y, np.arange(len(X)))
    assert ((by_name[:, 1] != X[:, 1]) == (by_name[:, 3] != X[:, 3])).all()
    with pytest.raises(ValueError, match="feature_groups names an unknown column 'e'"):
        FeatureSwap(0.5, [["b", "e"]]).sample(frame)


@pytest.mark.parametrize("rate", (1e-30, 1e-40, 1e-310, 5e-324))
def test_a_rate_near_zero_swaps_nothing(rate):
    X = np.random.default_rng(0).normal(size=(1000, 40)).astype(np.float32)
    for seed in range(20):
        np.testing.assert_array_equal(FeatureSwap(rate).sample(X, random_state=seed), X)
    X = np.zeros((100_000, 5), np.float32)  # there, one of its draws is the largest, 1
    assert not FeatureSwap(rate).sample(X, random_state=841).any()


def test_image_transforms_do_what_they_say():
    X = np.arange(1.0, 13).reshape(1, 12)
    image = X.reshape(3, 4)
    mirrored = ImageTransform((3, 4), flip_horizontal=True)
    upside_down = ImageTransform((3, 4), flip_vertical=True)
    for transform, flipped in ((mirrored, image[:, ::-1]), (upside_down, image[::-1])):
        seen = {transform.sample(X, random_state=seed).tobytes() for seed in range(20)}
        assert seen == {X.tobytes(), flipped.tobytes()}
    np.testing.assert_array_equal(ImageTransform((3, 4)).sample(X), X)
    # Only sideways, by less than a pixel, with a fill that shows at one side.
    moved = ImageTransform((3, 4), shift=(0, 1), fill=100).sample(np.ones((200, 12)))
    by_image = moved.reshape(200, 3, 4)
    np.testing.assert_allclose(by_image[:, 0], by_image[:, 2])
    np.testing.assert_allclose(by_image[:, :, 1:3], 1)
    assert ((by_image[:, 0, 0] > 1) != (by_image[:, 0, 3] > 1)).all()
    assert by_image.min() >= 1 and by_image.max() > 90


@pytest.mark.parametrize("size", [7, 8, 10**18, 10**30])
def test_squares_larger_than_an_image_leave_nothing(size):
    assert not CutOut((3, 4), size).sample(np.ones((50, 12))).any()


def test_what_is_turned_off_changes_nothing():
    X, y = rows_of()
    off = (GaussianNoise(0), Mixup(0), FeatureSwap(0), CutOut((3, 4), 0), ImageTransform((3, 4)))
    for transform in (*off, ImageTransform((3, 4), shift=(0, 0.0), fill=7)):
        X_new, y_new = transform.sample(X, y)
        np.testing.assert_array_equal(X_new, X)
        np.testing.assert_array_equal(y_new, y)
        assert X_new is not X
        assert plan_augmentation([transform], 12) is None
    assert plan_augmentation(None, 12) is None and plan_augmentation([], 12) is None
    for on in ({"rotation": 1}, {"zoom": 0.1}, {"shift": (0, 1)}, {"shear": 1}, {"shift": 0.5},
               {"flip_horizontal": True}, {"flip_vertical": True}):  # fmt: skip
        assert plan_augmentation([ImageTransform((3, 4), **on)], 12) is not None


@pytest.mark.parametrize("given", [GaussianNoise(0), [Mixup(0), FeatureSwap(0)], (Adversarial(0),),
                                   [CutOut((3, 4), 0), ImageTransform((3, 4))]])  # fmt: skip
@pytest.mark.parametrize("solver, rows", [("lbfgs", np.asarray), ("adam", sp.csr_array)])
def test_what_is_turned_off_is_not_refused(given, solver, rows):
    X, y = rows_of()
    plain = MLPRegressor((3,), solver=solver, max_iter=3, random_state=0)
    network = clone(plain).set_params(augmentation=given).fit(rows(X), y)
    np.testing.assert_array_equal(network.coefs_[0], plain.fit(rows(X), y).coefs_[0])


@pytest.mark.parametrize("given", [GaussianNoise(), [Mixup(0), FeatureSwap()],
                                   ImageTransform((3, 4), zoom=0.1)])  # fmt: skip
def test_what_is_turned_on_needs_dense_batches(given):
    X, y = rows_of()
    with pytest.raises(ValueError, match="augmentation=.* needs dense rows, but X is sparse"):
        MLPRegressor((3,), augmentation=given).fit(sp.csr_array(X), y)
    with pytest.raises(ValueError, match="augmentation=.* changes every mini-batch, but solver="):
        MLPRegressor((3,), augmentation=given, solver="lbfgs").fit(X, y)
    with pytest.raises(ValueError, match="'scale' parameter of GaussianNoise"):
        MLPRegressor((3,), augmentation=GaussianNoise("a"), solver="lbfgs").fit(X, y)


def test_quantiles_of_the_beta_law():
    table = beta_quantiles(1.0)
    np.testing.assert_allclose(table[1:-1], np.arange(1, 4096) / 4096, rtol=1e-12)
    assert table[0] == pytest.approx(0.25 / 4096) and table[-1] == pytest.approx(1 - 0.25 / 4096)
    assert 0.4 < beta_quantiles(1000.0)[0] < 0.5


# Parameters.


@pytest.mark.parametrize("name", TRANSFORMS)
def test_parameter_protocol(name):
    transform = TRANSFORMS[name]
    assert isinstance(transform, Transform)
    for copy in (clone(transform), pickle.loads(pickle.dumps(transform))):
        assert copy is not transform
        assert copy.get_params() == transform.get_params()
        assert repr(copy) == repr(transform)
    assert repr(GaussianNoise(scale=0.3)) == "GaussianNoise(scale=0.3)"
    first, *_ = transform.get_params()
    assert transform.__class__(**transform.get_params()).get_params()[first] is not None


def test_parameters_are_searched_through_the_estimator():
    X, y = rows_of()
    network = MLPRegressor((3,), max_iter=3, augmentation=GaussianNoise(0.1), random_state=0)
    assert network.get_params()["augmentation__scale"] == 0.1
    network.set_params(augmentation__scale=0.4)
    assert network.augmentation.scale == 0.4
    assert clone(network).augmentation.scale == 0.4
    search = GridSearchCV(network, {"augmentation__scale": [0.0, 10.0]}, cv=2).fit(X, y)
    first, second = search.cv_results_["mean_test_score"]
    assert first != second
    choices = {"augmentation": [None, Mixup(0.2), [GaussianNoise(0.1), Mixup(0.2)]]}
    assert len(GridSearchCV(network, choices, cv=2).fit(X, y).cv_results_["params"]) == 3


BAD_PARAMETERS = [
    (GaussianNoise(-1), "'scale' parameter of GaussianNoise .* Got -1"),
    (GaussianNoise("much"), "'scale' parameter of GaussianNoise .* Got 'much'"),
    (GaussianNoise(np.inf), "'scale' parameter of GaussianNoise"),
    (Mixup(-0.1), "'alpha' parameter of Mixup"),
    (FeatureSwap(1.1), "'rate' parameter of FeatureSwap .* Got 1.1"),
    (FeatureSwap(0.5, [[0, 12]]), "feature_groups names a column 12, but X has 12 features"),
    (FeatureSwap(0.5, [[0, 1], [1]]), "names the column 1 twice"),
    (FeatureSwap(0.5, [["a"]]), "unknown column 'a'; X has no column names"),
    (Adversarial(-1), "'epsilon' parameter of Adversarial"),
    (CutOut((3, 4), 1.5), "'size' parameter of CutOut"),
    (CutOut((3, 5)), r"image_shape=\(3, 5\) of CutOut stands for 15 numbers, but X has 12"),
    (CutOut(12), "'image_shape' parameter of CutOut"),
    (ImageTransform((3, 4, 1, 1)), r"image_shape=\(3, 4, 1, 1\) of ImageTransform must be"),
    (ImageTransform((3, 4.0)), r"image_shape=\(3, 4.0\) of ImageTransform must be"),
    (ImageTransform((12, 0)), "in numbers of at least 1"),
    (ImageTransform((3, 4), rotation=181), "'rotation' parameter of ImageTransform"),
    (ImageTransform((3, 4), zoom=1), "'zoom' parameter of ImageTransform"),
    (ImageTransform((3, 4), shear=90), "'shear' parameter of ImageTransform"),
    (ImageTransform((3, 4), shift=-1), "'shift' parameter of ImageTransform"),
    (ImageTransform((3, 4), shift=(1, -1)), r"shift=\(1, -1\) of ImageTransform must be"),
    (ImageTransform((3, 4), shift=(1, 2, 3)), r"shift=\(1, 2, 3\) of ImageTransform must be"),
    (ImageTransform((3, 4), fill=np.nan), "'fill' parameter of ImageTransform"),
    (ImageTransform((3, 4), flip_vertical="yes"), "'flip_vertical' parameter"),
    ([GaussianNoise(), 0.1], "holds 0.1, which is not a transform; give objects of skreg.augm"),
    ([GaussianNoise], "which is not a transform"),
    (Transform(), "holds Transform[(][)], which is not a transform; give objects of skreg.augm"),
    ([Adversarial(), Mixup()], r"goes on after Adversarial\(\).* put it last, and only once"),
    ([Adversarial(), Adversarial()], "put it last, and only once"),
]


@pytest.mark.parametrize(("given", "message"), BAD_PARAMETERS, ids=lambda part: str(part)[:40])
def test_errors_name_what_is_wrong(given, message):
    with pytest.raises(ValueError, match=message):
        plan_augmentation(given, 12)
    X, y = rows_of()
    with pytest.raises(ValueError, match=message):
        MLPRegressor((2,), augmentation=given).fit(X, y)


def test_which_lists_mix_targets():
    for mixing in (Mixup(), [GaussianNoise(), Mixup(0.1)], (Mixup(),)):
        assert mixes_targets(mixing)
    for plain in (None, [], GaussianNoise(), [FeatureSwap(), CutOut((3, 4))], Mixup(0)):
        assert not mixes_targets(plain)


def test_plans_hold_tables_one_after_the_other():
    plan = plan_augmentation([Mixup(0.3), GaussianNoise(2.0), Mixup(7.0)], 12)
    assert plan.transforms[:, :2].tolist() == [[batch.MIXUP, 0], [batch.GAUSSIAN_NOISE, 2.0],
                                               [batch.MIXUP, 4097]]  # fmt: skip
    np.testing.assert_array_equal(plan.tables, [*beta_quantiles(0.3), *beta_quantiles(7.0)])


def test_plans_of_images_are_in_pixels_and_radians():
    transform = ImageTransform((2, 3, 2), rotation=90, zoom=0.2, shift=(1, 2.5), shear=30,
                               flip_horizontal=True, fill=-1)  # fmt: skip
    expected = [batch.IMAGE_TRANSFORM, 2, 2, np.pi / 2, 0.2, np.pi / 6, 1, 2.5, 2, -1]
    plan = plan_augmentation(transform, 12)
    np.testing.assert_allclose(plan.transforms, [expected], rtol=1e-15)
    for flips in (0, 1, 2, 3):
        transform.set_params(flip_vertical=bool(flips & 1), flip_horizontal=bool(flips & 2))
        assert plan_augmentation(transform, 12).transforms[0, 8] == flips
    expected = [batch.CUT_OUT, 3, 1, 5, 0, 0, 0, 0, 0, 0]
    assert plan_augmentation(CutOut((3, 4), 5), 12).transforms.tolist() == [expected]


def test_groups_of_the_estimator_are_taken_where_none_are_given():
    groups = (np.array([0, 2]), np.array([1]), np.array([3]))
    assert plan_augmentation(FeatureSwap(), 4, groups).groups == groups
    assert plan_augmentation(FeatureSwap(feature_groups=[]), 4, groups).groups is None
    own = plan_augmentation(FeatureSwap(feature_groups=[[3, 1]]), 4, groups).groups
    assert [group.tolist() for group in own] == [[0], [1, 3], [2]]
    assert plan_augmentation(FeatureSwap(), 4).groups is None


def test_groups_of_columns_that_are_not_read_are_left_out():
    read, names = np.array([0, 2, 3]), list("abcde")
    groups = (np.array([0, 3]), np.array([1, 2]), np.array([4]))
    for given, theirs in ((None, groups), ([["a", "d"], ["c", "b"]], None)):
        plan = plan_augmentation(FeatureSwap(0.1, given), 5, theirs, names, read)
        assert [group.tolist() for group in plan.groups] == [[0, 2], [1]]
    assert plan_augmentation(FeatureSwap(0.1, [["b", "e"]]), 5, None, names, read).groups is None
    with pytest.raises(ValueError, match="names a column 5, but X has 5 features"):
        plan_augmentation(FeatureSwap(0.1, [[5]]), 5, None, names, read)


# Adversarial samples.


@pytest.mark.parametrize("dtype", DTYPES)
def test_adversarial_rows_climb_the_loss_of_a_classifier(dtype):
    X, y = rows_of(dtype=dtype)
    labels = np.where(y > 0.5, "high", np.where(y > -0.5, "middle", "low"))
    network = MLPClassifier((8,), "tanh", dropout=0.3, input_dropout=0.2, max_iter=20,
                            augmentation=[Mixup(), Adversarial(0.01)], random_state=0)  # fmt: skip
    network.fit(X, labels)
    moved, same = network.augmentation[1].sample(X, labels, estimator=network)
    assert same is labels and moved.dtype == dtype
    rounding = 2e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(abs(moved - X), 0.01, atol=rounding)
    own = network.classes_.searchsorted(labels)
    place = np.arange(len(own)), own
    loss, worse = (-np.log(network.predict_proba(rows))[place] for rows in (X, moved))
    assert (worse > loss).all()
    # Finite differences of the loss, feature by feature.
    h = 1e-2 if dtype == np.float32 else 1e-6
    for j in range(X.shape[1]):
        step = (h * (np.arange(X.shape[1]) == j)).astype(dtype)
        high, low = (-np.log(network.predict_proba(X + s * step))[place] for s in (1, -1))
        clear = abs(high - low) > (3e-4 if dtype == np.float32 else 1e-9)
        assert clear.mean() > 0.5
        np.testing.assert_array_equal(np.sign(high - low)[clear], np.sign(moved - X)[clear, j])


def test_adversarial_samples_take_labels_as_the_network_does():
    X, y = rows_of()
    labels = np.stack([y > 0, y > 1], axis=1).astype(int)
    network = MLPClassifier((3,), "tanh", max_iter=2, random_state=0).fit(X, labels)
    expected, _ = Adversarial().sample(X, labels, estimator=network)
    for same in (sp.csr_array(labels), labels.tolist()):
        np.testing.assert_array_equal(Adversarial().sample(X, same, estimator=network)[0], expected)


def test_adversarial_samples_need_a_network_and_targets():
    X, y = rows_of()
    network = MLPRegressor((3,), "tanh", max_iter=2, random_state=0).fit(X, y)
    for arguments in ((X, y), (X, None, 0)):
        with pytest.raises(ValueError, match="give y, and a fitted MLPClassifier or MLPRegressor"):
            Adversarial().sample(*arguments, estimator=None)
    with pytest.raises(ValueError, match="give y"):
        Adversarial().sample(X, estimator=network)
    with pytest.raises(TypeError, match="has no loss to move rows against; give a fitted MLPCl"):
        Adversarial().sample(X, y, estimator=make_pipeline(StandardScaler(), network))
    moved, _ = Adversarial(1e-3).sample(X, y, estimator=network)
    residual = network.predict(X) - y
    change = network.predict(moved) - network.predict(X)
    np.testing.assert_array_equal(np.sign(change), np.sign(residual))
    np.testing.assert_array_equal(Adversarial(0).sample(X, y, estimator=network)[0], X)


# Inside a fit.


@pytest.mark.usefixtures("whole_teams")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*TRANSFORMS, "all"])
def test_fits_have_the_same_bits_for_every_team(name, dtype):
    X, y = rows_of(60, dtype=dtype)
    weight = np.random.default_rng(1).integers(0, 3, 60)
    transforms = list(TRANSFORMS.values()) if name == "all" else TRANSFORMS[name]
    reached = []
    for n_jobs in (1, 2, 3) if JIT else (1,):
        network = MLPClassifier(
            (5,), batch_size=23, max_iter=3, augmentation=transforms, random_state=0, n_jobs=n_jobs
        ).fit(X, np.digitize(y, [-1, 1]), weight)
        reached.append(np.concatenate([w.ravel() for w in network.coefs_]))
    assert reached[0].dtype == dtype and np.isfinite(reached[0]).all()
    for other in reached[1:]:
        np.testing.assert_array_equal(other, reached[0])
    plain = clone(network).set_params(augmentation=None).fit(X, np.digitize(y, [-1, 1]), weight)
    assert (plain.coefs_[0] != network.coefs_[0]).any()


@pytest.mark.parametrize("labels", ("binary", "multilabel", "numbers"))
def test_mixup_of_every_kind_of_target(labels):
    X, y = rows_of(60)
    target = {"binary": y > 0, "multilabel": np.stack([y > 0, X[:, 3] > 0], axis=1) * 1,
              "numbers": y}[labels]  # fmt: skip
    Network = MLPRegressor if labels == "numbers" else MLPClassifier
    network = Network((10,), augmentation=Mixup(0.3), max_iter=200, learning_rate_init=0.02,
                      random_state=0).fit(X, target)  # fmt: skip
    assert network.score(X, target) > 0.85


@pytest.mark.skipif(not JIT, reason="too slow without the compiler")
def test_noise_on_a_linear_model_is_ridge():
    # E |(x + scale * z) w - y|**2 / 2 = |x w - y|**2 / 2 + scale**2 / 2 |w|**2 (Bishop 1995).
    X, y = rows_of(400, 3)
    X -= X.mean(axis=0)
    y = y - y.mean()
    scale = 0.8
    network = MLPRegressor((), l2=0, augmentation=GaussianNoise(scale), solver="sgd", momentum=0,
                           batch_size=400, learning_rate_init=0.3, learning_rate="cosine",
                           max_iter=400, random_state=0).fit(X, y)  # fmt: skip
    ridge = np.linalg.solve(X.T @ X / 400 + scale**2 * np.eye(3), X.T @ y / 400)
    np.testing.assert_allclose(network.coefs_[0][:, 0], ridge, atol=0.03)


def test_validation_and_prediction_see_plain_rows():
    X, y = rows_of()
    network = MLPRegressor((), augmentation=GaussianNoise(100.0), solver="sgd", momentum=0,
                           learning_rate_init=1e-12, max_iter=2, random_state=0)  # fmt: skip
    network.fit(X, y, X_val=X, y_val=y)
    expected = ((network.predict(X) - y) ** 2).mean() / 2
    assert network.history_["validation_loss"][-1] == pytest.approx(expected, rel=1e-6)
    assert network.history_["loss"][-1] > 100 * expected


@pytest.mark.skipif(not JIT, reason="too slow without the compiler")
def test_shifted_digits_are_recognized_better_by_who_has_seen_shifts():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    shifted = np.zeros((len(X), 8, 8), np.float32)
    shifted[:, :, 1:] = X.reshape(-1, 8, 8)[:, :, :-1]
    scores = []
    for transform in (None, ImageTransform((8, 8), shift=1.5)):
        network = MLPClassifier((50,), augmentation=transform, max_iter=40, random_state=0,
                                learning_rate_init=0.005).fit(X[:1200], y[:1200])  # fmt: skip
        scores.append(network.score(shifted[1200:].reshape(-1, 64), y[1200:]))
    assert scores[1] > scores[0] + 0.1


def test_samples_are_refused_in_the_words_of_their_arguments():
    X, y = rows_of(30)
    labels = np.digitize(y, [-1, 1])
    network = MLPClassifier((5,), max_iter=2, random_state=0).fit(X, labels)
    with pytest.raises(ValueError, match=r"y has labels that the network does not have: \[7"):
        Adversarial().sample(X, labels + 7, estimator=network)
    with pytest.raises(ValueError, match=r"y is sparse; give y.toarray\(\)"):
        Mixup().sample(X, sp.csr_array(np.eye(3)[labels]))
    names = np.array(["a", "b", "c"])[labels]
    np.testing.assert_array_equal(Mixup(0).sample(X, names)[1], names)  # which is turned off


def test_parameters_of_a_transform_need_a_single_one():
    for given in (None, [GaussianNoise(), Mixup()]):
        for Estimator in (MLPClassifier, MLPClassifierCV):
            with pytest.raises(ValueError, match="augmentation__scale is a parameter of one trans"):
                Estimator(augmentation=given).set_params(augmentation__scale=0.3)
    both = MLPClassifier().set_params(augmentation__scale=0.3, augmentation=GaussianNoise())
    assert both.augmentation.scale == 0.3


@pytest.mark.parametrize("transform", [ImageTransform((8, 8)), CutOut((8, 8), 0)])
def test_images_are_the_rows_also_where_nothing_is_done(transform):
    X = np.ones((6, 9))
    with pytest.raises(
        ValueError, match=r"image_shape=\(8, 8\) of .* stands for 64 numbers, but X has 9"
    ):
        MLPClassifier((2,), augmentation=transform).fit(X, [0, 1] * 3)


def test_mixup_takes_digits_as_text_for_labels():
    with pytest.raises(ValueError, match="y holds labels such as '1'; one-hot encode them"):
        Mixup().sample(np.ones((4, 2)), np.array(["1", "2", "1", "2"]))
