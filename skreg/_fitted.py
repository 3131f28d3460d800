"""What a fitted network tells about itself: draws, importances, a smaller twin, its objective."""

import copy

import numpy as np
from scipy.special import expit
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skreg._architecture import check_shapes, flat_parameters, scattered, units_of, weights_dtype
from skreg._compression import compress_network
from skreg._costs import flops_of_outputs
from skreg._draws import check_n_draws, draw_blocks
from skreg._engine import Engine
from skreg._inputs import as_rows, check_rows, read_columns
from skreg._kernels.links import LINK_CODES
from skreg._labels import BINARY
from skreg._parameters import activation_codes
from skreg._penalties import Terms
from skreg._regularization import network_penalties
from skreg._runs import solver_state
from skreg._task import CHUNK_ROWS
from skreg._threads import Threads

# What `compress` writes anew: weights and everything that is as long as they are.
REPLACED = {"coefs_", "intercepts_", "_columns", "_solver_state", "_progress_state", "_anchor"}


class FittedMixin:
    """What both estimators can be asked after the fit, besides predictions."""

    # Weights.

    @property
    def feature_importances_(self):
        """Euclidean norms of the features' outgoing weights, summing to one.

        All are zero where all weights are. They compare features of equal scale, and with a
        penalty that empties rows (``group_l1``, or enough ``l1``) they are exact zeros for
        features that the network does not use. `sklearn.feature_selection.SelectFromModel`
        reads them.

        Returns
        -------
        importances : array of shape (n_features,)

        Examples
        --------
        >>> import numpy as np
        >>> from skreg import MLPRegressor
        >>> X = np.random.default_rng(0).normal(size=(200, 5))
        >>> network = MLPRegressor((), solver="lbfgs", l1=0.1).fit(X, X[:, 1] - X[:, 3])
        >>> network.feature_importances_.round(1)
        array([0. , 0.5, 0. , 0.5, 0. ])
        """
        check_is_fitted(self, "coefs_")
        weights = self.coefs_[0].astype(np.float64)
        largest = np.abs(weights).max(initial=0)
        if largest > 0:  # scaled by a power of two, no square is too small or too large
            weights = np.ldexp(weights, -np.frexp(largest)[1])
        norms = np.linalg.norm(weights, axis=1)
        total = norms.sum()
        return self._spread(norms / total if total > 0 else norms)

    @property
    def active_features_(self):
        """Sorted indices of the columns of X with a weight that is not zero.

        Returns
        -------
        indices : array of shape (n_active_features,)

        Examples
        --------
        >>> import numpy as np
        >>> from skreg import MLPRegressor
        >>> X = np.random.default_rng(0).normal(size=(200, 5))
        >>> network = MLPRegressor((), solver="lbfgs", l1=0.1).fit(X, X[:, 1] - X[:, 3])
        >>> network.active_features_
        array([1, 3])
        """
        check_is_fitted(self, "coefs_")
        return np.flatnonzero(self._spread(self.coefs_[0].any(axis=1)))

    @property
    def n_nonzero_(self):
        """Number of weights, biases aside, that are not zero.

        Returns
        -------
        n_nonzero : int

        Examples
        --------
        >>> import numpy as np
        >>> from skreg import MLPRegressor
        >>> X = np.random.default_rng(0).normal(size=(200, 5))
        >>> network = MLPRegressor((), solver="lbfgs", l1=0.1).fit(X, X[:, 1] - X[:, 3])
        >>> network.n_nonzero_
        2
        """
        check_is_fitted(self, "coefs_")
        return sum(int(np.count_nonzero(coef)) for coef in self.coefs_)

    def _spread(self, values):
        """Return values of the columns that are read among zeros for the others."""
        if self._columns is None:
            return values
        return scattered(values, self._columns, self.n_features_in_)

    # Epochs: made where they are asked for, since a stream of blocks would copy them each time.

    @property
    def loss_curve_(self):
        """Objective of every epoch since the weights were initialized.

        Returns
        -------
        curve : list of float
        """
        check_is_fitted(self, "coefs_")
        return (self.history_["loss"] + self.history_["penalty"]).tolist()

    @loss_curve_.setter
    def loss_curve_(self, curve):
        """Ignore it: the curve is that of ``history_``. scikit-learn's may be set by hand."""

    @property
    def validation_scores_(self):
        """Validation score of every epoch; None without early stopping.

        Returns
        -------
        scores : list of float or None
        """
        check_is_fitted(self, "coefs_")
        if self.best_validation_score_ is None:
            return None
        return self.history_["validation_score"].tolist()

    # Monte-Carlo dropout.

    def sample_predictions(self, X, n_draws=100, random_state=None):
        """Draw predictions with units dropped as in training (Monte-Carlo dropout).

        How far the draws of a row lie apart says how sure the network is: they are approximately
        draws from the posterior of a Bayesian network (Gal & Ghahramani 2016, "Dropout as a
        Bayesian approximation", ICML). The noise of the targets comes on top.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_draws : int, default=100
            Draws of every row, at least 1.
        random_state : int, RandomState instance or None, default=None
            Seeds the draws, which are the same for any number of threads; None takes the
            estimator's ``random_state``.

        Returns
        -------
        draws : array of shape (n_draws, n_samples, n_outputs)
            Predicted means of a regressor, ``n_outputs=1`` for a single target; probabilities of
            a classifier in the columns of `predict_proba`. Every row of every draw has units of
            its own dropped.

        Raises
        ------
        ValueError
            If neither ``dropout`` nor ``input_dropout`` drops anything.

        Examples
        --------
        >>> import numpy as np
        >>> from skreg import MLPRegressor
        >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
        >>> network = MLPRegressor((64,), dropout=0.1, max_iter=100, random_state=0)
        >>> draws = network.fit(X, X[:, 0] ** 2).sample_predictions([[0.0], [5.0]], n_draws=500)
        >>> draws.shape
        (500, 2, 1)
        >>> inside, outside = draws.std(axis=0)[:, 0]
        >>> bool(outside > 2 * inside)  # far from the data the draws disagree
        True
        """
        n_rows, n_outputs, blocks = self._draws(X, n_draws, random_state)
        out = np.empty((n_draws, n_rows, n_outputs), weights_dtype(self.coefs_))
        for rows, draws in blocks:
            out[:, rows] = draws
        return out

    def _draws(self, X, n_draws, random_state):
        """Return numbers of rows and outputs, and blocks: slices of rows and their draws."""
        check_is_fitted(self, "coefs_")
        check_n_draws(n_draws)
        X = self._check_prediction_rows(X)
        random_state = check_random_state(
            self.random_state if random_state is None else random_state
        )
        network = self._network(units_of(self.coefs_), random_state.randint(2**32, dtype=np.uint32))
        if not any(network.dropout):
            raise ValueError(
                f"dropout={self.dropout!r} and input_dropout={self.input_dropout!r} drop nothing, "
                "so all draws would be equal; fit with a positive dropout (of hidden units) or "
                "input_dropout, or predict without draws."
            )
        parameters = self.coefs_, self.intercepts_
        if getattr(self, "_label_type", None) != BINARY:
            network = network._replace(link=LINK_CODES[self.out_activation_])
            blocks = draw_blocks(network, parameters, X, n_draws, self.n_jobs)
            return X.shape[0], network.units[-1], blocks
        n_classes = self.classes_.size
        blocks = draw_blocks(network, parameters, X, n_draws, self.n_jobs)
        both = ((rows, class_probabilities(raw, n_classes)) for rows, raw in blocks)
        return X.shape[0], n_classes, both

    def _draw_moments(self, X, n_draws, random_state):
        """Return mean and standard deviation over the draws, (n_samples, n_outputs) each."""
        n_rows, n_outputs, blocks = self._draws(X, n_draws, random_state)
        mean, std = np.empty((2, n_rows, n_outputs), weights_dtype(self.coefs_))
        for rows, draws in blocks:
            mean[rows] = draws.mean(axis=0, dtype=np.float64)
            std[rows] = draws.std(axis=0, dtype=np.float64)
        return mean, std

    def _check_prediction_rows(self, X):
        dtype = weights_dtype(self.coefs_)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=dtype, reset=False)
        return read_columns(self, as_rows(X, [dtype]))

    # A smaller twin.

    def compress(self):
        """Return a network without dead inputs and dead units that predicts the same.

        Dead is a unit that nothing reads, or that reads nothing: what the latter contributes is
        constant and goes into the next biases. Dead is an input without outgoing weights. At
        least one unit per layer and one input stay. It pays after ``group_l1`` or ``l1`` have
        emptied whole rows: predictions then cost what the remaining network costs.

        Returns
        -------
        network : object
            A new fitted estimator; this one is not changed. It takes the same columns of X, reads
            `active_features_` of them, and has the remaining units as ``hidden_layer_sizes``.
            `partial_fit` and warm starts train the remaining network, from fresh moments of the
            solver; a new `fit` begins with all columns again.

        Raises
        ------
        NotFittedError
            If there is no network yet.

        Notes
        -----
        Predictions are equal up to rounding. Draws (`sample_predictions`) are not: constant units,
        which dropout dropped, are gone. `penalty_breakdown` weighs groups by the sizes that are
        left, and measures "l2_anchor" from the weights of the next training on. When the
        remaining network is trained on, a ``scoring`` of one's own sees zeros in the columns that
        are not read.

        Examples
        --------
        >>> import numpy as np
        >>> from skreg import MLPRegressor
        >>> X = np.random.default_rng(0).normal(size=(300, 20))
        >>> network = MLPRegressor(
        ...     (30,), group_l1=0.02, learning_rate_init=0.01, random_state=0
        ... ).fit(X, np.abs(X[:, 0]))
        >>> small = network.compress()
        >>> bool(small.hidden_layer_sizes[0] < 30)
        True
        >>> bool(np.allclose(small.predict(X), network.predict(X)))
        True
        """
        check_is_fitted(self, "coefs_")
        codes = activation_codes(self.activation, len(self.coefs_) - 1)
        coefs, intercepts, columns = compress_network(self.coefs_, self.intercepts_, codes[:-1])
        other = clone(self)
        for name, value in self.__getstate__().items():
            if name not in vars(other) and name not in REPLACED:
                setattr(other, name, copy.deepcopy(value))
        other.coefs_, other.intercepts_ = coefs, intercepts
        other.hidden_layer_sizes = tuple(coef.shape[1] for coef in coefs[:-1])
        other._columns = columns if self._columns is None else self._columns[columns]
        if other._columns.size == self.n_features_in_:
            other._columns = None
        other._progress_state = other._anchor = None
        state = getattr(self, "_solver_state", None)
        # Of which epoch the weights are stays true; the moments have another length.
        other._solver_state = state and solver_state(None, state["incremental"], units_of(coefs))
        return other

    # The objective.

    def penalty_breakdown(self, X=None, y=None, sample_weight=None):
        """Return what each term of the objective is worth at the solution.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows to measure the data term on, given together with ``y``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        terms : dict of float
            Values of the penalties "l1", "l2", "group_l1" and "l2_anchor". With ``X`` and ``y``
            also "loss", the mean loss of the rows as they are (without dropout and augmentation,
            with class weights and smoothed labels), and "objective", the sum of all.

        Raises
        ------
        NotFittedError
            If there is no network yet.
        ValueError
            If only one of ``X`` and ``y`` is given, or ``sample_weight`` without them.

        Examples
        --------
        >>> import numpy as np
        >>> from skreg import MLPRegressor
        >>> X = np.random.default_rng(0).normal(size=(200, 5))
        >>> y = X[:, 1] - X[:, 3]
        >>> network = MLPRegressor((), solver="lbfgs", l1=0.1, l2=0.0).fit(X, y)
        >>> terms = network.penalty_breakdown(X, y)
        >>> bool(np.isclose(terms["l1"], 0.1 * np.abs(network.coefs_[0]).sum()))
        True
        >>> bool(np.isclose(terms["objective"], network.loss_))
        True
        """
        check_is_fitted(self, "coefs_")
        if (X is None) != (y is None) or (X is None and sample_weight is not None):
            raise ValueError(
                "penalty_breakdown needs X and y together, and sample_weight only with them; "
                "give both, or neither for the penalties alone."
            )
        units = units_of(self.coefs_)
        flat = flat_parameters(self.coefs_, self.intercepts_)
        anchor = getattr(self, "_anchor", None)
        terms = Terms(units, network_penalties(self, len(units) - 1), anchor)
        values = terms.values(flat.astype(np.float64))
        values = {name: float(value) for name, value in values.items()}
        if X is not None:
            loss = self._mean_loss(units, (X, y, sample_weight))
            values |= {"loss": loss, "objective": loss + sum(values.values())}
        return values

    def _mean_loss(self, units, rows):
        """Return the mean data loss of rows that the user gave."""
        checked = copy.copy(self)  # encoding the targets writes attributes
        rows, index = check_rows(checked, rows, first_pass=False, incremental=True)
        check_shapes(self.coefs_, self.intercepts_, rows.X.shape[1])
        network = checked._network(units, 0)
        flops = flops_of_outputs(rows.X, units, min(index.size, CHUNK_ROWS))
        with (
            Threads(self.n_jobs, flops, rows.X.dtype) as n_threads,
            Engine(network, rows.X.dtype, valid=rows, valid_index=index, n_threads=n_threads,
                   for_training=False) as engine,
        ):  # fmt: skip
            engine.load_arrays(self.coefs_, self.intercepts_)
            return float(engine.evaluate()[1])


def class_probabilities(raw, n_classes):
    """Return the probabilities of one or two classes from log-odds (..., 1) of the second."""
    if n_classes == 1:
        return np.ones_like(raw)
    # 1 - p would round small probabilities to zero.
    return expit(np.concatenate([-raw, raw], axis=-1))
