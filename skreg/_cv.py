"""What both cross-validated estimators share: candidates, folds, the search, the chosen network."""

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import product
from numbers import Integral, Number

import numpy as np
import scipy.sparse as sp
import sklearn
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import indexable
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping

from skreg._augmenting import AugmentationMixin
from skreg._callbacks import CallbackSupportMixin, Watch
from skreg._constraints import CONSTRAINTS
from skreg._docs import DocLinkMixin
from skreg._folds import Data, Trial, divide, path_trials
from skreg._halving import Sweep, rungs
from skreg._inputs import check_data, check_validation, check_weight, encode_rows, one_column
from skreg._kernels.solvers import SOLVERS
from skreg._null_model import null_on_demand
from skreg._parallel import check_n_jobs
from skreg._parameters import hidden_units, per_layer, spread, strengths
from skreg._refit import Refit
from skreg._regularization import (
    CHOOSE_STOCHASTIC,
    batch_augmentation,
    network_penalties,
    refuse_combinations,
    refuse_solver,
)
from skreg._routing import refuse_extra, route
from skreg._scores import takes_weights
from skreg._search import AXES, Ledger, choose, grid, paths
from skreg._sklearn import Interval, StrOptions, fit_context
from skreg._warnings import warn

N_STRENGTHS = 10  # of l2, where nothing else is asked for

SEARCH_CONSTRAINTS = {
    **{f"{name}s": ["array-like", Interval(Integral, 1, None, closed="left"), None]
       for name in AXES},
    "cv": ["cv_object"],
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],  # "loss" is told of
    "selection": [StrOptions({"best", "one_se"})],
    "warm_path": ["boolean"],
    "halving": ["boolean"],
    "refit": ["boolean"],
    "early_stopping_scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
}  # fmt: skip


