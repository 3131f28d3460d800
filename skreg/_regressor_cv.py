"""The cross-validated multi-layer perceptron regressor."""

from sklearn.base import RegressorMixin

from skreg._chosen import ChosenMixin, IfRefitted
from skreg._cv import BaseMLPCV
from skreg._cv_docs import searching
from skreg._docs import documented
from skreg._regressor import MLPRegressor


@searching
@documented(score="R2", out_activations='{"identity", "exp"}')
class MLPRegressorCV(ChosenMixin, RegressorMixin, BaseMLPCV):
    """Multi-layer perceptron regressor that chooses its strengths by cross-validation.

    The product of the strengths asked for is fitted on every fold, and the best is fitted once
    more on all rows. Scores are, to the bit, those of `sklearn.model_selection.GridSearchCV` over
    `MLPRegressor` with the same ``random_state``; but the fits run as threads over one copy of
    the data.

    Parameters
    ----------
    <layers>
    <search>
    loss : str, default="squared_error"
        What a prediction costs: "squared_error", "absolute_error", "huber", "quantile",
        "poisson" or "gamma", as in `MLPRegressor`.
    huber_delta : float, default=1.0
        Where "huber" turns from squares to absolute values, above 0.
    quantile : float, default=0.5
        The quantile that loss="quantile" predicts, in (0, 1).
    <regularization>
    <polish>
    <training>

    Attributes
    ----------
    <search_attributes>
    <attributes>

    See Also
    --------
    MLPRegressor : The network with given strengths.
    MLPClassifierCV : The same search for classes.
    sklearn.linear_model.LassoCV : The same for a linear model with l1.

    Notes
    -----
    <notes>

    References
    ----------
    <references>
    <search_references>

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skreg import MLPRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> search = MLPRegressorCV(
    ...     (), l1s=10, cv=3, solver="lbfgs", selection="one_se", random_state=0
    ... ).fit(scale(X), scale(y))
    >>> len(search.cv_results_["params"])
    10
    >>> bool(search.score(scale(X), scale(y)) > 0.4)
    True
    >>> search.active_features_.size < 10
    True
    """

    _parameter_constraints: dict = {
        **MLPRegressor._parameter_constraints,
        **BaseMLPCV._parameter_constraints,
    }

    _plain = MLPRegressor

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        l1s=None,
        l2s=None,
        group_l1s=None,
        dropouts=None,
        input_dropouts=None,
        cv=5,
        scoring=None,
        selection="best",
        warm_path=False,
        halving=False,
        refit=True,
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
        early_stopping_scoring=None,
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
        self.l1s = l1s
        self.l2s = l2s
        self.group_l1s = group_l1s
        self.dropouts = dropouts
        self.input_dropouts = input_dropouts
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.warm_path = warm_path
        self.halving = halving
        self.refit = refit
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
        self.early_stopping_scoring = early_stopping_scoring
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dtype = dtype
        self.n_jobs = n_jobs

    @IfRefitted
    def predict(self, X, return_std=False, *, n_draws=100, random_state=None):
        """Predict the targets of rows with the chosen network, as `MLPRegressor.predict`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to predict from draws of networks with units dropped, and to return how far
            they lie apart.
        n_draws : int, default=100
            Draws of every row, with ``return_std=True``.
        random_state : int, RandomState instance or None, default=None
            Seeds the draws.

        Returns
        -------
        y : array of shape (n_samples,) or (n_samples, n_outputs)
            On the scale of the targets; with ``return_std=True`` the mean of the draws.
        std : array of the shape of ``y``
            Standard deviation of the draws, with ``return_std=True`` only.

        Raises
        ------
        ValueError
            With ``return_std=True``, if neither ``dropout`` nor ``input_dropout`` drops anything.
        """
        best = self._chosen("predict")
        return best.predict(X, return_std, n_draws=n_draws, random_state=random_state)
