"""The multi-layer perceptron classifier."""

from numbers import Real

import numpy as np
import scipy.sparse as sp
from scipy.special import expit, log_softmax
from sklearn.utils.metaestimators import available_if

from skreg._base import BaseMLP
from skreg._docs import documented
from skreg._fitted import class_probabilities
from skreg._kernels.losses import BINARY_LOG_LOSS, LOG_LOSS, SOFT_LOG_LOSS
from skreg._labels import (
    BINARY,
    MULTICLASS,
    MULTILABEL,
    LabelsMixin,
    check_classes,
    check_known,
    check_labels,
    check_same_kind,
    classes_of,
    label_codes,
    label_type,
    refuse_unseen,
    weighted_by_class,
)
from skreg._scores import accuracy
from skreg._sklearn import Interval, StrOptions, fit_context
from skreg.augmentation import mixes_targets


@documented(score="accuracy", out_activations='{"softmax", "logistic"}')
class MLPClassifier(LabelsMixin, BaseMLP):
    """Multi-layer perceptron classifier with l1, l2 and dropout.

    It minimizes the log loss: with softmax for more than two classes, with the logistic function
    for two classes and for each label of multilabel data. With the same ``random_state``, and
    without penalties, it is scikit-learn's network.

    Parameters
    ----------
    <layers>
    <regularization>
    label_smoothing : float, default=0.0
        Share of every label, in [0, 1), that is spread evenly over all classes in training
        [13]_; labels of multilabel data move by half of it towards the other value.
    <polish>
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply the sample weights: a dict from labels to numbers
        of at least 0, 1 where a label is missing, or "balanced" for
        ``n_samples / (n_classes * n_samples_of_the_class)``, counted by sample weight. Not for
        multilabel data; "balanced" not for `partial_fit`. Rows of ``X_val`` count as
        ``sample_weight_val`` says, without them.
    <training>

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        Labels in sorted order; numbers of the labels for multilabel data.
    <attributes>

    See Also
    --------
    MLPRegressor : The same network for numbers.
    sklearn.neural_network.MLPClassifier : Without l1, dropout and most of the rest.
    sklearn.linear_model.LogisticRegression : What ``hidden_layer_sizes=()`` amounts to, with
        ``C = 1 / (n_samples * l2)``.

    Notes
    -----
    <objective>

    where ``s`` is sample weight times class weight and ``loss`` the log loss, which of several
    labels adds up. Biases are never penalized, and the strengths mean the same for every batch
    size and number of rows.

    References
    ----------
    <references>
    .. [13] Szegedy et al. (2016). Rethinking the Inception architecture for computer vision. CVPR.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skreg import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> network = MLPClassifier(
    ...     (64,), l1=1e-3, dropout=0.2, learning_rate="cosine", learning_rate_init=0.01,
    ...     max_iter=60, random_state=0,
    ... ).fit(X_train, y_train)
    >>> bool(network.score(X_test, y_test) > 0.95)
    True
    >>> bool((network.coefs_[0] == 0).mean() > 0.5)  # more than half are exact zeros
    True
    """

    _parameter_constraints: dict = {
        **BaseMLP._parameter_constraints,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    _y_numeric = False

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
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
    def partial_fit(self, X, y, sample_weight=None, classes=None, *, X_val=None, y_val=None,
                    sample_weight_val=None):  # fmt: skip
        """Run one epoch over the given rows, going on from the present weights.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        classes : array-like of shape (n_classes,), default=None
            All labels that any call will see; needed in the first call only.
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
            As of `fit`, if the first call lacks ``classes``, if ``class_weight="balanced"``, or if
            ``early_stopping=True`` finds no validation rows.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' is not supported by partial_fit, which never sees all "
                "labels at once; compute the weights with compute_class_weight('balanced', "
                "classes=classes, y=y) and give them as a dict."
            )
        learned, known = {}, getattr(self, "classes_", None)
        classes = check_classes(classes, known)
        if known is None:  # this estimator changes only when all has gone well
            learned = {"classes_": classes, "_label_type": None}  # `_encode` sees y checked
        rows, validation = (X, y, sample_weight), (X_val, y_val, sample_weight_val)
        return self._partial_fit(rows, validation, learned)

    # Prediction.

    def decision_function(self, X):
        """Return the raw outputs: log-odds of the second class, of each label, or unnormalized.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : array of shape (n_samples,) or (n_samples, n_outputs)
            One number per row for two classes; otherwise one column per class or label.
        """
        raw = self._raw(X)
        return raw.ravel() if self._label_type == BINARY else raw

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : array of shape (n_samples,) or (n_samples, n_labels)
            A label per row; for multilabel data an indicator matrix, sparse if it was fitted so.
        """
        raw = self._raw(X)
        if self._label_type == MULTICLASS:
            return self.classes_[raw.argmax(axis=1)]
        if self._label_type == BINARY:
            positive = (raw.ravel() > 0) & (self.classes_.size > 1)
            return self.classes_[positive.astype(np.intp)]
        labels = (raw > 0).astype(np.intp)
        return sp.csr_matrix(labels) if self._sparse_labels else labels

    def predict_proba(self, X, n_draws=None, *, random_state=None):
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_draws : int or None, default=None
            Average the probabilities of so many networks with units dropped as in training
            (Monte-Carlo dropout, see `sample_predictions`); None takes the plain network.
        random_state : int, RandomState instance or None, default=None
            Seeds the draws; None takes the estimator's ``random_state``.

        Returns
        -------
        probabilities : array of shape (n_samples, n_classes)
            In the order of ``classes_``; for multilabel data, of each label on its own.
        """
        if n_draws is not None:
            return self._draw_moments(X, n_draws, random_state)[0]
        if getattr(self, "_label_type", None) != BINARY:
            return self._linked(X)
        return class_probabilities(self._raw(X), self.classes_.size)

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities, exact where these underflow.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_probabilities : array of shape (n_samples, n_classes)
            As `predict_proba`.
        """
        raw = self._raw(X)
        if self._label_type == MULTICLASS:
            return log_softmax(raw, axis=1)
        if self._label_type == BINARY:
            if self.classes_.size == 1:
                return np.zeros_like(raw)
            raw = np.hstack([-raw, raw])
        # For these log(p) is the raw output itself to the last digit, where p may underflow.
        log_tiny = np.log(np.finfo(raw.dtype).tiny)
        return np.where(raw < log_tiny, raw, np.log(expit(np.maximum(raw, log_tiny))))

    # Labels to targets.

    def _encode(self, y, first_pass, incremental):
        sparse, y = sp.issparse(y), check_labels("y", y)
        if first_pass and not incremental:
            self._label_type, self.classes_ = label_type(y), classes_of(y)
            self._sparse_labels = sparse
        else:
            if self._label_type is None:  # the first call of partial_fit may not see all classes
                kind = label_type(y)
                self._label_type = kind if kind == MULTILABEL else label_type(self.classes_)
                self._sparse_labels = sparse
            starts_warm = self.warm_start and not incremental
            check_known(y, self.classes_, self._label_type, starts_warm)
        self.out_activation_ = "softmax" if self._label_type == MULTICLASS else "logistic"
        target = label_codes(y, self.classes_, self._label_type)
        self.n_outputs_ = self._n_outputs(target)
        return target

    def _encode_validation(self, y_val, dtype=np.float64, name="y_val"):
        y_val = check_labels(name, y_val)
        check_same_kind(name, y_val, self.classes_, self._label_type)
        refuse_unseen(name, y_val, self.classes_)
        return label_codes(y_val, self.classes_, self._label_type).astype(dtype, copy=False)

    def _class_weights(self, target, weight):
        if self.class_weight is None:
            return weight
        return weighted_by_class(self.class_weight, target, weight, self.classes_, self._label_type)

    def _stratify(self, target):
        return None if self._label_type == MULTILABEL else target[:, 0]

    def _smoothing(self):
        return float(self.label_smoothing)

    def _loss(self):
        is_soft = self.label_smoothing > 0 or mixes_targets(self.augmentation)
        if self._label_type != MULTICLASS:
            return BINARY_LOG_LOSS, (np.inf if is_soft else 0.0)  # what is soft is not clipped
        return (SOFT_LOG_LOSS if is_soft else LOG_LOSS), 0.0

    def _n_outputs(self, target):
        return self.classes_.size if self._label_type == MULTICLASS else target.shape[1]

    def _default_score(self, raw, target, weight):
        if self.classes_.size == 1 and self._label_type == BINARY:
            return 1.0  # there is no other label to predict
        return accuracy(raw, target, weight)

    def __sklearn_tags__(self):
        """Say that multilabel targets are welcome."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