class BaseMLPCV(CallbackSupportMixin, AugmentationMixin, DocLinkMixin, BaseEstimator, ABC):
    """Base of the cross-validated perceptrons; not to be used directly."""

    _parameter_constraints: dict = CONSTRAINTS | SEARCH_CONSTRAINTS
    __metadata_request__fit = {"groups": UNUSED}  # a matter of the splitter's

    @property
    @abstractmethod
    def _plain(self):
        """The class of the networks that are fitted."""

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, groups=None, X_val=None, y_val=None,
            sample_weight_val=None, **params):  # fmt: skip
        """Choose the strengths by cross-validation, and fit with them on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, in training and in scores: as in
            `sklearn.model_selection.GridSearchCV`, a scorer that accepts weights gets them, or
            one that requests them where metadata routing is enabled.
        groups : array-like of shape (n_samples,), default=None
            Groups of the rows, for a ``cv`` that keeps them together.
        X_val, y_val, sample_weight_val : as in the `fit` of the plain estimator
            Validation rows that every fit watches, for ``early_stopping``.
        **params : dict of str -> object
            Where metadata routing is enabled, weights and groups under the names by which the
            splitter and the scorer ask for them.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data are such that no candidate can be fitted, or all of them fail.
        KeyboardInterrupt
            If the search is interrupted before one candidate is done on all folds.
        """
        self._check_settings()
        network, validation = self._plain_estimator(), (X_val, y_val, sample_weight_val)
        flat = one_column(y)  # splitters, and scorers of the user's own, see y as it is
        checked_X, checked_y = check_data(network, X, flat)
        weight = check_weight("sample_weight", sample_weight, checked_X)
        if isinstance(sample_weight, Number):  # the weight of every row
            sample_weight = np.full(checked_X.shape[0], sample_weight, dtype=np.float64)
        split_keywords, score_weight = self._routed(network, sample_weight, groups, params)
        shown = self._shown(X, y, checked_y.dtype)
        data = Data(checked_X, checked_y, weight, score_weight, *shown)
        axes = self._axes(network, (X, flat, sample_weight))
        data = data._replace(target=self._refuse_unfit(network, axes, data, validation))
        candidates = list(ParameterGrid(axes))
        folds = divide(
            self.cv, checked_X.shape[0], (X, y), split_keywords, validation, is_classifier(self)
        )
        ledger = Ledger(candidates, len(folds))
        watch = Watch(self, self._n_tasks(ledger), rows=(X, y, sample_weight))
        trials = self._trials(network, folds, candidates)
        sweep = Sweep(data, ledger, watch, self.n_jobs)
        refit = Refit(network, (X, flat, sample_weight, *validation), self.n_jobs)
        if self.halving:
            fit_ahead = refit.fit_ahead if self.refit and refit.can_be_ahead() else None
            sweep.halve(trials, self.max_iter, self.selection, fit_ahead)
        else:
            sweep.finish(trials)
        self._report(ledger, sweep.interrupted)
        fitted = {"n_splits_": len(folds), "n_features_in_": network.n_features_in_}
        if hasattr(network, "feature_names_in_"):
            fitted["feature_names_in_"] = network.feature_names_in_
        self._keep(ledger, fitted)
        if self.refit:
            self.best_estimator_, self.refit_time_ = refit.of(self._visited(), sweep.interrupted)
            watch.done("refit")
            watch.show(lambda: vars(self))
        watch.close()
        return self

    # What is searched.

    def _check_settings(self):
        """Refuse what does not go together."""
        check_n_jobs(self.n_jobs)
        if self.scoring == "loss":
            scorer = "neg_log_loss" if is_classifier(self) else "neg_mean_squared_error"
            raise ValueError(
                "scoring='loss' is what early stopping may watch: give it to "
                f"early_stopping_scoring, and choose strengths by scoring={scorer!r}, for example."
            )
        if self.halving and self.solver not in SOLVERS:
            raise ValueError(
                f"halving=True pauses fits between epochs, which solver={self.solver!r} does not "
                f"have; {CHOOSE_STOCHASTIC}, or halving=False."
            )
        if self.halving and self.warm_path:
            raise ValueError(
                "halving=True and warm_path=True exclude each other: a path goes through every "
                "strength, halving drops most of them; choose one."
            )

    def _plain_estimator(self):
        """Return an estimator as it is fitted, without the strengths."""
        names = inspect.signature(self._plain).parameters
        # Attributes, because a subclass may have fewer parameters than it sets.
        params = {name: getattr(self, name) for name in names}
        params["scoring"] = self.early_stopping_scoring
        # Beside other fits, one thread is what each of them gets.
        params["n_jobs"] = None if self.n_jobs is None else 1
        return clone(self._plain(**params))

    def _axes(self, network, rows):
        """Return the strengths of every parameter that is searched."""
        asked = {name: getattr(self, f"{name}s") for name in AXES}
        asked = {name: value for name, value in asked.items() if value is not None}
        asked, find_null = asked or {"l2": N_STRENGTHS}, null_on_demand(network, rows)
        return {name: grid(name, value, find_null) for name, value in asked.items()}

    def _refuse_unfit(self, network, axes, data, validation):
        """Refuse what no candidate can be fitted with, once and in the plain estimator's words.

        Return the targets as they are encoded all together.
        """
        probe, hidden = copy.copy(network), hidden_units(network.hidden_layer_sizes)
        for name in axes:
            given = getattr(network, name)
            if name == "dropout":
                per_layer(name, given, len(hidden), "hidden layer")
            elif np.ndim(given):
                pattern = strengths(name, given, len(hidden) + 1)
                if not pattern.any():
                    raise ValueError(
                        f"{name}={given!r} is a pattern that {name}s multiplies, but it has no "
                        "entry above 0; give 1 where a matrix is to be penalized."
                    )
        # A strength that is searched may be a pattern: one zero for each of its matrices.
        vars(probe).update(spread(network, dict.fromkeys(axes, 0.0)))
        refuse_combinations(probe, sp.issparse(data.X))
        target, *_ = encode_rows(probe, data.y, data.weight, data.X.dtype)
        check_validation(probe, validation, data.X.dtype)
        probe._network((data.X.shape[1], *hidden, probe._n_outputs(target)), 0)
        network_penalties(probe, len(hidden) + 1)
        batch_augmentation(probe)
        for name, searched in axes.items():
            refuse_solver(self.solver, name, getattr(self, f"{name}s"), searched)
        return target

    def _shown(self, X, y, checked_dtype):
        """Return X and y for scorers that see them as they were given, or nothing."""
        # Scores of a frame or a list of targets, or of converted ones, differ by bits.
        is_other = hasattr(y, "columns") or isinstance(y, list | tuple)
        if not is_classifier(self):
            is_other |= getattr(y, "dtype", None) != checked_dtype
        return indexable(X, y) if callable(self.scoring) or is_other else ()

    def _trials(self, network, folds, candidates):
        """Return what is fitted in one go: a candidate on a fold, or a path of them."""
        scoring = None if self.scoring is None else check_scoring(network, scoring=self.scoring)
        if self.warm_path:
            return path_trials(network, folds, paths(candidates), scoring)
        return [
            Trial(network, fold, [numbered], scoring)
            for numbered, fold in product(enumerate(candidates), folds)
        ]

    def _n_tasks(self, ledger):
        """Return how many fits the callbacks are told of."""
        n_candidates = len(ledger.candidates)
        if self.halving:
            rounds = rungs(n_candidates, self.max_iter)
            n_candidates = sum(rung.n_candidates for rung in rounds)
            if self.selection != "best":  # its choice after a round may be no survivor
                n_candidates += len(rounds) - 1
        return n_candidates * ledger.n_splits + self.refit

    def _routed(self, network, sample_weight, groups, params):
        """Return the keywords of the splitter, and weights of the rows for the scorer or None."""
        if sklearn.get_config()["enable_metadata_routing"]:
            given = {"sample_weight": sample_weight, "groups": groups}
            routed = route(self, "fit", given, params)
            keywords, weight = routed.splitter.split, routed.scorer.score.get("sample_weight")
        else:
            refuse_extra(self, "fit", params)
            keywords, weight = {} if groups is None else {"groups": groups}, sample_weight
            if weight is not None:
                weight = self._weight_for(check_scoring(network, scoring=self.scoring), weight)
        # Of a list, scores would differ from those of an array by bits, as in GridSearchCV.
        is_list = weight is None or isinstance(weight, list | tuple)
        return keywords, weight if is_list else np.asarray(weight)

    def _weight_for(self, scorer, weight):
        """Return the weights, or None with a warning where the scorer does not accept them."""
        if takes_weights(scorer):
            return weight
        warn(
            f"scoring={self.scoring!r} does not accept sample_weight: fits are weighted, scores "
            "are not. Choose a scorer that accepts weights."
        )
        return None

    def get_metadata_routing(self):
        """Return where metadata goes: weights to the fits, groups to the splitter.

        Returns
        -------
        routing : MetadataRouter
            As `sklearn.model_selection.GridSearchCV` has it.
        """
        to_split = MethodMapping().add(caller="fit", callee="split")
        to_score = MethodMapping().add(caller="fit", callee="score")
        to_score.add(caller="score", callee="score")
        # The name: scikit-learn 1.7 copies an owner with all that it holds.
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        cv = None if isinstance(self.cv, Iterator) else self.cv  # a look would use it up
        router.add(splitter=check_cv(cv), method_mapping=to_split)
        # The networks' own score asks for what this object asks for, and errors name this object.
        scorer = self._get_metadata_request()
        if self.scoring is not None:
            scorer = check_scoring(self._plain_estimator(), scoring=self.scoring)
        return router.add(scorer=scorer, method_mapping=to_score)

    # What comes out.

    def _report(self, ledger, interrupted):
        """Warn of what went wrong; refuse to go on where nothing went well."""
        failures = ledger.failures()
        if np.isnan(ledger.mean).all():
            if interrupted:
                raise KeyboardInterrupt("The search was interrupted before a candidate was done.")
            # The reason names its remedy: features to scale where training diverged.
            raise ValueError(
                f"All {len(ledger.candidates)} candidates failed. The candidate {failures[0]}"
            )
        for failed in failures:
            warn(f"The candidate {failed}", FitFailedWarning)
        is_done = ~np.isnan(ledger.mean)
        if interrupted and self.halving:
            last = ledger.round[is_done].max()
            n_last = (is_done & (ledger.round == last)).sum()
            warn(
                f"Search interrupted: {n_last} of {is_done.size} candidates have completed round "
                f"{last + 1} of {len(rungs(is_done.size, self.max_iter))}, and the choice is among "
                "them; the others have the scores of earlier rounds, or nan."
            )
        elif interrupted and not is_done.all():
            warn(
                f"Search interrupted: {is_done.sum()} of {is_done.size} candidates are complete, "
                "and the best of them is chosen; the others score nan."
            )

    def _keep(self, ledger, fitted):
        """Write the fitted attributes of the search."""
        for name in [name for name in vars(self) if name.endswith("_") and name[0] != "_"]:
            delattr(self, name)  # of an earlier fit
        self.cv_results_ = ledger.table(with_epochs=self.halving)
        self.best_index_ = choose(ledger, self.selection)
        self.best_params_ = ledger.candidates[self.best_index_]
        self.best_score_ = self.cv_results_["mean_test_score"][self.best_index_]
        for name in AXES:
            setattr(self, f"{name}_", self.best_params_.get(name, getattr(self, name)))
        vars(self).update(fitted)

    def _visited(self):
        """Return the strengths that the chosen network goes through: along its path, if any."""
        if not self.warm_path:
            return [self.best_params_]
        numbers = next(
            [number for number, _ in path]
            for path in paths(self.cv_results_["params"])
            if self.best_index_ in [number for number, _ in path]
        )
        last = numbers.index(self.best_index_)
        return [self.cv_results_["params"][number] for number in numbers[: last + 1]]
