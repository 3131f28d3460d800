"""Many fits at once: all to their ends, or in rounds after which the worst are dropped.

Successive halving (Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and
hyperparameter optimization", AISTATS) with the budgets of a bracket of Hyperband (Li et al. 2017,
JMLR 18): of ``n`` candidates the best ``n / 3 ** k`` enter round ``k``, with three times the epochs
of the round before, and the last round trains to ``max_iter``.
"""

import time
from collections import defaultdict
from functools import partial
from typing import NamedTuple

import numpy as np

from skreg._callbacks import Watch
from skreg._folds import Data, begin, failure, rate, run_trial
from skreg._parallel import Brake, run_all, shares_threads
from skreg._search import choose_among
from skreg._task import Rows

FACTOR = 3


class Rung(NamedTuple):
    """A round: how many candidates enter it, and the epoch it ends after."""

    n_candidates: int
    last: int


class Paused(NamedTuple):
    """A run between two rounds, without the rows, which all runs share."""

    run: object
    leg: object


def rungs(n_candidates, max_iter):
    """Return the rounds, as many as candidates and epochs allow.

    Parameters
    ----------
    n_candidates : int
    max_iter : int
        Epochs of the last round, all rounds before included.

    Returns
    -------
    rungs : list of Rung
    """
    n_rounds = 1
    while FACTOR**n_rounds <= min(n_candidates, max_iter):
        n_rounds += 1
    shares = [FACTOR ** (n_rounds - 1 - k) for k in range(n_rounds)]
    return [Rung(n_candidates // FACTOR**k, max_iter // share) for k, share in enumerate(shares)]


class Sweep:
    """Run trials in parallel and book their outcomes, until a callback or the user ends it.

    Parameters
    ----------
    data : Data
    ledger : Ledger
    watch : Watch
    n_jobs : int or None
        As in joblib: how many fits at once, in threads unless a backend has been chosen.

    Attributes
    ----------
    interrupted : bool
        Whether the sweep has been ended before all was done.
    """

    def __init__(self, data, ledger, watch, n_jobs):
        self._brake = Brake()
        self._data = data._replace(brake=self._brake)
        self.ledger, self._watch, self._n_jobs = ledger, watch, n_jobs
        self.interrupted = self._asked = False

    def run(self, function, tasks, book, beside=None):
        """Call ``function(*task, *data)`` for all tasks, and ``book`` with what it returns.

        A callback that wants to stop is heard once a candidate has all its scores, so that there
        is something to choose.

        Parameters
        ----------
        function : callable
            Returns outcomes, whether the user has ended the search, and anything else.
        tasks : list of tuple
        book : callable
        beside : callable, optional
            Called after the tasks, while the last of them are still going on; returns what
            ``function`` does.
        """
        tasks = [(function, *task, *self._data) for task in tasks]
        tasks += [] if beside is None else [(beside,)]
        n_left = len(tasks)
        results = run_all(_call, tasks, self._n_jobs, self._brake)
        try:
            for outcomes, interrupted, *rest in results:
                book(outcomes, *rest)
                n_left -= not interrupted
                stops = [self._watch.done("candidate on a fold") for _ in outcomes]
                self._asked |= any(stops)
                stopped = self._asked and not np.isnan(self.ledger.mean).all()
                self.interrupted |= interrupted or stopped
                # Once the brake is pulled, what other threads have done is still to be booked.
                if stopped or (interrupted and not self._brake.pulled):
                    break
        except KeyboardInterrupt:
            self.interrupted |= beside is None or n_left > 0
        finally:  # an error's traceback would keep the generator alive, and the fits going
            results.close()

    def finish(self, trials):
        """Fit all candidates of the trials to their ends."""

        def book(outcomes):
            for outcome in outcomes:
                self.ledger.book(outcome)

        self.run(run_trial, [(trial,) for trial in trials], book)

    def halve(self, trials, max_iter, selection, fit_ahead):
        """Train trials of one candidate each in rounds; drop the worst after each.

        What ``selection`` would choose after a round enters the next one, whatever its rank.

        Parameters
        ----------
        trials : list of Trial
        max_iter : int
            Epochs of the last round.
        selection : {"best", "one_se"}
        fit_ahead : callable or None
            Called with the brake and the parameters of a candidate that enters the last round
            alone, beside that round, where threads share it.
        """
        ledger, paused = self.ledger, {}
        alive, rounds = range(len(ledger.candidates)), rungs(len(ledger.candidates), max_iter)
        for number, rung in enumerate(rounds):
            if number:
                alive = survivors(ledger, alive, rung.n_candidates, selection)
            entered = [trial for trial in trials if trial.candidates[0][0] in alive]
            going = [trial for trial in entered if not number or key_of(trial) in paused]
            tasks = [(trial, paused.pop(key_of(trial), None), rung.last) for trial in going]
            beside = None
            is_decided = rung is rounds[-1] and len(alive) == 1
            # Beside nothing, a fit has all threads for itself.
            if fit_ahead and is_decided and going and shares_threads(self._n_jobs):
                chosen = ledger.candidates[alive[0]]
                beside = partial(_beside, fit_ahead, chosen, self._brake)
            self._round(tasks, paused, number, beside)
            if self.interrupted:
                return
            ledger.round[list(alive)] = number
            paused = {key: state for key, state in paused.items() if key[0] in alive}

    def _round(self, tasks, paused, number, beside):
        """Run one round; scores of a candidate count once all its folds have ended."""
        n_tasks, waiting = defaultdict(int), defaultdict(list)
        for trial, *_ in tasks:
            n_tasks[trial.candidates[0][0]] += 1

        def book(outcomes, state):
            for outcome in outcomes:
                ready = waiting[outcome.candidate]
                ready.append(outcome)
                if state is not None:
                    paused[outcome.candidate, outcome.fold] = state
                if len(ready) == n_tasks[outcome.candidate]:
                    self.ledger.round[outcome.candidate] = number
                    for each in ready:
                        self.ledger.book(each)

        self.run(run_leg, tasks, book, beside)


def _call(function, *arguments):
    return function(*arguments)


def _beside(fit_ahead, params, brake):
    """Return what a leg of no candidate returns."""
    fit_ahead(params, brake)
    return [], False, None


def key_of(trial):
    """Return the numbers of candidate and fold of a trial with one candidate."""
    return trial.candidates[0][0], trial.fold.number


def survivors(ledger, alive, n_kept, selection):
    """Return the candidates that go on, of those that are alive and have a score at all.

    They are the ``n_kept`` best and the one that would be chosen now.
    """
    means = ledger.mean
    scored = [number for number in alive if not np.isnan(means[number])]
    if not scored:
        return []
    best = sorted(scored, key=lambda number: -means[number])[:n_kept]
    return sorted({*best, choose_among(ledger, scored, selection)})


def run_leg(trial, paused, last, *data):
    """Train a candidate on a fold up to the epoch ``last``, from where it has paused.

    Parameters
    ----------
    trial : Trial
        Of one candidate.
    paused : Paused or None
        None begins.
    last : int
    *data : the fields of `Data`

    Returns
    -------
    outcomes : list of Outcome
        One, of the network as it stands.
    interrupted : bool
    paused : Paused or None
        None where there is nothing to go on with.
    """
    data, start = Data(*data), time.perf_counter()
    number, params = trial.candidates[0]
    if data.brake.pulled:
        return [], True, None
    try:
        run, leg = begin_leg(trial, params, data) if paused is None else paused
        attach(run, trial, data)
        run.watch = Watch(None, 0, data.brake)
        run.advance(leg, last)
    except Exception as error:  # whatever it is, the search goes on
        return [failure(trial, number, error, start)], False, None
    if run.watch.cut_short(run.interrupted):
        return [], True, None
    outcome = rate(trial, number, run.estimator, data, time.perf_counter() - start)
    run.rows = None
    if run.validation is trial.fold.prepare(trial.network, data).own:
        run.validation = None
    return [outcome], False, None if leg.memory is None else Paused(run, leg)


def begin_leg(trial, params, data):
    """Return a run that has not begun, and its first leg."""
    network, start = begin(trial, params, data)
    run, random_state = network._new_run(start)
    return run, run.leg(random_state)


def attach(run, trial, data):
    """Give a run the rows that it goes on with."""
    prepared = trial.fold.prepare(trial.network, data)
    run.rows = Rows(data.X, prepared.target, prepared.weight)
    if run.validation is None:
        run.validation = prepared.own
