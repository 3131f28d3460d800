"""Bias, variance and error against the strength of a regularizer."""

import numpy as np

from skreg._bias_variance import bias_variance
from skreg._displays._axes import (
    BLACK,
    check_matplotlib,
    colour,
    draw_legend_above,
    is_number,
    mark,
    open_axes,
    positions,
    scale_strengths,
    shown,
)

ERROR_NAMES = {"squared_error": "squared error", "zero_one": "share of wrong predictions"}


class BiasVarianceDisplay:
    """The error on test rows and its parts, bias and variance, over values of a parameter.

    Bias and variance add up to the error. Variance is what the bootstrap estimates; bias, squared
    where the error is, is the rest. It contains the noise of the targets and, because all samples
    are drawn from the same training rows, what is peculiar to these rows, even of a method that
    is right on average. With the zero-one loss the variance is the net one: what it adds to the
    error where the main prediction is right less what it takes where that is wrong, so it can be
    negative.

    Parameters
    ----------
    result : BiasVariance
        As returned by `bias_variance`, with a parameter.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : dict of matplotlib Line2D
        "error", "bias" and "variance".
    best_line_ : matplotlib Line2D
        The mark of the smallest error.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skreg import MLPRegressor
    >>> from skreg.inspection import BiasVarianceDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> display = BiasVarianceDisplay.from_estimator(
    ...     MLPRegressor((), solver="lbfgs"), scale(X), scale(y),
    ...     param_name="l2", param_range=[0.01, 0.1, 1], n_bootstraps=5, random_state=0,
    ... )
    >>> list(display.lines_)
    ['error', 'bias', 'variance']
    """

    def __init__(self, result):
        self.result = result

    @classmethod
    def from_estimator(cls, estimator, X, y, *, param_name, param_range, X_test=None, y_test=None,
                       test_size=0.5, n_bootstraps=30, random_state=None, n_jobs=None,
                       ax=None):  # fmt: skip
        """Compute bias and variance with `bias_variance`, and draw them.

        Parameters
        ----------
        estimator : object
            A classifier or regressor, a pipeline too. Clones of it are fitted.
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        param_name : str
            A parameter of the estimator.
        param_range : array-like of shape (n_values,)
            Its values.
        X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features), default=None
            Test rows. None sets a random part of ``X`` aside.
        y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
            Their targets.
        test_size : float or int, default=0.5
            How much of ``X`` is set aside where ``X_test`` is None: a share or a number of rows.
        n_bootstraps : int, default=30
            Samples to fit on, at least 2.
        random_state : int, RandomState instance or None, default=None
            Seeds the split, the samples and what the estimator draws.
        n_jobs : int, default=None
            Threads; changes the time and never the result.
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.

        Returns
        -------
        display : BiasVarianceDisplay
            With what was drawn as attributes.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        result = bias_variance(
            estimator, X, y, param_name=param_name, param_range=param_range, X_test=X_test,
            y_test=y_test, test_size=test_size, n_bootstraps=n_bootstraps,
            random_state=random_state, n_jobs=n_jobs,
        )  # fmt: skip
        return cls(result).plot(ax)

    def plot(self, ax=None):
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.

        Returns
        -------
        display : BiasVarianceDisplay
            This object, with what was drawn as attributes.
        """
        result = self.result
        if result.param_range is None:
            raise ValueError(
                "There is no parameter to draw against; call bias_variance with param_name and "
                "param_range."
            )
        ax = open_axes(self, ax)
        scale_strengths(ax, result.param_range)
        places = positions(result.param_range)
        order = np.argsort(places, kind="stable")
        parts = self._parts()
        styles = {
            "error": (BLACK, "o-"),
            "bias": (colour(0), "s--"),
            "variance": (colour(1), "^-."),
        }
        self.lines_ = {
            name: ax.plot(
                places[order], values[order], fmt, color=ink, markersize=4, label=label
            )[0]
            for (name, (ink, fmt)), (label, values) in zip(styles.items(), parts, strict=True)
        }  # fmt: skip
        ax.set(xlabel=result.param_name.rpartition("__")[2], ylabel=ERROR_NAMES[result.loss])
        best = int(np.argmin(result.error))
        value = result.param_range[best]
        value = f"{value:.3g}" if is_number(value) else shown(value)
        self.best_line_ = mark(ax, places[best], f"smallest error, {value}")
        draw_legend_above(ax)
        return self

    def _parts(self):
        """Return labels and values of error, bias and variance."""
        result = self.result
        squared = result.loss == "squared_error"
        return (
            ("error", result.error),
            ("bias²" if squared else "bias", result.bias),
            ("variance" if squared else "net variance", result.net_variance),
        )
