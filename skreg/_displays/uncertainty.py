"""How sure a network is: bands of predictions with units dropped, along one feature."""

import numpy as np
import scipy.sparse as sp
from sklearn.base import is_classifier

from skreg._displays._axes import (
    GREY,
    check_matplotlib,
    colour,
    draw_legend_above,
    open_axes,
    shown,
)
from skreg._displays._unwrap import unwrap

N_GRID = 200
LIGHTEST, DARKEST = 0.18, 0.42  # opacity of the widest and of the narrowest band


class UncertaintyDisplay:
    """Bands that hold a share of the draws of Monte-Carlo dropout, along one feature.

    The bands show what the network does not know (Gal & Ghahramani 2016, "Dropout as a Bayesian
    approximation", ICML); the noise of the targets comes on top, so points scatter outside.

    Parameters
    ----------
    grid : array-like of shape (n_grid,)
        Values of the feature, in ascending order.
    draws : array-like of shape (n_draws, n_grid)
        Predictions with units dropped.
    coverage : tuple of float, default=(0.5, 0.95)
        Shares of the draws between the limits of the bands, in (0, 1].
    points : tuple of two arrays of shape (n_samples,), default=None
        The feature and the target of rows to draw.
    feature_name : str, default="x0"
        Label of the x axis.
    target_name : str, default="prediction"
        Label of the y axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    line_ : matplotlib Line2D
        Mean of the draws.
    bands_ : list of matplotlib PolyCollection
        One per coverage, the widest first.
    points_ : matplotlib PathCollection or None
        The rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg import MLPRegressor
    >>> from skreg.inspection import UncertaintyDisplay
    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> y = X[:, 0] ** 2
    >>> network = MLPRegressor((64,), dropout=0.1, max_iter=100, random_state=0).fit(X, y)
    >>> display = UncertaintyDisplay.from_estimator(network, X, y=y, random_state=0)
    >>> display.draws.shape
    (500, 200)
    """

    def __init__(self, *, grid, draws, coverage=(0.5, 0.95), points=None, feature_name="x0",
                 target_name="prediction"):  # fmt: skip
        self.grid = grid
        self.draws = draws
        self.coverage = coverage
        self.points = points
        self.feature_name = feature_name
        self.target_name = target_name

    @classmethod
    def from_estimator(cls, estimator, X, *, feature=0, y=None, grid=None, target=None,
                       n_draws=500, coverage=(0.5, 0.95), random_state=None,
                       ax=None):  # fmt: skip
        """Draw predictions along a feature and how far they lie apart.

        Parameters
        ----------
        estimator : object
            A fitted network with dropout, a pipeline that ends with one, or a fitted search.
        X : {array-like, data frame} of shape (n_samples, n_features) or (n_samples,)
            Rows; the other features stay at their medians (the most frequent value of what is
            not a number). One dimension is taken for the values of a single feature.
        feature : int or str, default=0
            The feature to vary: a column, or its name where X is a data frame.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets of ``X``, to be drawn as points.
        grid : array-like of shape (n_grid,), default=None
            Values of the feature; None takes 200 from the smallest to the largest of ``X``.
        target : int or label, default=None
            What is predicted: an output of a regressor, by default the first, or the probability
            of a class, by default the second of two.
        n_draws : int, default=500
            Draws of every prediction. Each has units of its own dropped, so bands of few draws are
            ragged.
        coverage : float or tuple of float, default=(0.5, 0.95)
            Shares of the draws between the limits of the bands, in (0, 1].
        random_state : int, RandomState instance or None, default=None
            Seeds the draws; None takes that of the network.
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.

        Returns
        -------
        display : UncertaintyDisplay
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        inside = unwrap(estimator, "sample_predictions", cls)
        network = inside.network
        column, target_name = _target(network, target)
        X, feature, name = _feature(X, feature)
        values = _column(X, feature)
        grid = np.linspace(values.min(), values.max(), N_GRID) if grid is None else np.sort(grid)
        draws = _draws(inside, _rows_along(X, feature, grid), n_draws, random_state)[..., column]
        points = None if y is None else (values, _observed(network, y, column))
        coverage = (coverage,) if np.isscalar(coverage) else tuple(coverage)
        display = cls(
            grid=grid, draws=draws, coverage=coverage, points=points, feature_name=name,
            target_name=target_name,
        )  # fmt: skip
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw the bands.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.

        Returns
        -------
        display : UncertaintyDisplay
        """
        shares = self._check_coverage()
        ax = open_axes(self, ax)
        draws, self.points_ = np.asarray(self.draws), None
        if self.points is not None:
            self.points_ = ax.scatter(
                *self.points, s=10, color=GREY, alpha=0.6, linewidth=0, label="data"
            )
        opacity = np.linspace(LIGHTEST, DARKEST, len(shares)) if len(shares) > 1 else [LIGHTEST]
        self.bands_ = [
            ax.fill_between(
                self.grid, *np.quantile(draws, [(1 - share) / 2, (1 + share) / 2], axis=0),
                color=colour(0), alpha=alpha, linewidth=0, label=f"{share:.0%} of the draws",
            )
            for share, alpha in zip(shares, opacity, strict=True)
        ]  # fmt: skip
        mean = draws.mean(axis=0)
        (self.line_,) = ax.plot(self.grid, mean, color=colour(0), label="mean")
        ax.set(xlabel=shown(self.feature_name), ylabel=self.target_name)
        draw_legend_above(ax)
        return self

    def _check_coverage(self):
        """Return the shares, the widest first."""
        shares = sorted(self.coverage, reverse=True)
        if not shares or not 0 < shares[-1] <= shares[0] <= 1:
            raise ValueError(f"coverage={self.coverage!r} is not in (0, 1]; try (0.5, 0.95).")
        return shares


