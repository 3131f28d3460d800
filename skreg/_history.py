"""What is known of each epoch since the weights were initialized, in columns of equal length."""

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


def history_keys(n_layers):
    """Return the keys of a network's history: `HISTORY_KEYS` and "n_nonzero_0", layer by layer."""
    return HISTORY_KEYS + tuple(f"n_nonzero_{k}" for k in range(n_layers))


class Column:
    """Numbers that more are added to, in room that doubles: earlier ones are seldom copied.

    Parameters
    ----------
    numbers : array of shape (n,)
    """

    def __init__(self, numbers):
        self._room, self.size = numbers, len(numbers)

    def extend(self, numbers):
        """Add numbers; arrays that `numbers` has returned keep theirs."""
        size = self.size + len(numbers)
        if size > self._room.size:
            room = np.empty(max(size, 2 * self.size), self._room.dtype)
            room[: self.size] = self.numbers()
            self._room = room
        self._room[self.size : size] = numbers
        self.size = size

    def numbers(self):
        """Return all numbers so far as an array."""
        return self._room[: self.size]


class History:
    """One row per epoch since the weights were initialized.

    Parameters
    ----------
    n_layers : int
        Weight matrices of the network.
    earlier : dict of arrays, optional
        The history to go on with.
    """

    def __init__(self, n_layers, earlier=None):
        earlier, keys = earlier or {}, history_keys(n_layers)
        self._rows, self._given, self._curve = [], earlier, []
        unknown = [np.nan] * len(earlier.get("loss", ()))
        self._columns = {key: Column(_array(key, earlier.get(key, unknown))) for key in keys}

    def continues(self, earlier):
        """Return whether ``earlier`` is what `as_arrays` has returned, and nothing came after."""
        return earlier is self._given and not self._rows

    def append(self, **row):
        """Add a row; what is not known of an epoch is NaN."""
        self._rows.append(row)

    def __len__(self):
        return self._columns["loss"].size + len(self._rows)

    def as_arrays(self):
        """Return the columns as arrays of equal length."""
        # Rows are converted once, however often a callback or `partial_fit` asks.
        for key, column in self._columns.items():
            column.extend(_array(key, [row.get(key, np.nan) for row in self._rows]))
        self._rows = []
        self._given = {key: column.numbers() for key, column in self._columns.items()}
        return self._given

    def loss_curve(self):
        """Return loss and penalty together, epoch by epoch, of the last `as_arrays`."""
        loss, penalty = (self._given[key][len(self._curve) :] for key in ("loss", "penalty"))
        self._curve += (loss + penalty).tolist()
        return self._curve.copy()


def _array(key, numbers):
    """Return a column of a history as a new array."""
    return np.array(numbers, np.int64 if "nonzero" in key else np.float64)


def nonzeros(counts):
    """Return the entries of a row of the history that count weights, given those of each layer."""
    return {"n_nonzero": sum(counts)} | {f"n_nonzero_{k}": n for k, n in enumerate(counts)}
