"""What both estimators share: from parameters and data to an engine and back."""

import copy
import json
import operator
import zlib
from abc import ABC, abstractmethod

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skreg._architecture import flat_parameters, initial_parameters, units_of, views, weights_dtype
from skreg._augmenting import AugmentationMixin
from skreg._callbacks import CallbackSupportMixin, Watch
from skreg._constraints import CONSTRAINTS
from skreg._docs import DocLinkMixin
from skreg._fitted import FittedMixin
from skreg._inputs import check_rows, check_validation
from skreg._kernels.links import LINK_CODES, LINK_IDENTITY
from skreg._kernels.solvers import SOLVERS
from skreg._lbfgs_run import LbfgsRun
from skreg._parameters import (
    activation_codes,
    activation_names,
    dropout_rates,
    fill_starting_values,
    hidden_units,
)
from skreg._penalties import clear_excluded
from skreg._prediction import predict_outputs
from skreg._random_state import random_state_of
from skreg._regularization import refuse_combinations, takes_sparse_rows
from skreg._runs import Start, latest_parameters
from skreg._sklearn import fit_context
from skreg._stochastic_run import StochasticRun
from skreg._task import Network
from skreg._validation import check_scoring_name, split_validation
from skreg._warnings import warn

FEW_NUMBERS = 2**18  # whose checks would take as long as the prediction


