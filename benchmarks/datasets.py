"""The three data sets that the benchmarks train on."""

import functools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits, make_classification

PROJECT = Path(__file__).resolve().parents[1]


class Shape(NamedTuple):
    """Rows, columns and classes of a data set."""

    n_rows: int
    n_features: int
    n_classes: int

    @property
    def n_outputs(self):
        """Outputs of a network for it: one logistic unit where two classes are told apart."""
        return 1 if self.n_classes == 2 else self.n_classes


SHAPES = {
    "digits": Shape(1797, 64, 10),
    "table": Shape(20_000, 20, 2),
    "images": Shape(60_000, 784, 10),
}


def load(name, dtype, n_rows=None):
    """Return the first rows of a data set.

    Parameters
    ----------
    name : {"digits", "table", "images"}
    dtype : str
        Type of X.
    n_rows : int or None
        How many rows to keep; all by default.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features), C-contiguous
    y : int64 ndarray of shape (n_rows,)
    """
    X, y = _LOADERS[name]()
    return np.ascontiguousarray(X[:n_rows], dtype=dtype), y[:n_rows].astype(np.int64)


def images_archive():
    """Return where Fashion-MNIST is looked for: the folder SKREG_DATA, else one beside us."""
    folder = os.environ.get("SKREG_DATA", PROJECT.parent / "shared" / "data")
    return Path(folder) / "fashion_mnist.npz"


def images_source():
    """Return a word on what stands behind the data set ``images``."""
    if images_archive().exists():
        return "Fashion-MNIST"
    return f"synthetic rows of Fashion-MNIST's shape ({images_archive()} does not exist)"


def _digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def _table():
    shape = SHAPES["table"]
    return make_classification(shape.n_rows, shape.n_features, n_informative=10, random_state=0)


# The archive takes a second to unpack and is asked for by several rows of each run.
@functools.cache
def _images():
    if not images_archive().exists():
        return _synthetic_images()
    archive = np.load(images_archive())
    X = archive["X_train"].reshape(SHAPES["images"].n_rows, -1)
    return X.astype(np.float32) / np.float32(255), archive["y_train"]


def _synthetic_images():
    """Draw pixels around one random picture per class."""
    shape, rng = SHAPES["images"], np.random.default_rng(0)
    y = rng.integers(shape.n_classes, size=shape.n_rows)
    pictures = rng.random((shape.n_classes, shape.n_features), dtype=np.float32)
    noise = rng.random((shape.n_rows, shape.n_features), dtype=np.float32)
    return (pictures[y] + noise) / 2, y


_LOADERS = {"digits": _digits, "table": _table, "images": _images}
