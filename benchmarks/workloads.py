"""The rows of the tables: which network is trained on which data, and what that costs."""

from itertools import pairwise
from typing import NamedTuple

from benchmarks import datasets

QUICK_ROWS = 1000
DTYPES = ("float32", "float64")
THREADS = (1, 2)


class Workload(NamedTuple):
    """One network, trained with Adam for a number of epochs on one data set."""

    name: str
    data: str
    hidden: tuple[int, ...]
    batch_size: int
    epochs: int
    activation: str = "relu"
    dropout: float = 0.0
    n_rows: int | None = None

    @property
    def shape(self):
        """Rows, columns and classes of what is trained on."""
        whole = datasets.SHAPES[self.data]
        return whole._replace(n_rows=min(whole.n_rows, self.n_rows or whole.n_rows))

    @property
    def units(self):
        """Width of every layer, from the input to the output."""
        return (self.shape.n_features, *self.hidden, self.shape.n_outputs)

    @property
    def title(self):
        """One line that says what is trained."""
        hidden = ", ".join(map(str, self.hidden)) + ("," if len(self.hidden) == 1 else "")
        epochs = f"{self.epochs} epoch" + "s" * (self.epochs != 1)
        extras = [self.activation] * (self.activation != "relu")
        extras += [f"dropout {self.dropout:g}"] * (self.dropout > 0)
        size = f"{self.data} {self.shape.n_rows} x {self.shape.n_features}"
        return ", ".join([size, f"({hidden})", f"batch {self.batch_size}", epochs, *extras])

    def load(self, dtype):
        """Return X of the given dtype and integer labels y."""
        return datasets.load(self.data, dtype, self.n_rows)

    def quick(self):
        """Return a tiny version of the same row, to see that everything runs."""
        return self._replace(epochs=min(self.epochs, 2), n_rows=QUICK_ROWS)


WORKLOADS = (
    Workload("digits", "digits", (100,), 200, 100),
    Workload("digits-32", "digits", (100,), 32, 30),
    Workload("table", "table", (64, 64), 200, 20),
    Workload("images", "images", (100,), 200, 2),
    Workload("images-large", "images", (512, 512), 256, 1),
    Workload("images-dropout", "images", (512, 512), 256, 1, dropout=0.5),
    Workload("digits-tanh", "digits", (100,), 200, 100, activation="tanh"),
    Workload("digits-logistic", "digits", (100,), 200, 100, activation="logistic"),
    Workload("digits-gelu", "digits", (100,), 200, 100, activation="gelu"),
)
NAMES = tuple(workload.name for workload in WORKLOADS)


def by_name(name, quick=False):
    """Return the row called ``name``, in its tiny version if asked for."""
    workload = WORKLOADS[NAMES.index(name)]
    return workload.quick() if quick else workload


def product_flops(workload):
    """Count the floating-point operations of all matrix products of one fit.

    Per row and epoch a layer multiplies its ``fan_in x fan_out`` weights forward, once more for
    their gradient, and once more to take the error back, except below the first layer. A
    multiplication and its addition are two operations.
    """
    sizes = [fan_in * fan_out for fan_in, fan_out in pairwise(workload.units)]
    per_row = 2 * (3 * sum(sizes) - sizes[0])
    return per_row * workload.shape.n_rows * workload.epochs


def n_parameters(workload):
    """Count weights and biases."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(workload.units))