class BaseMLP(
    CallbackSupportMixin, FittedMixin, AugmentationMixin, DocLinkMixin, BaseEstimator, ABC
):
    """Base of the multi-layer perceptrons; not to be used directly."""

    _parameter_constraints: dict = CONSTRAINTS

    _columns = None  # those that a compressed network reads; None reads all
    _history_room = None  # arrays of which those of `history_` are the beginning
    _brake = None  # a `Brake` where one of several fits in a row may be cut short
    _keeps_anchor = False  # whether fits in a row are pulled to where the first one has begun
    _checked = None  # values of the parameters, in their order, when they were checked last

    # What the two kinds of estimators answer differently.

    @abstractmethod
    def _encode(self, y, first_pass, incremental):
        """Learn the outputs from ``y`` and return targets (n_samples, n_targets)."""

    @abstractmethod
    def _encode_validation(self, y_val, dtype=np.float64, name="y_val"):
        """Return the targets of rows that are not trained on, which ``dtype`` has to hold."""

    @abstractmethod
    def _loss(self):
        """Return code and parameter of the loss."""

    @abstractmethod
    def _n_outputs(self, target):
        """Return how many raw outputs the network has."""

    @abstractmethod
    def _default_score(self, raw, target, weight):
        """Return what early stopping watches by default."""

    def _class_weights(self, target, weight):
        """Return the sample weights times the class weights."""
        return weight

    def _smoothing(self):
        """Return how much of every label is spread over all classes in training."""
        return 0.0

    def _stratify(self, target):
        """Return labels by which a validation split is stratified, or None."""
        return None

    def __getstate__(self):
        """Return what is pickled and copied: no room for more epochs, which has one owner."""
        state = dict(super().__getstate__())
        for name in ("_history_room", "_checked"):
            state.pop(name, None)
        return state

    # Public methods.

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None,
            coef_init=None, intercept_init=None):  # fmt: skip
        """Learn the weights of the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative. A row of weight zero changes nothing, but its label
            stays among the classes.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            Validation rows of one's own. They are scored after every epoch, and early stopping
            uses them instead of a part of ``X``.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Targets of ``X_val``.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Weights of the validation rows.
        coef_init : list of arrays, default=None
            Weights to start from, one array of shape (fan_in, fan_out) per layer.
        intercept_init : list of arrays, default=None
            Biases to start from, one array of shape (fan_out,) per layer.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are out of their range or do not go together, or if the
            weights became infinite or NaN; the estimator stays what it was.
        """
        validation = (X_val, y_val, sample_weight_val)
        return self._fit((X, y, sample_weight), validation, (coef_init, intercept_init), False)

    def _partial_fit(self, rows, validation, learned=()):
        self._check_solver()
        values = [getattr(self, name) for name in self._parameter_constraints]
        self._check_changed(values)
        self._fit(rows, validation, (None, None), True, learned)
        self._checked = values
        return self

    def _check_changed(self, values):
        """Check the parameters if one was set since the last call: scikit-learn checks the first.

        To check them every time would take a sixth of a call on few rows.
        """
        before = self._checked
        if before is None or not all(map(operator.is_, values, before)):
            self._validate_params()

    def _check_solver(self):
        if self.solver not in SOLVERS:
            raise AttributeError(
                "partial_fit is only available for stochastic"
                f" optimizers. {self.solver} is not stochastic."
            )
        return True

    # Fitting.

    def _fit(self, rows, validation, starting, incremental, learned=()):
        refuse_combinations(self, sp.issparse(rows[0]))
        check_scoring_name(self.scoring)
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        watch = self._watch(rows, incremental)
        fitted, before = copy.copy(self), set(vars(self))  # this one changes only if all goes well
        vars(fitted).update(learned, _history_room=self._history_room)
        train_rows, index = check_rows(fitted, rows, first_pass, incremental)
        own = check_validation(fitted, validation, train_rows.X.dtype)
        if incremental and self.early_stopping and own is None:
            raise ValueError(
                "partial_fit does not support early_stopping=True without a validation set; give "
                "X_val and y_val."
            )
        start = Start(train_rows, index, rows[1], own, starting, first_pass, incremental)
        fitted._run(start, watch)
        vars(self).update(vars(fitted))
        for name in before.difference(vars(fitted)):
            delattr(self, name)
        watch.show(lambda: vars(self))
        watch.close()
        return self

    def _watch(self, rows, incremental):
        """Return what tells the callbacks of every epoch."""
        n_epochs = 1 if incremental else self.max_iter
        n_begun = n_epochs + (self.solver not in SOLVERS)  # lbfgs ends while the next has begun
        return Watch(self, n_begun, self._brake, rows)

    def _run(self, start, watch):
        """Train on checked rows, keep what was learned, and return the run."""
        run, random_state = self._new_run(start)
        run.watch = watch
        run.start(random_state)
        run.interrupted = watch.cut_short(run.interrupted)
        return run

    def _new_run(self, start):
        """Prepare a run on checked rows.

        Parameters
        ----------
        start : Start

        Returns
        -------
        run : Run
        random_state : RandomState
            What draws the order of the rows.
        """
        random_state = random_state_of(self.random_state)
        seed = _derived_seed(random_state)
        units = self._units(start.rows, start.is_new)
        flat = self._starting_parameters(units, start, random_state)
        if start.own is None and self.early_stopping:
            index, own = split_validation(self, start.rows, start.index, start.y, random_state)
            start = start._replace(index=index, own=own)
        run = StochasticRun if self.solver in SOLVERS else LbfgsRun
        run = run(self, self._network(units, seed), start)
        clear_excluded(flat, units, run.penalties)
        run.flat, run.anchor = flat, self._anchor_of(flat, run.penalties, start.incremental)
        if not start.is_new and all(given is None for given in start.starting):
            run.latest = latest_parameters(self)
        return run, random_state

    def _units(self, rows, first_pass):
        hidden = hidden_units(self.hidden_layer_sizes)
        units = (rows.X.shape[1], *hidden, self._n_outputs(rows.target))
        if not first_pass:
            before = units_of(self.coefs_)
            if before != units:
                raise ValueError(
                    f"The fitted network has layers of {before} units, but the parameters ask "
                    f"for {units}. Call fit with warm_start=False, which begins anew, or keep "
                    "hidden_layer_sizes."
                )
        return units

    def _starting_parameters(self, units, start, random_state):
        """Return the flat vector that training starts from."""
        dtype = start.rows.X.dtype
        if start.is_new:
            flat = initial_parameters(units, self._glorot_factors(), random_state, dtype)
        else:
            flat = flat_parameters(self.coefs_, self.intercepts_).astype(dtype, copy=False)
        if start.is_new or self._are_foreign(units):
            self.t_, self.n_iter_, self.history_ = 0, 0, None
            self._solver_state = self._progress_state = self._anchor = None
        for name, given, parts in zip(
            ("coef_init", "intercept_init"), start.starting, views(flat, units), strict=True
        ):
            fill_starting_values(name, given, parts)
        return flat

    def _are_foreign(self, units):
        """Return whether the weights were set by hand: what was learned along with others ends."""
        state = getattr(self, "_solver_state", None)
        return not hasattr(self, "history_") or (state is not None and state["units"] != units)

    def _anchor_of(self, flat, penalties, incremental):
        """Return the weights that ``l2_anchor`` pulls to, those of the first `partial_fit`."""
        state = self._solver_state
        goes_on = self._keeps_anchor or (incremental and state and state["incremental"])
        if not penalties.l2_anchor.any():
            self._anchor = None
        elif self._anchor is None or not goes_on:
            self._anchor = flat.copy()
        elif penalties.factors is not None:
            self._anchor = self._anchor.copy()
            clear_excluded(self._anchor, units_of(self.coefs_), penalties)
        return self._anchor

    def _glorot_factors(self):
        """Return scikit-learn's factor of the initial variance for each weight matrix."""
        n_hidden = len(hidden_units(self.hidden_layer_sizes))
        names = activation_names(self.activation, n_hidden)
        last = names[-1] if names else self.activation
        return [2.0 if name == "logistic" else 6.0 for name in (*names, last)]

    def _network(self, units, seed):
        n_hidden = len(units) - 2
        loss, parameter = self._loss()
        drop = dropout_rates("dropout", self.dropout, n_hidden)
        return Network(
            units=units,
            activations=activation_codes(self.activation, n_hidden),
            loss=loss,
            parameter=parameter,
            link=LINK_IDENTITY,
            dropout=(float(self.input_dropout), *drop),
            seed=seed,
            smoothing=self._smoothing(),
        )

    def _batch_size(self, n_samples):
        if isinstance(self.batch_size, str):
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                f"clipped: batch_size={self.batch_size}, n_samples={n_samples}."
            )
        return int(np.clip(self.batch_size, 1, n_samples))

    # Prediction.

    def _raw(self, X):
        """Return the raw outputs (n_samples, n_outputs) of the plain network."""
        return self._outputs(X, "identity")

    def _linked(self, X):
        """Return the outputs behind the output activation."""
        return self._outputs(X, self.out_activation_ if hasattr(self, "coefs_") else None)

    def _outputs(self, X, link):
        if not hasattr(self, "coefs_"):  # asking first saves a tenth of a one-row prediction
            check_is_fitted(self)
        dtype = weights_dtype(self.coefs_)
        if not self._is_ready(X, dtype):
            X = self._check_prediction_rows(X)
        units = units_of(self.coefs_)
        codes = activation_codes(self.activation, len(units) - 2)
        network = Network.plain(units, codes, LINK_CODES[link])
        return predict_outputs(network, (self.coefs_, self.intercepts_), X, self.n_jobs)

    def _is_ready(self, X, dtype):
        """Return whether a few rows pass every check as they are; the full ones cost more."""
        return (
            type(X) is np.ndarray
            and X.dtype == dtype
            and X.ndim == 2
            and 0 < X.size <= FEW_NUMBERS
            and X.shape[1] == getattr(self, "n_features_in_", None)
            and not hasattr(self, "feature_names_in_")
            and self._columns is None
            and bool(np.isfinite(X).all())
        )

    def __sklearn_tags__(self):
        """Say that sparse input is welcome, but for transforms, which need dense rows."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = takes_sparse_rows(self)
        return tags


def _derived_seed(random_state):
    """Return a seed for the counter-based generator without drawing from ``random_state``."""
    state = random_state.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        return zlib.crc32(json.dumps(state, default=np.ndarray.tolist, sort_keys=True).encode())
    key, position = state["state"]["key"], state["state"]["pos"]
    return zlib.crc32(np.asarray(key).tobytes() + int(position).to_bytes(4, "little"))
