"""The engine room: arrays in, a team of threads over one compiled `Job`, numbers out."""

import contextlib
import threading
from itertools import pairwise

import numpy as np

from skreg._architecture import n_parameters, pack_arrays, pack_parameters, unpack_parameters
from skreg._compilation import note_when_slow
from skreg._costs import flops_of_batch
from skreg._job import build_job
from skreg._kernels import epoch, epochs
from skreg._kernels import job as slots
from skreg._kernels.epochs import Records
from skreg._kernels.job import DRAW, LOSS_SUM, N_REPORTS, PENALTY_SUMS, STEPS, WEIGHT_SUM
from skreg._kernels.plugs import address_of
from skreg._kernels.shuffle import NO_DRAWS
from skreg._kernels.structure import prox_all
from skreg._kernels.team import COMMAND, abort, new_team
from skreg._task import Task
from skreg._zeros import Zeros

MOMENT_SLOTS = {"first": slots.FIRST, "second": slots.SECOND}


class Engine:
    """A network, its rows and its solver, on a team of threads that lives as long as it is open.

    ``with`` opens it: nothing that can fail stands between the start of the threads and their end.

    Parameters
    ----------
    network : Network
    dtype : numpy dtype
        Of all computations.
    **details
        The other fields of `Task`.
    """

    def __init__(self, network, dtype, **details):
        self.task = task = Task(network, np.dtype(dtype), **details)
        self.dtype, self.network = task.dtype, network
        self.n_seen = 0  # samples since the weights were initialized
        self._team = new_team(task.n_threads)
        self.job, self.table, sizes = build_job(task, self._team)
        if self.job.n_parts > 1:  # nothing to do for more members than parts
            self._team = self._team._replace(n_threads=min(task.n_threads, self.job.n_parts))
        self._zeros = Zeros(task, self.job, self.table, sizes)
        # Where matrices begin and the last one ends in the packed vector.
        self._bounds = np.append(self.job.layout[slots.WEIGHTS_AT, :-1], sizes.weights)
        self._records = self._run = None  # of epochs; the address of `epoch.run`
        self._error, self._is_new = None, True
        self._members, self._replicas, self._refreshed = [], [], True

    @property
    def flops_of_epoch(self):
        """How many floating-point operations an epoch is, roughly."""
        size = max(self.task.batch_size, 1)
        n_batches = -(-self.order.size // size)
        return n_batches * flops_of_batch(self.task.train.X, self.network.units, size)

    @property
    def order(self):
        """The rows of an epoch in their order; changed in place to shuffle."""
        return self.table.arrays[slots.ORDER]

    @property
    def weights(self):
        """The packed parameters."""
        return self.table.arrays[slots.WEIGHTS]

    def _start_team(self):
        others = range(1, self._team.n_threads)
        self._replicas = [self.table.replica() for _ in others if self.job.n_parts > 1]
        self._zeros.share(self._replicas)
        self._refreshed = not self._replicas
        members = [threading.Thread(target=self._serve, args=(tid,), daemon=True) for tid in others]
        try:
            for member in members:
                member.start()
            self._members = members
        except BaseException:  # an interrupt, or no thread to be had: the started ones would spin
            abort(self._team)
            raise

    def _serve(self, tid):
        try:
            own = self.job
            if self._replicas:
                own = own._replace(table=self._replicas[tid - 1].addresses)
            epoch.run(tid, self._team, self.job, own)
        except BaseException as error:  # it is raised again by the caller
            self._error = error
            abort(self._team)

    def _command(self, command):
        if self._team.n_threads > 1 and not self._members:
            raise RuntimeError("The engine is closed; `with` opens it.")
        self.job.report[LOSS_SUM:] = 0
        self._team.flags[COMMAND] = command
        if self._is_new:  # later calls are between epochs, where microseconds count
            with note_when_slow(epoch.run, self.dtype):
                epoch.run(0, self._team, self.job, self.job)
            self._is_new = False
        else:
            epoch.run(0, self._team, self.job, self.job)
        if self._error is not None:
            raise self._error

    def __enter__(self):
        self._start_team()
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """End the team; nothing is left running."""
        if self._members:
            abort(self._team)
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
                self.table.new(slot, 0)
                del packed
        return state

    def _touch(self):
        """Note that parameters change, so that `_refresh` brings them to all members."""
        self._refreshed = not self._replicas

    def _refresh(self):
        if not self._refreshed:
            for replica in self._replicas:
                replica.refresh(self.table)
            self._refreshed = True

    def load_moments(self, state):
        """Take what `moments` has returned."""
        self._touch()
        self.job.report[STEPS] = state["steps"]
        for name, slot in MOMENT_SLOTS.items():
            if name in state:
                pack_parameters(self.job.layout, state[name], self.table.arrays[slot])

    def load(self, flat):
        """Take the parameters of the flat vector, transposed copies included."""
        self._touch()
        pack_parameters(self.job.layout, flat, self.weights)
        self.transpose_weights()

    def load_arrays(self, coefs, intercepts):
        """Take parameters given as one array per layer, transposed copies included."""
        self._touch()
        coefs = (np.ascontiguousarray(coef, dtype=self.dtype) for coef in coefs)
        pack_arrays(self.job.layout, coefs, intercepts, self.weights)
        self.transpose_weights()

    def release(self):
        """Give back the memory of batches and gradients: nothing is trained any more."""
        for table in (self.table, *self._replicas):
            for slot in (slots.GRADIENT, slots.TRANSPOSED, slots.MEMORY):
                table.new(slot, 0)

    def transpose_weights(self):
        """Write the transposed copies of all weights, which backward reads."""
        if self.table.arrays[slots.TRANSPOSED].size:
            self._command(epoch.DO_TRANSPOSE)

    def parameters(self):
        """Return the parameters as a new flat vector."""
        flat = np.empty(n_parameters(self.network.units), self.dtype)
        unpack_parameters(self.job.layout, self.weights, flat)
        return flat

    def set_anchor(self, flat):
        """Take the parameters that the penalty on the distance pulls to."""
        if self.table.arrays[slots.ANCHOR].size:
            pack_parameters(self.job.layout, flat, self.table.arrays[slots.ANCHOR])

    def set_average(self, flat):
        """Take the average of the parameters so far, if one is kept."""
        self._touch()
        if self.keeps_average:
            pack_parameters(self.job.layout, flat, self.table.arrays[slots.AVERAGE])

    @property
    def keeps_average(self):
        """Whether predictions come from an average of the parameters."""
        return self.task.rule.averaging > 0

    @contextlib.contextmanager
    def averaged(self):
        """Let the average of the parameters, where one is kept, stand for the parameters."""
        if not self.keeps_average:
            yield
            return
        self.table.swap(slots.WEIGHTS, slots.AVERAGE)
        try:
            yield
        finally:
            self.table.swap(slots.WEIGHTS, slots.AVERAGE)

    def average(self):
        """Return what predictions come from, the average if one is kept, as a new flat vector."""
        with self.averaged():
            return self.parameters()

    def prox(self, flat, metric):
        """Return ``argmin_v 1/2 sum (v - flat)^2 / metric + kinks(v)``, norms kept to their bounds.

        Overwrites the engine's parameters. Numbers beyond the dtype are its largest ones: what
        infinity is multiplied by may be zero.
        """
        self._touch()
        gradient, largest = self.table.arrays[slots.GRADIENT], np.finfo(self.dtype).max
        flat, metric = np.clip(flat, -largest, largest), np.minimum(metric, largest)
        self.weights[:] = gradient[:] = 0  # padding may be what an infinite loss has left
        pack_parameters(self.job.layout, flat.astype(self.dtype), self.weights)
        pack_parameters(self.job.layout, metric.astype(self.dtype), gradient)
        prox_all(0, self._team._replace(n_threads=1), self.job)
        return self.parameters()

    def is_finite(self):
        """Return whether all parameters are finite numbers."""
        return bool(np.isfinite(self.weights).all())

    def train_epoch(self, learning_rate):
        """Run an epoch over `order`; return the mean data loss and a list of mean penalties."""
        self.train_epochs([learning_rate])
        ((_, loss, penalties, _),) = self.take_records()
        return loss, penalties

    def train_epochs(self, rates, draws=NO_DRAWS):
        """Run an epoch over `order` for each learning rate, or up to one whose loss is not finite.

        Rows are shuffled before each epoch where there are ``draws``. `take_records` tells what
        came of it, also after an interrupt.
        """
        self._refresh()
        self._zeros.begin_epochs(len(rates))
        n, n_matrices = len(rates), self._bounds.size - 1
        self._records = Records(
            np.array(rates, dtype=np.float64),
            np.empty((n, N_REPORTS)),
            np.empty((n, n_matrices), dtype=np.int64),
            np.zeros(1, dtype=np.int64),
        )
        if self._run is None:
            with note_when_slow(epoch.run, self.dtype):
                self._run = address_of(epoch.run, 0, self._team, self.job, self.job)
        epochs.train_epochs(self._team, self.job, self._run, draws, self._bounds, self._records)
        if self._error is not None:
            raise self._error

    def take_records(self):
        """Return what is known of the epochs that are complete, and forget it.

        Returns
        -------
        list of (float, float, list of float, list of int)
            Learning rate, mean data loss, mean penalties and the nonzero weights of each matrix.
        """
        records, self._records = self._records, None
        if records is None:
            return []
        n, rows = records.n_done[0], []
        columns = (records.rates, records.reports, records.nonzeros)
        for rate, sums, counts in zip(*(column[:n].tolist() for column in columns), strict=True):
            weight = sums[WEIGHT_SUM] if sums[WEIGHT_SUM] > 0 else 1.0
            penalties = [value / weight for value in sums[PENALTY_SUMS:]]
            rows.append((rate, sums[LOSS_SUM] / weight, penalties, counts))
        return rows

    def nonzeros(self):
        """Return how many weights of each matrix are not zero."""
        bounds = pairwise(self._bounds)
        return [int(np.count_nonzero(self.weights[start:stop])) for start, stop in bounds]

    def gradient(self):
        """Accumulate the gradient of the summed data loss; return that sum and the weight."""
        self._refresh()
        self._zeros.begin_epochs(1)
        self._command(epoch.DO_GRADIENT)
        return self.job.report[LOSS_SUM], self.job.report[WEIGHT_SUM]

    def evaluate(self, draw=-1):
        """Return outputs behind the link (n, n_outputs) of the validation rows, and mean loss.

        A ``draw`` of at least 0 drops units: it numbers the masks of the first chunk of rows,
        and one more those of every next.
        """
        self.job.report[DRAW] = draw
        self._command(epoch.DO_EVALUATE)
        outputs = self.table.arrays[slots.OUTPUTS].reshape(-1, self.network.units[-1])
        loss, weight = self.job.report[LOSS_SUM], self.job.report[WEIGHT_SUM]
        return outputs, loss / weight if weight > 0 else 0.0
