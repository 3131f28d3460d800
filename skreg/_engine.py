"""The engine room: arrays in, a team of threads over one compiled `Job`, numbers out."""

import threading
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from skreg._architecture import (
    aligned_zeros,
    make_layout,
    n_parameters,
    pack_parameters,
    unpack_parameters,
)
from skreg._compilation import note_when_slow
from skreg._kernels import epoch
from skreg._kernels import job as slots
from skreg._kernels.job import LOSS_SUM, RATE, STEPS, WEIGHT_SUM, Job, Objective, Source
from skreg._kernels.matmul import pack
from skreg._kernels.simd import lanes
from skreg._kernels.solvers import ADAM, SGD, Rule
from skreg._kernels.team import ABORT, COMMAND, new_team

CHUNK_ROWS = 256  # rows at a time where no update follows: enough to fill tiles, small in cache


class Network(NamedTuple):
    """What a network computes: its units, codes of activations, loss and link, dropout rates.

    ``units`` and ``activations`` are as in `make_layout`; ``dropout`` has one rate per level but
    the last, the first being that of the input.
    """

    units: tuple
    activations: tuple
    loss: int
    parameter: float
    link: int
    dropout: tuple
    seed: int


class Rows(NamedTuple):
    """Validated rows: X (n, features), target (n, n_targets) or None, weight (n,) or None."""

    X: object
    target: object = None
    weight: object = None


MOMENT_SLOTS = {"first": slots.FIRST, "second": slots.SECOND}
NO_RULE = Rule(SGD, 0.0, 0, 0.0, 0.0, 1.0, 0.0, 0.0)


NO_ROWS = Rows(np.empty((0, 1)))


