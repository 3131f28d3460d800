"""The cross-validated multi-layer perceptron classifier."""

from sklearn.base import ClassifierMixin

from skreg._chosen import ChosenMixin, IfRefitted, of_chosen
from skreg._classifier import MLPClassifier
from skreg._cv import BaseMLPCV
from skreg._cv_docs import searching
from skreg._docs import documented


@searching
@documented(score="accuracy", out_activations='{"softmax", "logistic"}')
class MLPClassifierCV(ChosenMixin, ClassifierMixin, BaseMLPCV):
    """Multi-layer perceptron classifier that chooses its strengths by cross-validation.

    The product of the strengths asked for is fitted on every fold, and the best is fitted once
    more on all rows. Scores are, to the bit, those of `sklearn.model_selection.GridSearchCV` over
    `MLPClassifier` with the same ``random_state``; but the fits run as threads over one copy of
    the data.

    Parameters
    ----------
    <layers>
    <search>
    <regularization>
    label_smoothing : float, default=0.0
        Share of every label, in [0, 1), that is spread evenly over all classes in training
        [15]_; labels of multilabel data move by half of it towards the other value.
    <polish>
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply the sample weights, as in `MLPClassifier`.
    <training>

    Attributes
    ----------
    <search_attributes>
    classes_ : array of shape (n_classes,)
        Labels in sorted order; numbers of the labels for multilabel data.
    <attributes>

    See Also
    --------
    MLPClassifier : The network with given strengths.
    MLPRegressorCV : The same search for numbers.
    sklearn.linear_model.LogisticRegressionCV : The same for a linear model with l1 or l2.

    Notes
    -----
    <notes>

    References
    ----------
    <references>
    <search_references>
    .. [15] Szegedy et al. (2016). Rethinking the Inception architecture for computer vision. CVPR.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skreg import MLPClassifierCV
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> search = MLPClassifierCV(
    ...     (32,), l1s=[1e-4, 1e-2], cv=3, learning_rate="one_cycle", learning_rate_init=0.01,
    ...     max_iter=20, random_state=0,
    ... ).fit(X_train, y_train)
    >>> search.l1_
    0.0001
    >>> bool(search.score(X_test, y_test) > 0.95)
    True
    """

    _parameter_constraints: dict = {
        **MLPClassifier._parameter_constraints,
        **BaseMLPCV._parameter_constraints,
    }

    _plain = MLPClassifier

    classes_ = of_chosen(
        "classes_", "Labels in sorted order; numbers of the labels for multilabel data."
    )

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
        label_smoothing=0.0,
        polish=3,
        class_weight=None,
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
        self.label_smoothing = label_smoothing
        self.polish = polish
        self.class_weight = class_weight
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
    def decision_function(self, X):
        """Return the raw outputs of the chosen network, as `MLPClassifier.decision_function`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : array of shape (n_samples,) or (n_samples, n_outputs)
            One number per row for two classes; otherwise one column per class or label.
        """
        return self._chosen("decision_function").decision_function(X)

    @IfRefitted
    def predict(self, X):
        """Predict labels with the chosen network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : array of shape (n_samples,) or (n_samples, n_labels)
            A label per row; for multilabel data an indicator matrix, sparse if it was fitted so.
        """
        return self._chosen("predict").predict(X)

    @IfRefitted
    def predict_proba(self, X, n_draws=None, *, random_state=None):
        """Predict probabilities with the chosen network, as `MLPClassifier.predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_draws : int or None, default=None
            Average the probabilities of so many networks with units dropped as in training.
        random_state : int, RandomState instance or None, default=None
            Seeds the draws.

        Returns
        -------
        probabilities : array of shape (n_samples, n_classes)
            In the order of ``classes_``; for multilabel data, of each label on its own.
        """
        best = self._chosen("predict_proba")
        return best.predict_proba(X, n_draws, random_state=random_state)

    @IfRefitted
    def predict_log_proba(self, X):
        """Predict logarithms of probabilities with the chosen network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_probabilities : array of shape (n_samples, n_classes)
            As `predict_proba`.
        """
        return self._chosen("predict_log_proba").predict_log_proba(X)
