"""What is known of each epoch since the weights were initialized, in columns of equal length."""

from functools import cache

import numpy as np

from skreg._penalties import TERMS

HISTORY_KEYS = (
    "loss",
    "penalty",
    *TERMS,
    "validation_loss",
    "validation_score",
    "learning_rate",
    "n_nonzero",
)


def history_keys(n_matrices):
    """Return the keys of a history: `HISTORY_KEYS` and "n_nonzero_0", matrix by matrix."""
    return HISTORY_KEYS + _matrix_keys(n_matrices)


@cache
def _matrix_keys(n_matrices):
    return tuple(f"n_nonzero_{k}" for k in range(n_matrices))


class Column:
    """Numbers that more are added to, in room that doubles: earlier ones are seldom copied.

    Parameters
    ----------
    room : array of shape (>= size,)
    size : int
        How many numbers there are so far, at the beginning of the room.
    """

    def __init__(self, room, size):
        self.room, self.size = room, size

    def extend(self, numbers):
        """Add numbers; arrays that `numbers` has returned keep theirs."""
        size = self.size + len(numbers)
        if size > self.room.size:
            room = np.empty(max(size, 2 * self.size), self.room.dtype)
            room[: self.size] = self.numbers()
            self.room = room
        self.room[self.size : size] = numbers
        self.size = size

    def numbers(self):
        """Return all numbers so far as an array."""
        return self.room[: self.size]


class History:
    """One row per epoch since the weights were initialized.

    Parameters
    ----------
    n_matrices : int
        Of the network.
    earlier : dict of arrays, optional
        The history to go on with.
    """

    def __init__(self, n_matrices, earlier=None):
        earlier = earlier or {}
        n_epochs = len(earlier.get("loss", ()))
        arrays = {
            key: _array(key, earlier.get(key, _unknown(key, n_epochs)))
            for key in history_keys(n_matrices)
        }
        self._columns = {key: Column(array, array.size) for key, array in arrays.items()}
        self._rows, self._given = [], None

    @classmethod
    def of(cls, estimator, n_matrices):
        """Return the history of an estimator, in the room that an earlier one has left for it.

        A room is taken once: whoever has a copy of the estimator's attributes gets a new one.
        """
        room = estimator._history_room
        if room is None or room["given"] is not estimator.history_:
            return cls(n_matrices, estimator.history_)
        room["given"] = None
        history = cls(n_matrices)
        for key, column in history._columns.items():
            column.room, column.size = room["columns"][key], room["size"]
        return history

    def room(self):
        """Return what the next history of the same estimator goes on in."""
        columns = {key: column.room for key, column in self._columns.items()}
        return {"given": self._given, "columns": columns, "size": len(self)}

    def append(self, **row):
        """Add a row; what is not known of an epoch is NaN."""
        self._rows.append(row)

    def __len__(self):
        return self._columns["loss"].size + len(self._rows)

    def as_arrays(self):
        """Return the columns as arrays of equal length."""
        # Rows are converted once, however often a callback asks.
        for key, column in self._columns.items():
            column.extend(_array(key, [row.get(key, np.nan) for row in self._rows]))
        self._rows = []
        self._given = {key: column.numbers() for key, column in self._columns.items()}
        return self._given


def _array(key, numbers):
    """Return a column of a history as a new array."""
    return np.array(numbers, np.int64 if "nonzero" in key else np.float64)


def _unknown(key, n_epochs):
    """Return a column of what was not written down."""
    return [0 if "nonzero" in key else np.nan] * n_epochs


def nonzeros(counts):
    """Return the entries of a row of the history that count weights, given those of each matrix."""
    return {"n_nonzero": sum(counts), **dict(zip(_matrix_keys(len(counts)), counts, strict=True))}
