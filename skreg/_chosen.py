"""What a cross-validated estimator hands on to the network that it has chosen and refitted."""

from functools import update_wrapper
from types import MethodType

import sklearn
from sklearn.metrics import check_scoring
from sklearn.utils.validation import check_is_fitted

from skreg._docs import attribute_text
from skreg._parameters import spread
from skreg._routing import refuse_extra, route
from skreg._scores import takes_weights


def of_chosen(name, text=None):
    """Return a property that reads the attribute ``name`` of the chosen network.

    Its docstring is ``text``, or what the docstrings of the plain estimators say of it.
    """
    text = text or attribute_text(name)
    return property(lambda self: getattr(self._chosen(name), name), doc=text)


class IfRefitted:
    """A method that is not there, as `hasattr` asks, where ``refit=False`` leaves no network.

    scikit-learn's ``available_if`` would hide the remedy behind words of its own.
    """

    def __init__(self, method):
        update_wrapper(self, method)
        self._method = method

    def __get__(self, estimator, owner=None):
        """Return the method, of the class or of an estimator."""
        if estimator is None:
            return self._method
        if not estimator.refit and not hasattr(estimator, "best_estimator_"):
            raise AttributeError(without_refit(estimator, self._method.__name__))
        return MethodType(self._method, estimator)


def without_refit(estimator, what):
    """Return what to say where there is no refitted network."""
    found = getattr(estimator, "best_params_", None)
    other = ""
    if found:
        found = spread(estimator._plain_estimator(), found)  # of a pattern every strength
        other = f", or fit {estimator._plain.__name__} with the chosen {found}"
    return (
        f"{what} needs the network that is refitted on all rows, but refit=False; fit with "
        f"refit=True{other}."
    )


class ChosenMixin:
    """Attributes and methods of the chosen network.

    It stands before scikit-learn's mixins, which have a `score` and tags of their own.
    """

    coefs_ = of_chosen("coefs_")
    intercepts_ = of_chosen("intercepts_")
    n_layers_ = of_chosen("n_layers_")
    n_outputs_ = of_chosen("n_outputs_")
    out_activation_ = of_chosen("out_activation_")
    n_iter_ = of_chosen("n_iter_")
    t_ = of_chosen("t_")
    loss_ = of_chosen("loss_")
    best_loss_ = of_chosen("best_loss_")
    loss_curve_ = of_chosen("loss_curve_")
    validation_scores_ = of_chosen("validation_scores_")
    best_validation_score_ = of_chosen("best_validation_score_")
    history_ = of_chosen("history_")
    feature_importances_ = of_chosen("feature_importances_")
    active_features_ = of_chosen("active_features_")
    n_nonzero_ = of_chosen("n_nonzero_")
    stopped_early_ = of_chosen("stopped_early_")

    def _chosen(self, what):
        """Return the refitted network, which knows ``what`` is asked for."""
        check_is_fitted(self, "cv_results_")
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(without_refit(self, what))
        return self.best_estimator_

    def score(self, X, y, sample_weight=None, **params):
        """Score the chosen network by ``scoring``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.
        **params : dict of str -> object
            Where metadata routing is enabled, weights under the name by which the scorer asks for
            them.

        Returns
        -------
        score : float
            The higher the better: by default accuracy or R2.

        Raises
        ------
        AttributeError
            If ``refit=False`` has left no network to score.
        TypeError
            If weights are given and metadata routing is enabled, but ``scoring`` requests none.
        ValueError
            If weights are given, but ``scoring`` does not accept them.
        """
        best = self._chosen("score")
        scorer = check_scoring(best, scoring=self.scoring)
        with_routing = sklearn.get_config()["enable_metadata_routing"]
        if not with_routing:
            refuse_extra(self, "score", params)
        if sample_weight is None and not params:
            return scorer(best, X, y)
        keywords = {"sample_weight": sample_weight}
        if with_routing:
            keywords = route(self, "score", keywords, params).scorer.score
            if not keywords and sample_weight is not None:
                raise TypeError(
                    f"sample_weight was given, but scoring={self.scoring!r} does not request it; "
                    "leave it out, or choose a scorer with set_score_request(sample_weight=True)."
                )
        elif not takes_weights(scorer):
            raise ValueError(
                f"scoring={self.scoring!r} does not accept sample_weight; leave it out, or choose "
                "a scorer that accepts weights."
            )
        return scorer(best, X, y, **keywords)

    @IfRefitted
    def sample_predictions(self, X, n_draws=100, random_state=None):
        """Draw predictions of the chosen network with units dropped (Monte-Carlo dropout).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_draws : int, default=100
            Draws of every row, at least 1.
        random_state : int, RandomState instance or None, default=None
            Seeds the draws.

        Returns
        -------
        draws : array of shape (n_draws, n_samples, n_outputs)
            As of `MLPRegressor.sample_predictions`.
        """
        return self._chosen("sample_predictions").sample_predictions(X, n_draws, random_state)

    @IfRefitted
    def compress(self):
        """Return the chosen network, not cross-validated, without dead inputs and units.

        Returns
        -------
        network : object
            As of `MLPRegressor.compress`.
        """
        return self._chosen("compress").compress()

    @IfRefitted
    def penalty_breakdown(self, X=None, y=None, sample_weight=None):
        """Return what each term of the objective is worth at the chosen network.

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
            As of `MLPRegressor.penalty_breakdown`.
        """
        return self._chosen("penalty_breakdown").penalty_breakdown(X, y, sample_weight)

    def __sklearn_tags__(self):
        """Say what the networks that are fitted welcome."""
        return self._plain_estimator().__sklearn_tags__()
