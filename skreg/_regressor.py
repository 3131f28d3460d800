"""The multi-layer perceptron regressor."""

from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array

from skreg._base import BaseMLP
from skreg._docs import documented
from skreg._kernels.losses import LINKS, LOSSES
from skreg._scores import r2
from skreg._sklearn import Interval, StrOptions, fit_context
from skreg._warnings import named

# Losses that do not take all targets: the lower bound, and whether a target may be equal to it.
SMALLEST_TARGET = {"poisson": (0.0, True), "gamma": (0.0, False)}


@documented(score="R2", out_activations='{"identity", "exp"}')
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor with l1, l2, dropout and a choice of losses.

    With the same ``random_state``, and without penalties, it is scikit-learn's network.

    Parameters
    ----------
    <layers>
    loss : str, default="squared_error"
        What a prediction costs. In terms of ``r = y - z``, with the raw output ``z``:

        - "squared_error": ``r ** 2 / 2``;
        - "absolute_error": ``abs(r)``;
        - "huber": ``r ** 2 / 2`` up to ``huber_delta``, straight lines from there on;
        - "quantile": ``max(quantile * r, (quantile - 1) * r)``;
        - "poisson": half the deviance of a Poisson distribution with mean ``exp(z)``, y >= 0;
        - "gamma": half the deviance of a gamma distribution with mean ``exp(z)``, y > 0.
    huber_delta : float, default=1.0
        Where "huber" turns from squares to absolute values, above 0.
    quantile : float, default=0.5
        The quantile that loss="quantile" predicts, in (0, 1).
    <regularization>
    <polish>
    <training>

    Attributes
    ----------
    <attributes>

    See Also
    --------
    MLPClassifier : The same network for classes.
    sklearn.neural_network.MLPRegressor : Without l1, dropout and most of the rest.
    sklearn.linear_model.ElasticNet : What ``hidden_layer_sizes=()`` amounts to, with
        ``l1 = alpha * l1_ratio`` and ``l2 = alpha * (1 - l1_ratio)``.

    Notes
    -----
    <objective>

    where ``s`` is the sample weight; the losses of several outputs add up. Biases are never
    penalized, and the strengths mean the same for every batch size and number of rows.

    References
    ----------
    <references>

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.preprocessing import scale
    >>> from skreg import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(scale(X), scale(y), random_state=0)
    >>> network = MLPRegressor(
    ...     (32,), l1=0.01, dropout=0.1, learning_rate="cosine", learning_rate_init=0.01,
    ...     random_state=0,
    ... ).fit(X_train, y_train)
    >>> bool(network.score(X_test, y_test) > 0.3)
    True
    >>> bool((network.coefs_[0] == 0).mean() > 0.5)  # more than half are exact zeros
    True
    """

    _parameter_constraints: dict = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }

    _y_numeric = True

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="squared_error",
        huber_delta=1.0,
        quantile=0.5,
        solver="adam",
        l1=0.0,
        l2=1e-4,
        dropout=0.0,
        input_dropout=0.0,
        weight_decay=0.0,
        clip_norm=None,
        group_l1=0.0,
        feature_groups=None,
        feature_penalty=None,
        max_norm=None,
        l2_anchor=0.0,
        frozen_layers=None,
        weight_averaging=0.0,
        augmentation=None,
        polish=3,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        scoring=None,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dtype=None,
        n_jobs=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.huber_delta = huber_delta
        self.quantile = quantile
        self.solver = solver
        self.l1 = l1
        self.l2 = l2
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.group_l1 = group_l1
        self.feature_groups = feature_groups
        self.feature_penalty = feature_penalty
        self.max_norm = max_norm
        self.l2_anchor = l2_anchor
        self.frozen_layers = frozen_layers
        self.weight_averaging = weight_averaging
        self.augmentation = augmentation
        self.polish = polish
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dtype = dtype
        self.n_jobs = n_jobs

    @available_if(lambda self: self._check_solver())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None,
                    sample_weight_val=None):  # fmt: skip
        """Run one epoch over the given rows, going on from the present weights.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        X_val, y_val, sample_weight_val : as in `fit`
            Validation rows; needed with ``early_stopping=True``. Once the score has not improved
            for more than ``n_iter_no_change`` calls, the best weights are restored.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As of `fit`, and if ``early_stopping=True`` finds no validation rows.
        """
        return self._partial_fit((X, y, sample_weight), (X_val, y_val, sample_weight_val))

    def predict(self, X, return_std=False, *, n_draws=100, random_state=None):
        """Predict the targets of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to predict from draws of networks with units dropped as in training
            (Monte-Carlo dropout, see `sample_predictions`), and to return how far they lie apart.
        n_draws : int, default=100
            Draws of every row, with ``return_std=True``.
        random_state : int, RandomState instance or None, default=None
            Seeds the draws; None takes the estimator's ``random_state``.

        Returns
        -------
        y : array of shape (n_samples,) or (n_samples, n_outputs)
            On the scale of the targets: behind the output link of the loss. With
            ``return_std=True`` it is the mean of the draws instead of the plain network.
        std : array of the shape of ``y``
            Standard deviation of the draws, with ``return_std=True`` only. It is what the
            network does not know; the noise of the targets comes on top.

        Raises
        ------
        ValueError
            With ``return_std=True``, if neither ``dropout`` nor ``input_dropout`` drops anything.

        Examples
        --------
        >>> import numpy as np
        >>> from skreg import MLPRegressor
        >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
        >>> network = MLPRegressor((64,), dropout=0.1, max_iter=100, random_state=0)
        >>> y, std = network.fit(X, X[:, 0] ** 2).predict([[0.0], [5.0]], return_std=True)
        >>> bool(std[1] > 2 * std[0])  # far from the data the draws disagree
        True
        """
        if return_std:
            mean, std = self._draw_moments(X, n_draws, random_state)
            return (mean.ravel(), std.ravel()) if mean.shape[1] == 1 else (mean, std)
        y = self._linked(X)
        return y.ravel() if y.shape[1] == 1 else y

    def _encode(self, y, first_pass, incremental):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        target = y.reshape(y.shape[0], -1)
        if not first_pass and target.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {target.shape[1]} outputs, but the network was fitted with "
                f"{self.n_outputs_}; call fit with warm_start=False, which begins anew."
            )
        if target.dtype == np.float16:  # whose squares, in the score, overflow beyond 255
            target = target.astype(np.float32)
        self.out_activation_ = LINKS[LOSSES[self.loss]]
        self.n_outputs_ = target.shape[1]
        return target

    def _encode_validation(self, y_val, dtype=np.float64, name="y_val"):
        # check_array refuses what overflows
        with named(name), np.errstate(over="ignore", invalid="ignore"):
            target = check_array(y_val, ensure_2d=False, dtype=np.float64, input_name=name)
        target = target.reshape(target.shape[0], -1)
        known = "y" if name == "y_val" else "the network"
        if target.shape[1] != self.n_outputs_:
            raise ValueError(
                f"{name} has {target.shape[1]} outputs, but {known} has {self.n_outputs_}; give as "
                "many."
            )
        self._check_range(name, target, dtype)
        return target

    def _check_range(self, name, target, dtype):
        """Refuse targets that the loss cannot take, as they are and in the dtype of the fit."""
        ends = np.array([target.min(), target.max()])
        with np.errstate(over="ignore"):
            rounded = ends.astype(dtype)
        if np.isnan(rounded).any():
            raise ValueError(f"Input {name} contains NaN; drop these rows.")
        if np.isinf(rounded).any():
            raise ValueError(
                f"Input {name} contains {ends[np.isinf(rounded)][0]!s}, which is too large for "
                f"{rounded.dtype!r}; scale the targets or choose a wider dtype."
            )
        smallest = float(ends[0])
        bound, may_be_equal = SMALLEST_TARGET.get(self.loss, (-np.inf, True))
        if smallest < bound or (rounded[0] <= bound and not may_be_equal):
            note = f" ({bound:g} in {rounded.dtype})" if smallest > bound else ""
            raise ValueError(
                f"loss={self.loss!r} needs y {'>=' if may_be_equal else '>'} {bound:g}, but {name} "
                f"has the value {smallest:g}{note}; choose another loss or transform the targets."
            )

    def _loss(self):
        parameters = {"huber": self.huber_delta, "quantile": self.quantile}
        return LOSSES[self.loss], float(parameters.get(self.loss, 0.0))

    def _n_outputs(self, target):
        return target.shape[1]

    def _default_score(self, raw, target, weight):
        with np.errstate(over="ignore"):
            return r2(np.exp(raw) if self.out_activation_ == "exp" else raw, target, weight)
