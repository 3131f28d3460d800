"""The network that a search hands out: the chosen candidate, fitted on all rows."""

import copy
import time

from sklearn.base import clone

from skreg._parallel import Brake
from skreg._parameters import spread
from skreg._runs import begin_step
from skreg._warnings import warn


class Refit:
    """Fits the chosen candidate on all rows, maybe before the search is over.

    Parameters
    ----------
    network : estimator
        As it was fitted on the folds, with its random state: the splitter may have drawn from the
        user's since.
    rows : tuple
        X, y and weights to fit, and X, y and weights to validate.
    n_jobs : int or None
        Threads of a fit that has the machine for itself.
    """

    def __init__(self, network, rows, n_jobs):
        self._network, self._rows, self._n_jobs = network, rows, n_jobs
        self._made = None  # parameters, their network, the seconds that it took; if it is whole

    def can_be_ahead(self):
        """Return whether the fit may go on beside others; it may not if it prints."""
        return not self._network.verbose

    def fit_ahead(self, params, brake):
        """Fit on one thread, for the case that these parameters are chosen.

        It is for nothing if the fit fails, or if the search is ended: `of` does it again then,
        where errors and interrupts are heard. The bits do not depend on the number of threads.
        """
        try:
            fitted = self._fit([params], self._network.n_jobs, brake)
        except Exception:  # it comes again if these parameters are chosen
            return
        self._made = params, *fitted, not brake.pulled

    def of(self, visited, interrupted=False):
        """Return the network fitted with the last of some parameters, and the seconds that it took.

        Parameters
        ----------
        visited : list of dict
            Strengths of a path, each beginning with the network of the one before.
        interrupted : bool
            Whether the user has ended the search, and not only this fit beside its end.
        """
        params, best, seconds, is_whole = self._made or (None, None, 0.0, False)
        if visited != [params] or (interrupted and not is_whole):
            best, seconds = self._fit(visited, self._n_jobs, Brake())
        elif not is_whole:
            warn("Training interrupted by user.")
        return best.set_params(n_jobs=self._n_jobs), seconds

    def _fit(self, visited, n_jobs, brake):
        best = clone(self._network).set_params(n_jobs=n_jobs)
        start, given = time.perf_counter(), copy.copy(best)
        X, y, sample_weight, X_val, y_val, sample_weight_val = self._rows
        best._brake = brake
        for params in visited:
            best.set_params(**spread(given, params), warm_start=True,
                            random_state=copy.deepcopy(given.random_state))  # fmt: skip
            begin_step(best)
            try:
                best.fit(X, y, sample_weight, X_val=X_val, y_val=y_val,
                         sample_weight_val=sample_weight_val)  # fmt: skip
            except Exception:  # whatever it is, the path goes on, as in the search
                if params is visited[-1]:
                    raise
            if brake.pulled:  # the user has had enough, wherever the path is
                best.set_params(**spread(given, visited[-1]))
                break
        del best._brake, best._keeps_anchor
        best.set_params(warm_start=given.warm_start)
        return best, time.perf_counter() - start