class _Table:
    """The table of addresses of a `Job`, with the arrays behind it, which it keeps alive."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.addresses = np.zeros((slots.N_SLOTS, 2), dtype=np.int64)
        self.arrays = {}

    def put(self, slot, array):
        self.arrays[slot] = array
        self.addresses[slot] = array.ctypes.data, array.size

    def new(self, slot, size, dtype=None):
        self.put(slot, aligned_zeros(size, self.dtype if dtype is None else dtype))

    def source(self, slot, rows):
        """Enter rows; arrays of the right dtype and contiguous in either order are not copied."""
        X, target, weight = rows
        n_targets = 0 if target is None else target.shape[1]
        self.put(slot + slots.Y, self._vector([] if target is None else target))
        self.put(slot + slots.Y_WEIGHT, self._vector([] if weight is None else weight))
        steps = self._sparse(slot, X) if sp.issparse(X) else self._dense(slot, X)
        return Source(slot, *steps, n_targets, int(weight is not None))

    def _vector(self, array, dtype=None):
        return np.ascontiguousarray(array, dtype=dtype or self.dtype).reshape(-1)

    def _dense(self, slot, X):
        by_columns = X.flags.f_contiguous and not X.flags.c_contiguous
        self.put(slot + slots.X, self._vector(X.T if by_columns else X))
        return (1, X.shape[0]) if by_columns else (max(X.shape[1], 1), 1)

    def _sparse(self, slot, X):
        X = X if X.has_sorted_indices else X.sorted_indices()
        self.put(slot + slots.X, self._vector(X.data))
        self.put(slot + slots.X_COLUMNS, self._vector(X.indices, np.int32))
        self.put(slot + slots.X_STARTS, self._vector(X.indptr, np.int64))
        return 0, 0


def _most_entries(X, n_rows):
    """Return how many stored entries the fullest batch of ``n_rows`` rows can have."""
    if not sp.issparse(X):
        return 0
    counts = np.diff(X.indptr)
    if counts.size <= n_rows:
        return int(counts.sum())
    return int(np.partition(counts, -n_rows)[-n_rows:].sum())


def _index(index, n_rows):
    return np.arange(n_rows) if index is None else np.array(index, dtype=np.int64)


class Engine:
    """A network, its rows and its solver, on a team of threads that lives as long as it is open.

    Parameters
    ----------
    network : Network
    dtype : numpy dtype
        Of all computations.
    train : Rows
    valid : Rows or None
        None validates on rows of ``train``.
    train_index, valid_index : array of int, optional
        Which rows are trained and validated on; None takes all.
    rule : Rule
        The solver.
    strengths : tuple of two sequences
        l1 and l2, one per weight matrix.
    batch_size : int
    n_threads : int
    for_training : bool
        False leaves out gradients and moments: prediction needs none.
    """

    def __init__(self, network, dtype, *, train=NO_ROWS, valid=NO_ROWS, train_index=None,
                 valid_index=None, rule=NO_RULE, strengths=None, batch_size=1, n_threads=1,
                 for_training=True):  # fmt: skip
        self.dtype = np.dtype(dtype)
        self.network = network
        self.n_seen = 0  # samples since the weights were initialized
        self.table = table = _Table(self.dtype)
        shared = valid is None
        valid = train if shared else valid
        order = _index(train_index, train.X.shape[0])
        valid_rows = _index(valid_index, valid.X.shape[0])
        n_rows = max(batch_size, min(CHUNK_ROWS, max(order.size, valid_rows.size)))
        is_sparse = all(sp.issparse(rows.X) or rows is NO_ROWS for rows in (train, valid))
        layout, sizes = make_layout(
            network.units, network.activations, self.dtype, n_rows, is_sparse
        )
        source = table.source(slots.TRAIN_SLOT, train)
        sources = source, source if shared else table.source(slots.VALID_SLOT, valid)
        self._new_parameters(sizes, rule, for_training)
        self._new_batch(sizes, n_rows, max(source.n_targets for source in sources))
        n_entries = max(_most_entries(train.X, n_rows), _most_entries(valid.X, n_rows))
        table.new(slots.SPARSE, n_entries)
        table.new(slots.COLUMNS, n_entries, np.int32)
        table.put(slots.ORDER, order)
        table.put(slots.VALID_ROWS, valid_rows)
        table.new(slots.OUTPUTS, valid_rows.size * network.units[-1])
        self._put_strengths(strengths, layout)
        self.job = Job(
            table=table.addresses,
            kind=np.empty(0, self.dtype),
            layout=layout,
            report=np.zeros(5),
            objective=Objective(network.loss, float(network.parameter), network.link, network.seed),
            rule=rule,
            train=sources[0],
            valid=sources[1],
            batch_size=batch_size,
            chunk_size=n_rows,
        )
        self._start_team(n_threads)

    def _new_parameters(self, sizes, rule, for_training):
        full = sizes.parameters if for_training else 0
        self.table.new(slots.WEIGHTS, sizes.parameters)
        self.table.new(slots.FIRST, full)
        self.table.new(slots.SECOND, full if rule.solver == ADAM else 0)
        self.table.new(slots.GRADIENT, full)
        self.table.new(slots.TURNED, sizes.turned if for_training else 0)
        self.n_weights = sizes.weights

    def _new_batch(self, sizes, n_rows, n_targets):
        self.table.new(slots.MEMORY, sizes.memory)
        self.table.new(slots.TARGET, n_rows * n_targets)
        self.table.new(slots.SAMPLE_WEIGHT, n_rows)
        self.table.new(slots.LOSSES, n_rows, np.float64)
        self.table.new(slots.STARTS, n_rows + 1, np.int64)
        self.table.new(slots.SUMS, sizes.tiles * lanes(self.dtype))
        self.table.new(slots.SQUARES, sizes.tiles * lanes(self.dtype))

    def _put_strengths(self, strengths, layout):
        n_matrices = layout.shape[1] - 1
        l1, l2 = strengths or (np.zeros(n_matrices), np.zeros(n_matrices))
        self.table.put(slots.L1, np.array(l1, self.dtype))
        self.table.put(slots.L2, np.array(l2, self.dtype))
        rates = np.array(self.network.dropout, dtype=np.float64)
        layout[slots.THRESHOLD, : rates.size] = np.minimum(np.rint(rates * 2.0**32), 2**32 - 1)
        self.table.put(slots.FACTORS, (1.0 / (1.0 - rates)).astype(self.dtype))

    @property
    def order(self):
        """The rows of an epoch in their order; changed in place to shuffle."""
        return self.table.arrays[slots.ORDER]

    @property
    def weights(self):
        """The packed parameters."""
        return self.table.arrays[slots.WEIGHTS]

    def _start_team(self, n_threads):
        self._team = new_team(n_threads)
        self._error, self._is_new = None, True
        self._members = [
            threading.Thread(target=self._serve, args=(tid,), daemon=True)
            for tid in range(1, n_threads)
        ]
        for member in self._members:
            member.start()

    def _serve(self, tid):
        try:
            epoch.run(tid, self._team, self.job)
        except BaseException as error:  # noqa: BLE001 - it is raised again by the caller
            self._error = error
            self._team.flags[ABORT] = 1

    def _command(self, command):
        self.job.report[LOSS_SUM:] = 0
        self._team.flags[COMMAND] = command
        if self._is_new:  # later calls are between epochs, where microseconds count
            with note_when_slow(epoch.run, self.dtype):
                epoch.run(0, self._team, self.job)
            self._is_new = False
        else:
            epoch.run(0, self._team, self.job)
        if self._error is not None:
            raise self._error

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """End the team; nothing is left running."""
        if self._members:
            self._team.flags[COMMAND] = epoch.STOP
            epoch.run(0, self._team, self.job)
            for member in self._members:
                member.join()
            self._members = []

    @property
    def steps(self):
        """How many updates the solver has made."""
        return int(self.job.report[STEPS])

    def gradient_vector(self):
        """Return the accumulated gradient as a flat vector."""
        flat = np.empty(n_parameters(self.network.units), self.dtype)
        unpack_parameters(self.job.layout, self.table.arrays[slots.GRADIENT], flat)
        return flat

    def moments(self, give_up=False):
        """Return what the solver remembers, as flat vectors by name, and its number of steps.

        ``give_up`` returns the memory of each packed vector as soon as it is copied.
        """
        state = {"steps": self.steps}
        for name, slot in MOMENT_SLOTS.items():
            packed = self.table.arrays[slot]
            if packed.size:
                state[name] = np.empty(n_parameters(self.network.units), self.dtype)
                unpack_parameters(self.job.layout, packed, state[name])
            if give_up:
                self.table.put(slot, np.empty(0, self.dtype))
                del packed
        return state

    def load_moments(self, state):
        """Take what `moments` has returned."""
        self.job.report[STEPS] = state["steps"]
        for name, slot in MOMENT_SLOTS.items():
            if name in state:
                pack_parameters(self.job.layout, state[name], self.table.arrays[slot])

    def load(self, flat):
        """Take the parameters of the flat vector."""
        pack_parameters(self.job.layout, flat, self.weights)
        self.turn()

    def load_arrays(self, coefs, intercepts):
        """Take parameters given as one array per layer."""
        layout = self.job.layout
        for k, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
            coef = np.ascontiguousarray(coef, dtype=self.dtype)
            pack(coef, self.weights, layout[slots.WEIGHTS_AT, k], layout[slots.ROWS_OF, k])
            self.weights[layout[slots.BIASES_AT, k] :][: intercept.size] = intercept

    def release(self):
        """Give back the memory of batches and gradients: nothing is trained any more."""
        for slot in (slots.GRADIENT, slots.TURNED, slots.MEMORY):
            self.table.put(slot, np.empty(0, self.dtype))

    def turn(self):
        """Write the transposed copies of all weights, which backward reads."""
        if self.table.arrays[slots.TURNED].size:
            self._command(epoch.TURN)

    def store(self, flat):
        """Write the parameters into the flat vector."""
        unpack_parameters(self.job.layout, self.weights, flat)

    def parameters(self):
        """Return the parameters as a new flat vector."""
        flat = np.empty(n_parameters(self.network.units), self.dtype)
        self.store(flat)
        return flat

    def is_finite(self):
        """Return whether all parameters are finite numbers."""
        return bool(np.isfinite(self.weights).all())

    def train_epoch(self, learning_rate):
        """Run an epoch over `order`; return the mean data loss and the mean penalty."""
        self.job.report[RATE] = learning_rate
        self._command(epoch.TRAIN)
        loss, weight, penalty = self.job.report[LOSS_SUM:]
        return (loss / weight, penalty / weight) if weight > 0 else (0.0, 0.0)

    def gradient(self):
        """Accumulate the gradient of the summed data loss; return that sum and the weight."""
        self._command(epoch.GRADIENT)
        return self.job.report[LOSS_SUM], self.job.report[WEIGHT_SUM]

    def evaluate(self):
        """Return outputs behind the link (n, n_outputs) of the validation rows, and mean loss."""
        self._command(epoch.EVALUATE)
        outputs = self.table.arrays[slots.OUTPUTS].reshape(-1, self.network.units[-1])
        loss, weight = self.job.report[LOSS_SUM], self.job.report[WEIGHT_SUM]
        return outputs, loss / weight if weight > 0 else 0.0
