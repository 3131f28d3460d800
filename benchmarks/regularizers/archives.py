"""The real data sets, where they are: in the folder SKREG_DATA, else in one beside the project."""

import sys

import numpy as np

from benchmarks import datasets


def path(name):
    """Return where the archive of a data set is looked for."""
    return datasets.images_archive().with_name(f"{name}.npz")


def load(name):
    """Return a data set as it is stored.

    Returns
    -------
    X : float64 ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    archive : mapping of arrays
        What else is known: official splits and sources.
    """
    archive = np.load(path(name))
    if "X_train" in archive:
        X = np.concatenate([archive["X_train"], archive["X_test"]])
        y = np.concatenate([archive["y_train"], archive["y_test"]])
        return X.reshape(len(X), -1).astype(np.float64), y, archive
    return archive["X"].astype(np.float64), archive["y"], archive


def present(names):
    """Return the data sets that are there; say which are skipped."""
    for name in names:
        if not path(name).exists():
            print(f"{name} is skipped: {path(name)} does not exist", file=sys.stderr)
    return [name for name in names if path(name).exists()]


def standardizer(X):
    """Return a function that centres columns and scales them as these rows ask for, in float32.

    Columns that are constant here are only centred.
    """
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return lambda rows: ((rows - mean) / scale).astype(np.float32)