def _draws(inside, rows, n_draws, random_state):
    """Return draws (n_draws, n_rows, n_outputs) on the scale of the user's targets."""
    for transformer in inside.transformers:
        rows = transformer.transform(rows)
    draws = inside.network.sample_predictions(rows, n_draws, random_state)
    for transformer in reversed(inside.target_transformers):
        flat = transformer.inverse_transform(draws.reshape(-1, draws.shape[-1]))
        draws = flat.reshape(*draws.shape[:2], -1)
    return draws


def _target(network, target):
    """Return the column of the draws and what to call it."""
    if not is_classifier(network):
        column = 0 if target is None else target
        if not -network.n_outputs_ <= column < network.n_outputs_:
            raise ValueError(
                f"target={target!r} is not an output of the network, which has "
                f"{network.n_outputs_}; choose one from 0 on."
            )
        return column, "prediction" if network.n_outputs_ == 1 else f"prediction of output {column}"
    classes = list(network.classes_)
    if target is None and len(classes) == 2:
        target = classes[1]
    if target not in classes:
        raise ValueError(f"target={target!r} is not a class; choose one of {classes}.")
    return classes.index(target), f"probability of {target}"


def _feature(X, feature):
    """Return rows of two dimensions, the place of a feature and its name."""
    if sp.issparse(X):
        raise ValueError("X is sparse; give dense rows, X.toarray() for example.")
    if hasattr(X, "iloc"):
        names = list(X.columns) if X.ndim == 2 else [X.name]
        X = X if X.ndim == 2 else X.to_frame()
    else:
        X = np.asarray(X)
        X = X.reshape(-1, 1) if X.ndim == 1 else X
        names = [f"x{place}" for place in range(X.shape[1])]
    place = names.index(feature) if feature in names else feature
    if isinstance(place, str) or not 0 <= place < len(names):
        raise ValueError(f"feature={feature!r} is not a column of X; choose one of {names}.")
    return X, place, names[place]


def _column(X, place):
    """Return a column as numbers."""
    column = X.iloc[:, place] if hasattr(X, "iloc") else X[:, place]
    return np.asarray(column, dtype=np.float64)


def _rows_along(X, place, grid):
    """Return typical rows that differ in one feature, of the kind that X is."""
    if not hasattr(X, "iloc"):
        rows = np.tile(np.median(X, axis=0), (len(grid), 1))
        rows[:, place] = grid
        return rows
    first = np.zeros(len(grid), dtype=int)
    rows = X.iloc[first].reset_index(drop=True)
    for name, column in X.items():
        is_number = column.dtype.kind in "iuf"
        rows[name] = column.median() if is_number else column.mode().iloc[first].array
    rows[X.columns[place]] = grid
    return rows


def _observed(network, y, column):
    """Return what the points show: targets, or whether a row is of the class."""
    y = np.asarray(y)
    if is_classifier(network) and y.ndim == 1:
        return (y == network.classes_[column]).astype(np.float64)
    return y if y.ndim == 1 else y[:, column]
