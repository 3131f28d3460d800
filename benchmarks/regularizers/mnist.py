"""MNIST with 1,000 training rows: what each regularizer adds to a network that fits them all.

Other 2,000 rows of the official training set choose the strengths; what counts is the official
test set of 10,000 rows. Pixels are divided by 255 and not standardized: zero is the background,
which transforms of images fill in.
"""

import numpy as np

from benchmarks.regularizers import archives
from benchmarks.regularizers.trials import PLAIN, Method, choose, fit_rounds, score
from skreg import MLPClassifier
from skreg.augmentation import (
    Adversarial,
    CutOut,
    FeatureSwap,
    GaussianNoise,
    ImageTransform,
    Mixup,
)

SHAPE = (28, 28)
N_TRAIN, N_VALID, N_OFFICIAL = 1000, 2000, 60_000
BOTH = "dropout, both"


def parameter(name):
    """Return parameters that set one of the estimator's, by its value."""
    return lambda strength: {name: strength}


def transform(Transform, *arguments):
    """Return parameters with an augmentation, by its strength."""
    return lambda strength: {"augmentation": Transform(*arguments, strength)}


def affine(strength):
    """Return parameters with rotations in degrees, that many percents of zoom, and shifts."""
    changes = {"rotation": strength, "zoom": strength / 100, "shift": strength / 7.5}
    return {"augmentation": ImageTransform(SHAPE, **changes)}


def half_dropped(strength):
    """Return parameters with half of the units and inputs dropped, and a largest norm."""
    return {"dropout": 0.5, "input_dropout": 0.5, "max_norm": strength}


METHODS = (
    Method(PLAIN, (0.0,), lambda _: {}),
    Method("l2", (3e-4, 1e-3, 3e-3), parameter("l2")),
    Method("l1", (1e-5, 3e-5, 1e-4), parameter("l1")),
    Method("group_l1", (3e-6, 1e-5, 3e-5), lambda strength: {"group_l1": (strength, 0.0)}),
    Method("max_norm", (1.0, 1.5, 2.0), parameter("max_norm")),
    Method("dropout", (0.3, 0.5, 0.7), parameter("dropout")),
    Method("input_dropout", (0.3, 0.5, 0.7), parameter("input_dropout")),
    Method(BOTH, (None,), half_dropped),
    Method(f"{BOTH}, max_norm", (1.5, 2.0, 3.0), half_dropped),
    Method("GaussianNoise", (0.2, 0.4, 0.8), transform(GaussianNoise)),
    Method("FeatureSwap", (0.1, 0.2, 0.4), transform(FeatureSwap)),
    Method("Mixup", (0.02, 0.05, 0.1), transform(Mixup)),
    Method("CutOut", (10, 14, 18), transform(CutOut, SHAPE)),
    Method("ImageTransform", (10, 15, 20), affine),
    Method("Adversarial", (0.05, 0.1, 0.2), transform(Adversarial)),
    Method("label_smoothing", (0.05, 0.1, 0.2), parameter("label_smoothing")),
    Method("weight_averaging", (0.99, 0.995, 0.999), parameter("weight_averaging")),
)


def collect(seeds):
    """Yield records of all methods."""
    if archives.present(["mnist"]):
        X, y, _ = archives.load("mnist")
        yield from compare((X / 255).astype(np.float32), y, seeds)


def compare(X, y, seeds, sizes=(N_TRAIN, N_VALID, N_OFFICIAL), methods=METHODS):
    """Yield one record per seed and method.

    Parameters
    ----------
    X : float32 ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    seeds : iterable of int
    sizes : tuple of int
        Training rows, validation rows, and rows from which both are drawn; the rest is for tests.
    methods : sequence of Method
    """
    n_train, n_valid, n_official = sizes
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(n_official)
        train, valid = order[:n_train], order[n_train : n_train + n_valid]
        parts = [(X[rows], y[rows]) for rows in (train, valid, slice(n_official, None))]
        for method in methods:
            record = {"data": "mnist", "method": method.name, "split": seed}
            yield record | run(method, parts, seed)


def run(method, parts, seed):
    """Return the test scores of a method at the strength with the best validation accuracy."""
    train, valid, test = parts
    networks = [fit_rounds(method, strength, network(seed), train) for strength in method.strengths]
    best = 0
    if len(networks) > 1:
        best = choose([score(one, *valid)["accuracy"] for one in networks], "accuracy")
    return {"strength": method.strengths[best], **score(networks[best], *test)}


def network(seed):
    """Return the network that all methods train."""
    return MLPClassifier(
        (128,), l2=0.0, learning_rate="cosine", learning_rate_init=0.01, batch_size=100,
        max_iter=100, n_iter_no_change=np.inf, random_state=seed, n_jobs=1,
    )  # fmt: skip
